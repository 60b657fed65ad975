//! Reading blobs: one chunk ahead of whoever looks at them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use mirror_oci::{Blob, Checkpoints, Descriptor, Mismatch, Verified};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::LayoutError;
use crate::folder::off;

/// How much is read at once. Less costs time (64 KiB: a sixth more, measured), more gains none, and
/// three chunks of each blob are in memory: one read ahead, one held back, one under way.
const CHUNK_BYTES: usize = 256 << 10;

/// Reads `file` as `blob` from `offset` on.
pub(crate) async fn blob(
    mut file: File,
    path: PathBuf,
    blob: &Descriptor,
    offset: u64,
    checkpoints: &Checkpoints,
) -> Result<Blob<LayoutError>, LayoutError> {
    let begin = checkpoints.before(offset).offset;
    let found = path.clone();
    let (file, size) = off(&path, move || {
        let error = |error| LayoutError::io("read", &found, error);
        file.seek(SeekFrom::Start(begin)).map_err(error)?;
        let size = file.metadata().map_err(error)?.len();
        Ok((file, size))
    })
    .await?;
    let (digest, expected) = (blob.digest, blob.size);
    let mismatch = match size {
        found if found < expected => Some(Mismatch::Short { digest, expected, found }),
        found if found > expected => Some(Mismatch::Long { digest, expected }),
        _ => None,
    };
    if let Some(source) = mismatch {
        return Err(LayoutError::Damaged { path, source });
    }
    let verified = Verified::new(chunks(file).boxed(), blob, offset, checkpoints);
    Ok(Blob::new(verified.map_err(move |error| error.of(&path))))
}

/// Reads a file from where it stands; the next chunk is read while one is looked at.
fn chunks(file: File) -> impl Stream<Item = Result<Bytes, ReadError>> + Send + 'static {
    stream::try_unfold(ahead(file), async |chunk| {
        let (file, bytes) = chunk.await.map_err(io::Error::other)??;
        Ok((!bytes.is_empty()).then(|| (bytes, ahead(file))))
    })
}

/// Begins to read a chunk.
fn ahead(mut file: File) -> JoinHandle<io::Result<(File, Bytes)>> {
    spawn_blocking(move || {
        let mut bytes = Vec::with_capacity(CHUNK_BYTES);
        file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut bytes)?;
        Ok((file, bytes.into()))
    })
}

/// What can go wrong in a blob, before its path is known.
enum ReadError {
    Io(io::Error),
    Mismatch(Mismatch),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Mismatch> for ReadError {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(mismatch)
    }
}

impl ReadError {
    fn of(self, path: &Path) -> LayoutError {
        match self {
            Self::Io(error) => LayoutError::io("read", path, error),
            Self::Mismatch(source) => LayoutError::Damaged { path: path.to_owned(), source },
        }
    }
}
