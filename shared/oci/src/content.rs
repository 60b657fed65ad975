//! A place that content can be read from.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream};

use crate::{Checkpoints, Descriptor, Digest, Manifest};

/// A place that manifests and blobs can be read from by digest.
pub trait Content: Send + Sync {
    /// Why something could not be read.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Reads the manifest that `digest` names; its bytes have that digest.
    fn manifest(
        &self,
        digest: Digest,
    ) -> impl Future<Output = Result<Manifest, Self::Error>> + Send;

    /// Reads a blob from `offset` to its end.
    ///
    /// The stream ends in an error unless the digest and size of the whole blob are right, and its
    /// last chunk comes only when they are. `checkpoints` belong to this blob alone: they hold what
    /// earlier readings proved, so that a reading from the middle still proves the whole.
    fn blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        checkpoints: &Checkpoints,
    ) -> impl Future<Output = Result<Blob<Self::Error>, Self::Error>> + Send;
}

/// A blob's bytes as they come.
pub struct Blob<E>(BoxStream<'static, Result<Bytes, E>>);

impl<E> Blob<E> {
    /// Takes a stream that keeps the promise of [`Content::blob`], as [`crate::Verified`] does.
    pub fn new(stream: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Self {
        Self(Box::pin(stream))
    }
}

impl<E> Stream for Blob<E> {
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl<E> std::fmt::Debug for Blob<E> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Blob")
    }
}
