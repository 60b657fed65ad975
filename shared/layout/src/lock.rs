//! The lock of a layout: one of the system's (`flock`), on a file of its own.
//!
//! It ends with the process that holds it, and works between processes and threads alike. Every
//! flux-mirror heeds it. Other tools (oras, regctl, crane, skopeo) have no lock at all.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::LayoutError;
use crate::folder::{Folder, off};

/// The file that is locked while `index.json` is written. It stays: to remove it would let two
/// processes hold two locks.
pub(crate) const LOCK: &str = ".flux-mirror.lock";
/// How long the lock is waited for. A commit takes some milliseconds, with the largest index on a
/// slow disk some seconds; who holds it for longer hangs.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(30);
/// How often it is tried: about as often as a commit takes.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The layout's lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The system lets go of the lock when the file is closed.
    _file: File,
}

impl Lock {
    /// Takes the lock, until `deadline`.
    pub(crate) async fn take(path: &Path, deadline: Instant) -> Result<Self, LayoutError> {
        loop {
            let folder = path.to_owned();
            if let Some(lock) = off(path, move || Self::try_take(&folder)).await? {
                return Ok(lock);
            }
            if Instant::now() + LOCK_PAUSE > deadline {
                return Err(busy(path));
            }
            sleep(LOCK_PAUSE).await;
        }
    }

    /// Takes the lock, unless another has it.
    fn try_take(path: &Path) -> Result<Option<Self>, LayoutError> {
        let file = Folder::make(path)?.lock_file(LOCK)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(LayoutError::io("lock", &path.join(LOCK), error))
            }
        }
    }
}

/// The error of a lock that did not come.
pub(crate) fn busy(path: &Path) -> LayoutError {
    LayoutError::Busy { path: path.join(LOCK), waited: LOCK_WAIT }
}
