//! Writing files that hold secrets: whole or not at all, by renaming, readable by their owner alone.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use tempfile::NamedTempFile;
use tokio::time::Instant;

/// Whoever writes a secret is its only reader.
const OWNER_ONLY: u32 = 0o600;

/// How often it is looked whether a file is free.
const LOCK_LOOK: Duration = Duration::from_millis(20);

/// The most links that a file may stand behind, as of Linux itself.
const MAX_LINKS: usize = 40;

/// A file, there or not, that nobody else replaces by [`Locked`] while this is held.
#[derive(Debug)]
pub(crate) struct Locked {
    file: PathBuf,
    /// The lock; of the folder, since the file is another one after each write.
    _folder: OwnedFd,
}

/// Why a file was not locked.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Somebody else has it.
    Held {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The system's answer.
    Io(io::Error),
}

impl Locked {
    /// Locks the file that `path` leads to, and makes its folder where there is none. Who holds it may do
    /// so for `patience`.
    pub(crate) async fn open(path: PathBuf, patience: Duration) -> Result<Self, LockError> {
        let opened = blocking_io(move || opened(path)).await;
        let (file, folder) = opened.map_err(LockError::Io)?;
        let until = Instant::now() + patience;
        loop {
            match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) if Instant::now() < until => {
                    tokio::time::sleep(LOCK_LOOK).await;
                }
                Err(Errno::WOULDBLOCK) => return Err(LockError::Held { waited: patience }),
                // A file system without locks of folders, as NFS: then the moment between reading and
                // renaming is all that is left to chance.
                Ok(()) | Err(_) => return Ok(Self { file, _folder: folder }),
            }
        }
    }

    /// Returns the file itself, behind all links.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Replaces the file, whose owner stays where that can be. Blocks.
    pub(crate) fn replace(&self, content: &[u8]) -> io::Result<()> {
        let temporary = temporary(&self.file, content, OWNER_ONLY)?;
        if let (Ok(there), Ok(new)) = (self.file.metadata(), temporary.as_file().metadata())
            && (there.uid(), there.gid()) != (new.uid(), new.gid())
        {
            // Only root may give files away; for all others it stays their own.
            let _ = fchown(temporary.as_file(), Some(there.uid()), Some(there.gid()));
        }
        temporary.persist(&self.file)?;
        Ok(())
    }
}

/// A file that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewFile<'f> {
    /// Where.
    pub path: &'f Path,
    /// What is in it.
    pub content: &'f [u8],
    /// Its permissions.
    pub mode: u32,
}

/// Makes two files, unless there is one already at either path: the first is there before the second.
/// Both are whole on disk before either has its name, and where the second cannot have it the first goes
/// again. Blocks.
///
/// # Errors
///
/// Of the system, with the file that it is about; `AlreadyExists` where something is there, which is then
/// as it was.
pub fn write_new<'f>(first: NewFile<'f>, second: NewFile<'f>) -> Result<(), (&'f Path, io::Error)> {
    let prepare = |file: NewFile<'f>| {
        let temporary = temporary(file.path, file.content, file.mode);
        temporary.map_err(|error| (file.path, error))
    };
    let (one, other) = (prepare(first)?, prepare(second)?);
    one.persist_noclobber(first.path).map_err(|error| (first.path, error.error))?;
    other.persist_noclobber(second.path).map_err(|error| {
        // It was made just now, and is of no use alone.
        let _ = std::fs::remove_file(first.path);
        (second.path, error.error)
    })?;
    Ok(())
}

/// Writes a file beside `path`, to be renamed; it is gone when that does not happen.
fn temporary(path: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".flux-mirror-")
        .permissions(Permissions::from_mode(OWNER_ONLY))
        .tempfile_in(folder(path))?;
    file.write_all(content)?;
    // Whatever the umask leaves.
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Does what may block where that may be.
pub(crate) async fn blocking_io<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    // Work that is lost is that of a runtime which ends.
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|lost| Err(io::Error::other(lost)))
}

fn opened(path: PathBuf) -> io::Result<(PathBuf, OwnedFd)> {
    let file = behind_links(path)?;
    let folder = folder(&file).to_owned();
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok((file, rustix::fs::open(&folder, flags, Mode::empty())?))
}

/// Follows links to their end, where there may be nothing yet.
fn behind_links(mut path: PathBuf) -> io::Result<PathBuf> {
    for _ in 0..MAX_LINKS {
        match std::fs::read_link(&path) {
            Ok(target) => path = folder(&path).join(target),
            // No link; what it is else is for whoever opens it.
            Err(_) => return Ok(path),
        }
    }
    Err(Errno::LOOP.into())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
