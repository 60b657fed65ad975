//! Files that a config names: read from beneath one folder, and from nowhere else.
//!
//! The folder is opened once and kept; a file is opened beneath it anew at each read, since tokens
//! rotate. Where the kernel has `openat2`, it refuses what leaves the folder, so that nobody can
//! slip a link in between; elsewhere the path is made canonical and compared. A link that stays
//! inside passes, Kubernetes' `..data` and absolute ones too.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::read::{OPEN, ReadError, read_regular};

#[cfg(test)]
mod tests;

/// How often an open is repeated that a rename elsewhere in the system got in the way of: the
/// kernel then answers `EAGAIN`, and hardly ever twice.
#[cfg(target_os = "linux")]
const OPENS: usize = 16;

/// The folder that a config's paths are relative to and stay inside.
#[derive(Clone, Debug)]
pub struct ConfinedFolder(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    /// The canonical path: for messages, and to compare with.
    path: PathBuf,
    handle: OwnedFd,
}

/// A file inside a [`ConfinedFolder`].
#[derive(Clone, Debug)]
pub struct ConfinedFile {
    folder: Arc<Folder>,
    path: String,
}

/// Why a file that a config names is not read.
#[derive(Debug, thiserror::Error)]
pub enum ConfinedError {
    /// The folder itself cannot be opened.
    #[error("cannot open folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path does not begin at the folder.
    #[error(
        "path `{path}` is absolute, but must be relative to the config's folder {}",
        folder.display()
    )]
    Absolute {
        /// The path as the config has it.
        path: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The path climbs out of the folder.
    #[error("path `{path}` leaves the config's folder {} by ..", folder.display())]
    Climbs {
        /// The path as the config has it.
        path: String,
        /// The folder.
        folder: PathBuf,
    },
    /// A link on the path points out of the folder.
    #[error("path `{path}` leaves the config's folder {} by a symbolic link", folder.display())]
    LinkLeaves {
        /// The path as the config has it.
        path: String,
        /// The folder.
        folder: PathBuf,
    },
    /// A folder, a pipe, a device.
    #[error("path `{path}` is not a regular file")]
    NotAFile {
        /// The path as the config has it.
        path: String,
    },
    /// More than the reader wants.
    #[error("file `{path}` is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The path as the config has it.
        path: String,
        /// The reader's bound.
        limit_bytes: usize,
    },
    /// Not there, or not for us.
    #[error("cannot read file `{path}`")]
    Unreadable {
        /// The path as the config has it.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl ConfinedFolder {
    /// Opens the folder `path`, the working directory if that is empty. Blocks.
    ///
    /// # Errors
    ///
    /// [`ConfinedError::Folder`].
    pub fn open(path: &Path) -> Result<Self, ConfinedError> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let open = || -> io::Result<Folder> {
            let path = fs::canonicalize(path)?;
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
            let handle = rustix::fs::open(&path, flags, Mode::empty())?;
            Ok(Folder { path, handle })
        };
        match open() {
            Ok(folder) => Ok(Self(Arc::new(folder))),
            Err(source) => Err(ConfinedError::Folder { path: path.to_owned(), source }),
        }
    }

    /// Returns the file at `path`, once it was seen to be inside and readable. Blocks.
    ///
    /// # Errors
    ///
    /// All of [`ConfinedError`] but `Folder` and `TooLarge`.
    pub fn file(&self, path: &str) -> Result<ConfinedFile, ConfinedError> {
        self.0.confine(path)?;
        let file = ConfinedFile { folder: Arc::clone(&self.0), path: path.to_owned() };
        let handle = file.open(beneath)?;
        let is_file = fs::File::from(handle).metadata().map(|metadata| metadata.is_file());
        match is_file {
            Ok(true) => Ok(file),
            Ok(false) => Err(ConfinedError::NotAFile { path: file.path }),
            Err(source) => Err(ConfinedError::Unreadable { path: file.path, source }),
        }
    }
}

