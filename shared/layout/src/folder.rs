//! A folder of a layout, held open: nothing in it is reached through a link.
//!
//! All calls block; [`off`] takes them off the runtime.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::LayoutError;

/// How folders are opened below the layout's own.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// How files are read: a pipe does not block the opening, a terminal does not become ours.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
/// What a new folder or file may be, less what the umask takes.
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o777);
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// A folder that is held open.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a layout's own folder, through links too: its path was checked by whoever gave it.
    /// `None` where there is none.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, LayoutError> {
        let opened = rustix::fs::open(path, FOLDER, Mode::empty());
        let handle = found(opened, "open", path)?;
        Ok(handle.map(|handle| Self { handle, path: path.to_owned() }))
    }

    /// Opens a layout's own folder; makes it where there is none, with all above it.
    pub(crate) fn make(path: &Path) -> Result<Self, LayoutError> {
        if let Some(folder) = Self::open(path)? {
            return Ok(folder);
        }
        std::fs::create_dir_all(path).map_err(|error| LayoutError::io("make", path, error))?;
        // That the folder itself outlives a power cut is worth a try, not an error.
        if let Some(Ok(Some(parent))) = path.parent().map(Self::open) {
            let _ = parent.sync();
        }
        Self::open(path)?.ok_or_else(|| LayoutError::io("open", path, Errno::NOENT))
    }

    /// Returns where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a folder below; `None` where there is none.
    pub(crate) fn child(&self, name: &str) -> Result<Option<Self>, LayoutError> {
        let path = self.path.join(name);
        let flags = FOLDER | OFlags::NOFOLLOW;
        let opened = rustix::fs::openat(&self.handle, name, flags, Mode::empty());
        Ok(found(opened, "open", &path)?.map(|handle| Self { handle, path }))
    }

    /// Opens a folder below; makes it where there is none.
    pub(crate) fn make_child(&self, name: &str) -> Result<Self, LayoutError> {
        if let Some(folder) = self.child(name)? {
            return Ok(folder);
        }
        let path = self.path.join(name);
        match rustix::fs::mkdirat(&self.handle, name, FOLDER_MODE) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(LayoutError::io("make", &path, error)),
        }
        self.child(name)?.ok_or_else(|| LayoutError::io("open", &path, Errno::NOENT))
    }

    /// Opens a regular file for reading; `None` where there is none.
    pub(crate) fn file(&self, name: &str) -> Result<Option<File>, LayoutError> {
        let path = self.path.join(name);
        let opened = rustix::fs::openat(&self.handle, name, FILE, Mode::empty());
        let Some(file) = found(opened, "open", &path)?.map(File::from) else { return Ok(None) };
        let metadata = file.metadata().map_err(|error| LayoutError::io("read", &path, error))?;
        if metadata.is_file() { Ok(Some(file)) } else { Err(LayoutError::Irregular { path }) }
    }

    /// Reads a regular file of at most `limit` bytes; `None` where there is none.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, LayoutError> {
        let file = self.file(name)?;
        file.map(|file| read_whole(&file, &self.path.join(name), limit)).transpose()
    }

    /// Returns the size of what stands at `name`; `None` where it is no regular file.
    pub(crate) fn size(&self, name: &str) -> Result<Option<u64>, LayoutError> {
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_file() => {
                Ok(u64::try_from(stat.st_size).ok())
            }
            Ok(_) | Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(LayoutError::io("read", &self.path.join(name), error)),
        }
    }

    /// Opens a file for writing that must not be there yet.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.handle, name, flags, FILE_MODE)?.into())
    }

    /// Opens a file that exists to be locked; makes it where there is none.
    pub(crate) fn lock_file(&self, name: &str) -> Result<File, LayoutError> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = self.path.join(name);
        let opened = rustix::fs::openat(&self.handle, name, flags, FILE_MODE);
        found(opened, "open", &path)?
            .map(File::from)
            .ok_or_else(|| LayoutError::io("open", &path, Errno::NOENT))
    }

    /// Moves `name` to `new_name` in `destination`, over what stands there.
    pub(crate) fn rename(
        &self,
        name: &str,
        destination: &Self,
        new_name: &str,
    ) -> Result<(), LayoutError> {
        let path = destination.path.join(new_name);
        rustix::fs::renameat(&self.handle, name, &destination.handle, new_name)
            .map_err(|error| LayoutError::io("write", &path, error))
    }

    /// Removes a file.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// Waits until the folder's entries are on disk.
    pub(crate) fn sync(&self) -> Result<(), LayoutError> {
        match rustix::fs::fsync(&self.handle) {
            // Some network file systems know no such call for folders, and need none.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(error) => Err(LayoutError::io("sync", &self.path, error)),
        }
    }
}

/// Tells what is not there from what cannot be opened.
fn found(
    opened: rustix::io::Result<OwnedFd>,
    action: &'static str,
    path: &Path,
) -> Result<Option<OwnedFd>, LayoutError> {
    match opened {
        Ok(handle) => Ok(Some(handle)),
        Err(Errno::NOENT) => Ok(None),
        // What a link, a file in a folder's place, and a socket answer.
        Err(Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => {
            Err(LayoutError::Irregular { path: path.to_owned() })
        }
        Err(error) => Err(LayoutError::io(action, path, error)),
    }
}

/// Reads a whole file of at most `limit` bytes.
pub(crate) fn read_whole(file: &File, path: &Path, limit: u64) -> Result<Vec<u8>, LayoutError> {
    let expected = file.metadata().map_or(0, |metadata| metadata.len()).min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default() + 1);
    match file.take(limit.saturating_add(1)).read_to_end(&mut bytes) {
        Ok(read) if read as u64 > limit => {
            Err(LayoutError::TooLarge { path: path.to_owned(), limit })
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(LayoutError::io("read", path, error)),
    }
}

/// Does blocking work off the runtime. Work that has begun goes on to its end, awaited or not.
pub(crate) async fn off<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, LayoutError> + Send + 'static,
) -> Result<T, LayoutError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(LayoutError::io("use", path, io::Error::other(error))),
    }
}
