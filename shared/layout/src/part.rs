//! Files in the making: written under a name of their own, put in place whole, or gone.
//!
//! They lie in the layout's own folder, on the file system of what they become, and not among the
//! blobs, where other tools take every file for one (`crane layout gc` stops at it, regctl removes
//! it). What a crash leaves of them harms nobody and is swept by a later run.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::LayoutError;
use crate::folder::Folder;

/// What names of files in the making begin with.
const PREFIX: &str = ".flux-mirror-";
/// A name is 64 random bits: to find one taken is rare, to find eight is a mistake.
const NAME_TRIES: usize = 8;
/// A file that nobody has written to for so long belongs to nobody: writers are ended by silences of
/// a minute, jobs by minutes.
const ABANDONED: Duration = Duration::from_hours(1);
/// How many entries of the layout's folder are looked at in a sweep. A layout has three; others' files
/// must not hold up a run.
const SWEEP_ENTRIES: usize = 10_000;

/// A file in the making; removed on drop unless it was put in place.
#[derive(Debug)]
pub(crate) struct Part {
    folder: Arc<Folder>,
    name: String,
    file: File,
    placed: bool,
}

impl Part {
    /// Begins a file in the layout's own folder.
    pub(crate) fn begin(folder: Arc<Folder>) -> Result<Self, LayoutError> {
        let mut tries = 0;
        loop {
            let name = format!("{PREFIX}{:016x}", RandomState::new().hash_one(tries));
            match folder.create(&name) {
                Ok(file) => return Ok(Self { folder, name, file, placed: false }),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && tries < NAME_TRIES =>
                {
                    tries += 1;
                }
                Err(error) => {
                    return Err(LayoutError::io("make", &folder.path().join(name), error));
                }
            }
        }
    }

    /// Adds `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), LayoutError> {
        let Self { folder, name, file, .. } = self;
        file.write_all(bytes)
            .map_err(|error| LayoutError::io("write", &folder.path().join(name), error))
    }

    /// Waits until the bytes are on disk, then puts the file where it belongs. Its name there is
    /// certain only once `destination` is synced.
    pub(crate) fn place(mut self, destination: &Folder, name: &str) -> Result<(), LayoutError> {
        self.file.sync_data().map_err(|error| {
            LayoutError::io("write", &self.folder.path().join(&self.name), error)
        })?;
        self.folder.rename(&self.name, destination, name)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be removed now is swept later.
            let _ = self.folder.remove(&self.name);
        }
    }
}

/// Puts a file into the layout's own folder, over what stands there: on disk before it appears.
pub(crate) fn replace(root: &Arc<Folder>, name: &str, text: &[u8]) -> Result<(), LayoutError> {
    let mut part = Part::begin(Arc::clone(root))?;
    part.write(text)?;
    part.place(root, name)?;
    root.sync()
}

/// Removes what crashes left long ago. What cannot be removed stays.
pub(crate) fn sweep(folder: &Folder) {
    let Ok(entries) = std::fs::read_dir(folder.path()) else { return };
    let now = SystemTime::now();
    for entry in entries.take(SWEEP_ENTRIES).flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| now.duration_since(modified).ok());
        if age.is_some_and(|age| age > ABANDONED) {
            let _ = folder.remove(name);
        }
    }
}