impl Folder {
    /// Refuses a path that leaves by what it says, whatever the disk holds.
    fn confine(&self, path: &str) -> Result<(), ConfinedError> {
        let owned = || (path.to_owned(), self.path.clone());
        let mut depth = 0_usize;
        for component in Path::new(path).components() {
            match component {
                Component::Prefix(_) | Component::RootDir => {
                    let (path, folder) = owned();
                    return Err(ConfinedError::Absolute { path, folder });
                }
                Component::CurDir => {}
                Component::Normal(_) => depth += 1,
                Component::ParentDir => {
                    depth = depth.checked_sub(1).ok_or_else(|| {
                        let (path, folder) = owned();
                        ConfinedError::Climbs { path, folder }
                    })?;
                }
            }
        }
        Ok(())
    }
}

impl ConfinedFile {
    /// Returns the path as the config has it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reads what the file holds now, at most `limit_bytes`. Blocks.
    ///
    /// # Errors
    ///
    /// All of [`ConfinedError`] but `Folder`, `Absolute` and `Climbs`.
    pub fn read(&self, limit_bytes: usize) -> Result<Zeroizing<Vec<u8>>, ConfinedError> {
        let path = || self.path.clone();
        read_regular(self.open(beneath)?, limit_bytes).map_err(|error| match error {
            ReadError::NotAFile => ConfinedError::NotAFile { path: path() },
            ReadError::TooLarge => ConfinedError::TooLarge { path: path(), limit_bytes },
            ReadError::Io(source) => ConfinedError::Unreadable { path: path(), source },
        })
    }

    /// Opens the file by the kernel's own confinement or, where that is missing or too strict about
    /// absolute links, by its canonical path.
    fn open(&self, beneath: Beneath) -> Result<OwnedFd, ConfinedError> {
        let unreadable = |errno: Errno| ConfinedError::Unreadable {
            path: self.path.clone(),
            source: errno.into(),
        };
        let handle = self.folder.handle.as_fd();
        match beneath(handle, Path::new(&self.path)) {
            Ok(file) => return Ok(file),
            Err(Errno::NOSYS | Errno::PERM | Errno::XDEV) => {}
            Err(errno) => return Err(unreadable(errno)),
        }
        let inside = self.canonical()?;
        match beneath(handle, &inside) {
            Err(Errno::NOSYS | Errno::PERM) => {
                rustix::fs::openat(handle, &inside, OPEN | OFlags::NOFOLLOW, Mode::empty())
                    .map_err(unreadable)
            }
            // Moved out between the look and the open.
            Err(Errno::XDEV) => Err(self.leaves()),
            opened => opened.map_err(unreadable),
        }
    }

    /// Returns the file's path without links, relative to the folder.
    fn canonical(&self) -> Result<PathBuf, ConfinedError> {
        let canonical = fs::canonicalize(self.folder.path.join(&self.path))
            .map_err(|source| ConfinedError::Unreadable { path: self.path.clone(), source })?;
        match canonical.strip_prefix(&self.folder.path) {
            Ok(inside) => Ok(Path::new(".").join(inside)),
            Err(_) => Err(self.leaves()),
        }
    }

    fn leaves(&self) -> ConfinedError {
        ConfinedError::LinkLeaves { path: self.path.clone(), folder: self.folder.path.clone() }
    }
}

/// A way to open a path beneath a folder: `XDEV` for one that leaves, `NOSYS` or `PERM` (a
/// sandbox's answer) where the kernel cannot tell.
type Beneath = fn(BorrowedFd<'_>, &Path) -> Result<OwnedFd, Errno>;

#[cfg(target_os = "linux")]
fn beneath(folder: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 1..OPENS {
        match openat2(folder, path, OPEN, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            opened => return opened,
        }
    }
    openat2(folder, path, OPEN, Mode::empty(), resolve)
}

#[cfg(not(target_os = "linux"))]
fn beneath(_: BorrowedFd<'_>, _: &Path) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}
