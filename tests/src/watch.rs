//! What happens to the names in a folder, and in which order, as the kernel tells it.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

/// Room for some dozens of events at once.
const BUFFER_BYTES: usize = 4096;

/// A folder that is watched.
#[derive(Debug)]
pub struct Watch(OwnedFd);

/// How a name came to be in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// By a file that was made under it.
    Made,
    /// By a file that was whole before, renamed.
    Renamed,
}

impl Watch {
    /// Begins to watch a folder.
    pub fn new(folder: &Path) -> Self {
        let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("there is inotify");
        let names = WatchFlags::CREATE | WatchFlags::MOVED_TO;
        add_watch(&watch, folder, names).expect("the folder is there");
        Self(watch)
    }

    /// Returns what came since the last question and is no hidden file, in order.
    pub fn came(&self) -> Vec<(String, Came)> {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = Reader::new(&self.0, &mut buffer);
        let mut came = Vec::new();
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return came,
                Err(error) => panic!("the kernel tells no more: {error}"),
            };
            let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
            let is_renamed = event.events().contains(ReadFlags::MOVED_TO);
            let how = if is_renamed { Came::Renamed } else { Came::Made };
            came.extend(name.filter(|name| !name.starts_with('.')).map(|name| (name, how)));
        }
    }
}
