//! Bytes that are hashed as they pass, and do not end well unless they are what they should be.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::stream::{Stream, StreamExt};

use crate::{Descriptor, Digest, Hasher};

/// How far apart checkpoints are: reading again from one costs at most this much.
pub const CHECKPOINT_BYTES: u64 = 16 << 20;

/// Content that is not what its descriptor says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The digest is another.
    #[error("content has digest {found} where {expected} was expected")]
    Digest {
        /// What the descriptor says.
        expected: Digest,
        /// What the bytes have.
        found: Digest,
    },
    /// It ended early.
    #[error("content of {digest} ended after {found} of {expected} bytes")]
    Short {
        /// What was being read.
        digest: Digest,
        /// The size that the descriptor says.
        expected: u64,
        /// The bytes that came.
        found: u64,
    },
    /// It did not end where it should.
    #[error("content of {digest} is longer than its {expected} bytes")]
    Long {
        /// What was being read.
        digest: Digest,
        /// The size that the descriptor says.
        expected: u64,
    },
}

/// The running hash of a blob after its first bytes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// How many bytes the hash has taken in.
    pub offset: u64,
    /// The hash.
    pub hasher: Hasher,
}

/// What readings of one blob have proved so far: a snapshot each [`CHECKPOINT_BYTES`].
#[derive(Clone, Debug)]
pub struct Checkpoints {
    start: Digest,
    taken: Arc<Mutex<Vec<Snapshot>>>,
}

impl Checkpoints {
    /// Returns the checkpoints of a blob that nobody has read yet.
    pub fn new(digest: Digest) -> Self {
        Self { start: digest, taken: Arc::default() }
    }

    /// Returns the last snapshot at or before `offset`; the start where there is none.
    pub fn before(&self, offset: u64) -> Snapshot {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let last = taken.iter().rev().find(|snapshot| snapshot.offset <= offset);
        last.cloned().unwrap_or_else(|| Snapshot { offset: 0, hasher: self.start.hasher() })
    }

    /// Keeps a snapshot, unless one stands there or further on.
    fn keep(&self, offset: u64, hasher: &Hasher) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.last().is_none_or(|last| last.offset + CHECKPOINT_BYTES <= offset) {
            taken.push(Snapshot { offset, hasher: hasher.clone() });
        }
    }
}

/// A stream of a blob's bytes from some offset on, checked against the blob's descriptor.
///
/// The last chunk is held back until the digest and size are right, so that whoever passes the bytes
/// on can never complete something wrong.
pub struct Verified<S> {
    inner: S,
    digest: Digest,
    size: u64,
    checkpoints: Checkpoints,
    hasher: Hasher,
    /// Bytes taken into the hash.
    position: u64,
    /// Where the bytes that are passed on begin.
    offset: u64,
    held: Option<Bytes>,
    ended: bool,
}

impl<S> Verified<S> {
    /// Checks `inner`, which yields the blob's bytes from `checkpoints.before(offset).offset` on;
    /// what comes out begins at `offset`.
    pub fn new(inner: S, blob: &Descriptor, offset: u64, checkpoints: &Checkpoints) -> Self {
        let Snapshot { offset: position, hasher } = checkpoints.before(offset);
        Self {
            inner,
            digest: blob.digest,
            size: blob.size,
            checkpoints: checkpoints.clone(),
            hasher,
            position,
            offset,
            held: None,
            ended: false,
        }
    }

    /// Takes one chunk in; returns what of it is to be passed on.
    fn take(&mut self, mut chunk: Bytes) -> Result<Bytes, Mismatch> {
        let begin = self.position;
        self.position += chunk.len() as u64;
        if self.position > self.size {
            return Err(Mismatch::Long { digest: self.digest, expected: self.size });
        }
        self.hasher.update(&chunk);
        self.checkpoints.keep_if_due(self.position, &self.hasher);
        let skip = self.offset.saturating_sub(begin).min(chunk.len() as u64);
        chunk.advance(usize::try_from(skip).unwrap_or(chunk.len()));
        Ok(chunk)
    }

    /// Judges the whole.
    fn finish(&self) -> Result<(), Mismatch> {
        if self.position < self.size {
            let (expected, found) = (self.size, self.position);
            return Err(Mismatch::Short { digest: self.digest, expected, found });
        }
        match self.hasher.clone().finish() {
            found if found == self.digest => Ok(()),
            found => Err(Mismatch::Digest { expected: self.digest, found }),
        }
    }
}

impl Checkpoints {
    /// Keeps a snapshot where one is due.
    fn keep_if_due(&self, offset: u64, hasher: &Hasher) {
        if offset >= CHECKPOINT_BYTES {
            self.keep(offset, hasher);
        }
    }
}

