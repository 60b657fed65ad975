//! Receiving blobs: what has come is written while more comes.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use mirror_oci::{Blob, Descriptor, Mismatch};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::folder::Folder;
use crate::part::Part;
use crate::tree::blob_path;
use crate::{LayoutError, PutError};

/// How much is collected before it is written: handing less over costs more than writing it.
const BATCH_BYTES: usize = 1 << 20;
/// How many chunks are collected: chunks of a byte would take 40 times their size in memory.
const BATCH_CHUNKS: usize = 1024;

/// Receives all of `bytes` into a file in the making. At most two batches are in memory.
///
/// The digest was proved by what gives the bytes; their number is checked again.
pub(crate) async fn receive<E>(
    root: &Arc<Folder>,
    blob: &Descriptor,
    mut bytes: Blob<E>,
) -> Result<Part, PutError<E>> {
    let damaged =
        |source| LayoutError::Damaged { path: blob_path(root.path(), blob.digest), source };
    let (digest, expected) = (blob.digest, blob.size);
    let folder = Arc::clone(root);
    let mut writing = Writing(spawn_blocking(move || Part::begin(folder)));
    let mut batch = Vec::new();
    let mut batch_bytes = 0;
    let mut found = 0;
    while let Some(chunk) = bytes.try_next().await.map_err(PutError::Source)? {
        found += chunk.len() as u64;
        if found > expected {
            return Err(damaged(Mismatch::Long { digest, expected }).into());
        }
        batch_bytes += chunk.len();
        batch.push(chunk);
        if batch_bytes >= BATCH_BYTES || batch.len() >= BATCH_CHUNKS {
            writing = writing.then(root, mem::take(&mut batch)).await?;
            batch_bytes = 0;
        }
    }
    if found < expected {
        return Err(damaged(Mismatch::Short { digest, expected, found }).into());
    }
    Ok(writing.then(root, batch).await?.end(root).await?)
}

/// A file that is being written to. Dropped early, the file goes once the writing ends.
struct Writing(JoinHandle<Result<Part, LayoutError>>);

impl Writing {
    /// Writes `batch` once what was begun is done.
    async fn then(self, root: &Folder, batch: Vec<Bytes>) -> Result<Self, LayoutError> {
        let mut part = self.end(root).await?;
        Ok(Self(spawn_blocking(move || {
            for chunk in batch {
                part.write(&chunk)?;
            }
            Ok(part)
        })))
    }

    /// Waits until what was begun is done.
    async fn end(self, root: &Folder) -> Result<Part, LayoutError> {
        match self.0.await {
            Ok(part) => part,
            Err(error) => Err(LayoutError::io("write", root.path(), std::io::Error::other(error))),
        }
    }
}
