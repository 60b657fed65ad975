//! Commits: how tags and referrers get into `index.json`.
//!
//! Whoever sets a tag puts it in the queue. One of them at a time takes the layout's lock and writes
//! all that waits; the others find theirs done. A commit that fails is the failure of the one that
//! tried it: the others try for themselves, each within its own wait. Other tools heed no lock, so of
//! what they and we write at the very same moment one may be lost; never is a file torn by us.

use std::io;
use std::mem;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::LayoutError;
use crate::folder::{Folder, off};
use crate::index::{EMPTY, Update, edit};
use crate::lock::{LOCK_WAIT, Lock, busy};
use crate::part::replace;
use crate::tree::{INDEX, MAX_INDEX_BYTES, sync_blobs};

/// The tags that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    /// One entry per caller that waits, so there are as many as tags are copied at once.
    queue: Arc<Queue>,
    /// Held by the one whose turn it is to write.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// In the order of coming.
#[derive(Debug, Default)]
struct Queue(Mutex<Vec<Waiting>>);

/// A tag that somebody waits for.
#[derive(Debug)]
struct Waiting {
    update: Update,
    /// Told once it is written; closed where nobody waits any more.
    done: oneshot::Sender<()>,
}

impl Commits {
    /// Puts a tag into the layout's index, together with what else waits.
    pub(crate) async fn commit(&self, path: &Path, update: Update) -> Result<(), LayoutError> {
        let deadline = Instant::now() + LOCK_WAIT;
        let (done, mut written) = oneshot::channel();
        self.queue.lock().push(Waiting { update, done });
        let Ok(turn) = timeout_at(deadline, Arc::clone(&self.turn).lock_owned()).await else {
            return Err(busy(path));
        };
        match written.try_recv() {
            Ok(()) => return Ok(()),
            Err(TryRecvError::Empty) => {}
            // A commit that had this tag panicked.
            Err(error @ TryRecvError::Closed) => {
                let error = io::Error::other(error);
                return Err(LayoutError::io("write", &path.join(INDEX), error));
            }
        }
        let lock = Lock::take(path, deadline).await?;
        let queue = Arc::clone(&self.queue);
        let folder = path.to_owned();
        off(path, move || queue.write(&folder, written, lock, turn)).await
    }

    /// Returns how many tags wait to be written.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.queue.lock().len()
    }
}

impl Queue {
    /// Writes all that waits. Lock and turn are held to the end, even where nobody waits for it.
    fn write(
        &self,
        path: &Path,
        written: oneshot::Receiver<()>,
        lock: Lock,
        turn: OwnedMutexGuard<()>,
    ) -> Result<(), LayoutError> {
        let mut batch = mem::take(&mut *self.lock());
        batch.retain(|waiting| !waiting.done.is_closed());
        let updates: Vec<Update> = batch.iter().map(|waiting| waiting.update.clone()).collect();
        let result = write_index(path, &updates);
        if result.is_ok() {
            for Waiting { done, .. } in batch {
                // Whoever waits no more has a tag that stands all the same.
                let _ = done.send(());
            }
        } else {
            drop(written);
            batch.retain(|waiting| !waiting.done.is_closed());
            self.lock().splice(0..0, batch);
        }
        drop((lock, turn));
        result
    }

    /// Locks the queue, which is whole even where somebody who held it panicked.
    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes `index.json` anew, after all that it names. The layout's lock must be held.
fn write_index(path: &Path, updates: &[Update]) -> Result<(), LayoutError> {
    let root = Arc::new(Folder::make(path)?);
    let text = root.read(INDEX, MAX_INDEX_BYTES)?;
    let text = text.as_deref().unwrap_or(EMPTY.as_bytes());
    let index_path = || path.join(INDEX);
    let edited =
        edit(text, updates).map_err(|source| LayoutError::Json { path: index_path(), source })?;
    let Some(edited) = edited else { return Ok(()) };
    if edited.len() as u64 > MAX_INDEX_BYTES {
        return Err(LayoutError::TooLarge { path: index_path(), limit: MAX_INDEX_BYTES });
    }
    sync_blobs(&root)?;
    replace(&root, INDEX, &edited)
}