impl<S, E> Stream for Verified<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: From<Mismatch>,
{
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while !this.ended {
            match ready!(this.inner.poll_next_unpin(context)) {
                Some(Ok(chunk)) => match this.take(chunk) {
                    Ok(chunk) if chunk.is_empty() => {}
                    Ok(chunk) => {
                        if let Some(before) = this.held.replace(chunk) {
                            return Poll::Ready(Some(Ok(before)));
                        }
                    }
                    Err(mismatch) => return this.fail(mismatch.into()),
                },
                Some(Err(error)) => return this.fail(error),
                None => match this.finish() {
                    Ok(()) => this.ended = true,
                    Err(mismatch) => return this.fail(mismatch.into()),
                },
            }
        }
        Poll::Ready(this.held.take().map(Ok))
    }
}

impl<S> Verified<S> {
    /// Ends the stream with an error; what is held is never passed on.
    fn fail<E>(&mut self, error: E) -> Poll<Option<Result<Bytes, E>>> {
        self.ended = true;
        self.held = None;
        Poll::Ready(Some(Err(error)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::{self, TryStreamExt};

    use super::*;
    use crate::MediaType;

    fn descriptor(content: &[u8]) -> Descriptor {
        Descriptor {
            media_type: MediaType::parse("a/b").unwrap(),
            digest: Digest::of(content),
            size: content.len() as u64,
            artifact_type: None,
        }
    }

    /// Reads `chunks` as `blob` from `offset`: what passed, and how it ended.
    async fn read(
        blob: &Descriptor,
        offset: u64,
        chunks: &[&'static [u8]],
    ) -> (Vec<u8>, Option<Mismatch>) {
        let inner =
            stream::iter(chunks.iter().map(|chunk| Ok::<_, Mismatch>(Bytes::from_static(chunk))));
        let mut verified = Verified::new(inner, blob, offset, &Checkpoints::new(blob.digest));
        let mut passed = Vec::new();
        loop {
            match verified.try_next().await {
                Ok(Some(chunk)) => passed.extend_from_slice(&chunk),
                Ok(None) => return (passed, None),
                Err(mismatch) => {
                    assert!(verified.next().await.is_none(), "nothing follows an error");
                    return (passed, Some(mismatch));
                }
            }
        }
    }

    #[tokio::test]
    async fn right_content_passes_whole() {
        let blob = descriptor(b"hello world");
        assert_eq!(
            read(&blob, 0, &[b"hello", b"", b" world"]).await,
            (b"hello world".to_vec(), None)
        );
        assert_eq!(read(&descriptor(b""), 0, &[]).await, (Vec::new(), None));
    }

    #[tokio::test]
    async fn wrong_content_never_passes_whole() {
        let blob = descriptor(b"hello world");
        let (passed, end) = read(&blob, 0, &[b"hello", b" w0rld"]).await;
        assert_eq!(passed, b"hello");
        assert!(matches!(end, Some(Mismatch::Digest { .. })));
        let (passed, end) = read(&blob, 0, &[b"hello", b" wor"]).await;
        assert_eq!(passed, b"hello");
        assert!(matches!(end, Some(Mismatch::Short { found: 9, expected: 11, .. })));
        let (passed, end) = read(&blob, 0, &[b"hello", b" world", b"!"]).await;
        assert_eq!(passed, b"hello");
        assert!(matches!(end, Some(Mismatch::Long { .. })));
    }

    #[tokio::test]
    async fn reading_from_the_middle_still_proves_the_whole() {
        let blob = descriptor(b"hello world");
        assert_eq!(read(&blob, 7, &[b"hello", b" world"]).await, (b"orld".to_vec(), None));
        assert_eq!(read(&blob, 11, &[b"hello", b" world"]).await, (Vec::new(), None));
        let (_, end) = read(&blob, 7, &[b"hellO", b" world"]).await;
        assert!(matches!(end, Some(Mismatch::Digest { .. })));
    }

    #[tokio::test]
    async fn a_second_reading_begins_at_a_checkpoint() {
        let content: Vec<u8> = (0..CHECKPOINT_BYTES * 2 + 5).map(|at| (at % 251) as u8).collect();
        let blob = descriptor(&content);
        let checkpoints = Checkpoints::new(blob.digest);
        let chunks =
            content.chunks(1 << 20).map(|chunk| Ok::<_, Mismatch>(Bytes::copy_from_slice(chunk)));
        let first = Verified::new(stream::iter(chunks), &blob, 0, &checkpoints);
        first.try_collect::<Vec<_>>().await.unwrap();

        let wanted = CHECKPOINT_BYTES * 2 + 2;
        let at = checkpoints.before(wanted).offset;
        assert_eq!(at, CHECKPOINT_BYTES * 2);
        let rest = Bytes::copy_from_slice(&content[usize::try_from(at).unwrap()..]);
        let second = stream::iter([Ok::<_, Mismatch>(rest)]);
        let passed: Vec<Bytes> =
            Verified::new(second, &blob, wanted, &checkpoints).try_collect().await.unwrap();
        assert_eq!(passed.concat(), content[usize::try_from(wanted).unwrap()..]);
    }
}
