//! Uploads: one POST and one streaming PUT where nothing breaks and nothing is asked for.
//!
//! A host with `maxChunkSize` gets larger blobs in several requests of PATCH. An upload that breaks asks for its offset
//! and goes on where the registry says; the bytes before are read again only to be hashed. What does not
//! take the rest of a broken upload gets a whole one. The source's last chunk comes only when the digest
//! is right, so a wrong upload is never completed.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use mirror_oci::{Blob, Checkpoints, Content, Descriptor, Digest};
use mirror_transport::{Body, BodyError, Lane, Method, Response, Retry, StatusCode, header};
use url::Url;

use crate::repository::Ask;
use crate::{PutError, RegistryError, Repository};

/// An upload goes on after a break this often in an attempt.
const MAX_RESUMES: u32 = 5;

/// Counts bytes as they go out.
pub type Meter = Arc<dyn Fn(u64) + Send + Sync>;

/// An upload that a registry has opened.
#[derive(Clone)]
pub struct Session {
    location: Url,
    /// The least that a chunk may be, but for the last (`OCI-Chunk-Min-Length`).
    min_chunk: u64,
}

impl fmt::Debug for Session {
    /// The location may be signed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Session")
    }
}

/// Why one try at the rest of an upload came to nothing.
enum Failed<E> {
    /// The source broke.
    Source(E),
    /// The destination did not take it; the session may hold part of it.
    Destination {
        error: RegistryError,
        /// The token was not good any more; another has been fetched.
        is_renewed: bool,
    },
}

impl<E> From<RegistryError> for Failed<E> {
    fn from(error: RegistryError) -> Self {
        Self::Destination { error, is_renewed: false }
    }
}

/// An upload on its way, across breaks.
struct Upload<'u> {
    blob: &'u Descriptor,
    meter: &'u Meter,
    session: Session,
    /// How far into the blob any try has got; at its end only where all of it was right.
    sent: u64,
}

impl Repository {
    /// Opens an upload.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub async fn open_upload(&self, digest: &Digest) -> Result<Session, RegistryError> {
        let response =
            self.send(Ask::new(Method::POST, self.path("blobs/uploads/")), Body::Empty).await?;
        if response.status == StatusCode::ACCEPTED {
            return self.session(&response, digest);
        }
        Err(self.refusal(self.blob_subject(digest), response).await)
    }

    /// Takes the session that an answer speaks of: always the newest `Location`, wherever it leads.
    pub(crate) fn session(
        &self,
        response: &Response,
        digest: &Digest,
    ) -> Result<Session, RegistryError> {
        let location = response.header("location").and_then(|text| response.url.join(text).ok());
        let min_chunk = response.header("oci-chunk-min-length").and_then(|text| text.parse().ok());
        match location {
            Some(location) => Ok(Session { location, min_chunk: min_chunk.unwrap_or(0) }),
            None => {
                let reason = "it opened an upload and did not say where";
                Err(self.protocol(self.blob_subject(digest), reason))
            }
        }
    }

    /// Sends a blob from `source`, in an upload that is open or in a new one.
    ///
    /// The first GET at the source and the POST that opens an upload go out together.
    ///
    /// # Errors
    /// [`PutError::Source`] where the source broke, even if the destination noticed first.
    pub async fn put_blob<C: Content>(
        &self,
        source: &C,
        blob: &Descriptor,
        open: Option<Session>,
        meter: &Meter,
    ) -> Result<(), PutError<C::Error>> {
        let checkpoints = Checkpoints::new(blob.digest);
        let reading = async { source.blob(blob, 0, &checkpoints).await.map_err(PutError::Source) };
        let opening = async {
            match open {
                Some(session) => Ok(session),
                None => Ok(self.open_upload(&blob.digest).await?),
            }
        };
        let (mut bytes, session) = futures_util::try_join!(reading, opening)?;
        // A body of nothing never asks its source, whose digest has to be right all the same.
        while blob.size == 0
            && let Some(chunk) = bytes.next().await
        {
            chunk.map_err(PutError::Source)?;
        }
        let mut upload = Upload { blob, meter, session, sent: 0 };
        let mut bytes = Some(bytes);
        let mut offset = 0;
        for resumes in 0..=MAX_RESUMES {
            let rest = match bytes.take() {
                Some(bytes) => bytes,
                None if offset == blob.size => Blob::new(stream::empty()),
                None => source.blob(blob, offset, &checkpoints).await.map_err(PutError::Source)?,
            };
            offset = match self.send_rest(&mut upload, rest, offset).await {
                Ok(()) => return Ok(()),
                Err(Failed::Source(error)) => return Err(PutError::Source(error)),
                Err(Failed::Destination { error, .. }) if resumes == MAX_RESUMES => {
                    return Err(error.into());
                }
                Err(Failed::Destination { error, is_renewed }) => {
                    self.go_on(&mut upload, offset, error, is_renewed).await?
                }
            };
        }
        Err(self
            .protocol(self.blob_subject(&blob.digest), "its uploads break again and again")
            .into())
    }

    /// Finds out where an upload goes on that did not get on from `offset`; or returns why not.
    async fn go_on(
        &self,
        upload: &mut Upload<'_>,
        offset: u64,
        error: RegistryError,
        is_renewed: bool,
    ) -> Result<u64, RegistryError> {
        let is_out_of_range = error.answer().is_some_and(|answer| answer.status == 416);
        let may_pass = is_renewed || is_out_of_range || error.retry() != Retry::Never;
        if offset > 0 && !may_pass {
            // It does not take the rest of a broken upload; perhaps it takes a whole one.
            upload.session = self.open_upload(&upload.blob.digest).await?;
            upload.sent = 0;
            return Ok(0);
        }
        if !may_pass || error.is_lost_upload() {
            return Err(error);
        }
        match self.offset(&mut upload.session, upload.blob).await {
            // What the registry has beyond what was sent is not of this upload.
            Ok(Some(now)) if now > offset && now <= upload.sent => Ok(now),
            // Without progress there is no point in going on, unless it was the token.
            Ok(Some(now)) if is_renewed && now <= upload.sent => Ok(now),
            Ok(None) if is_renewed => {
                upload.session = self.open_upload(&upload.blob.digest).await?;
                upload.sent = 0;
                Ok(0)
            }
            Ok(_) => Err(error),
            Err(reason) if is_renewed => Err(reason),
            Err(_) => Err(error),
        }
    }

    /// Sends what is left, in one piece or in chunks.
    async fn send_rest<E: Error + Send + Sync + 'static>(
        &self,
        upload: &mut Upload<'_>,
        bytes: Blob<E>,
        offset: u64,
    ) -> Result<(), Failed<E>> {
        let size = upload.blob.size;
        let pipe = Pipe::new(bytes, Arc::clone(upload.meter), offset);
        let chunk = self.registry.chunk.map(|chunk| chunk.get().max(upload.session.min_chunk));
        let mut at = offset;
        if let Some(chunk) = chunk.filter(|chunk| *chunk < size) {
            while at < size {
                let length = chunk.min(size - at);
                self.patch(upload, &pipe, at, length).await?;
                at += length;
            }
        }
        self.close(upload, &pipe, at).await
    }

    /// One PATCH of exactly `length` bytes.
    async fn patch<E: Error + Send + Sync + 'static>(
        &self,
        upload: &mut Upload<'_>,
        pipe: &Pipe<E>,
        at: u64,
        length: u64,
    ) -> Result<(), Failed<E>> {
        let ask = Ask::to(Method::PATCH, upload.session.location.clone())
            .lane(Lane::Bodies)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_RANGE, &range(at, length));
        // ECR answers a PATCH with 201.
        let response = self.stream(ask, upload, pipe, length).await?;
        let next = self.session(&response, &upload.blob.digest)?;
        upload.session = Session { min_chunk: upload.session.min_chunk, ..next };
        Ok(())
    }

    /// The PUT that completes an upload, with the bytes from `at` on.
    async fn close<E: Error + Send + Sync + 'static>(
        &self,
        upload: &mut Upload<'_>,
        pipe: &Pipe<E>,
        at: u64,
    ) -> Result<(), Failed<E>> {
        let Descriptor { digest, size, .. } = upload.blob;
        let mut url = upload.session.location.clone();
        url.query_pairs_mut().append_pair("digest", &digest.to_string());
        let mut ask = Ask::to(Method::PUT, url)
            .lane(Lane::Bodies)
            .header(header::CONTENT_TYPE, "application/octet-stream");
        ask.settling = *size;
        let length = size - at;
        if at > 0 && length > 0 {
            ask = ask.header(header::CONTENT_RANGE, &range(at, length));
        }
        self.stream(ask, upload, pipe, length).await.map(|_| ())
    }

    /// Sends `length` bytes of the pipe. If the pipe's source broke, that is what went wrong.
    async fn stream<E: Error + Send + Sync + 'static>(
        &self,
        ask: Ask,
        upload: &mut Upload<'_>,
        pipe: &Pipe<E>,
        length: u64,
    ) -> Result<Response, Failed<E>> {
        let sent = self.send_once(&ask, pipe.body(length)).await;
        upload.sent = upload.sent.max(pipe.reached());
        if let Some(error) = pipe.failure() {
            return Err(Failed::Source(error));
        }
        let (response, renewed) = sent?;
        if response.status.is_success() {
            return Ok(response);
        }
        // GitLab's tokens live five minutes, and an upload may take longer: the session keeps the bytes.
        let error = self.refusal(self.blob_subject(&upload.blob.digest), response).await;
        Err(Failed::Destination { error, is_renewed: renewed.is_some() })
    }

    /// Asks how much of an upload has arrived; `None` where the registry does not know it any more.
    async fn offset(
        &self,
        session: &mut Session,
        blob: &Descriptor,
    ) -> Result<Option<u64>, RegistryError> {
        let ask = Ask::to(Method::GET, session.location.clone());
        let response = self.send(ask, Body::Empty).await?;
        match response.status {
            StatusCode::NO_CONTENT | StatusCode::OK | StatusCode::ACCEPTED => {
                let arrived = response.header("range").and_then(arrived);
                if response.header("location").is_some() {
                    let next = self.session(&response, &blob.digest)?;
                    *session = Session { min_chunk: session.min_chunk, ..next };
                }
                Ok(arrived.filter(|arrived| *arrived <= blob.size))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refusal(self.blob_subject(&blob.digest), response).await),
        }
    }
}

/// The `Content-Range` of some bytes of an upload.
fn range(at: u64, length: u64) -> String {
    format!("{at}-{}", at + length.saturating_sub(1))
}

/// How many bytes `0-99` (or `bytes=0-99`) says have arrived. An upload with nothing in it says `0-0`,
/// which is also what one with a single byte says: nothing is meant.
fn arrived(range: &str) -> Option<u64> {
    let range = range.trim().trim_start_matches("bytes").trim_start_matches(['=', ' ']);
    let (begin, last) = range.split_once('-')?;
    let last: u64 = last.trim().parse().ok()?;
    (begin.trim() == "0").then_some(if last == 0 { 0 } else { last + 1 })
}

/// A source's bytes, shared by the bodies of one upload: each takes its part.
struct Pipe<E> {
    shared: Arc<tokio::sync::Mutex<PipeState<E>>>,
    failure: Arc<Mutex<Option<E>>>,
    /// How far into the blob the bytes have been taken.
    reached: Arc<AtomicU64>,
    meter: Meter,
}

struct PipeState<E> {
    bytes: Blob<E>,
    left_over: Bytes,
}

/// What a body says when its source broke; the source's own error waits in the pipe.
#[derive(Debug, thiserror::Error)]
#[error("the source of the body broke")]
struct SourceBroke;

impl<E: Error + Send + Sync + 'static> Pipe<E> {
    /// Takes the bytes of a blob from `offset` on.
    fn new(bytes: Blob<E>, meter: Meter, offset: u64) -> Self {
        let state = PipeState { bytes, left_over: Bytes::new() };
        let shared = Arc::new(tokio::sync::Mutex::new(state));
        let reached = Arc::new(AtomicU64::new(offset));
        Self { shared, failure: Arc::default(), reached, meter }
    }

    fn reached(&self) -> u64 {
        self.reached.load(Ordering::Relaxed)
    }

    /// Returns what broke the source, if something did.
    fn failure(&self) -> Option<E> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns a body of the next `length` bytes.
    fn body(&self, length: u64) -> Body {
        if length == 0 {
            return Body::Empty;
        }
        let shared = Arc::clone(&self.shared);
        let (failure, meter) = (Arc::clone(&self.failure), Arc::clone(&self.meter));
        let reached = Arc::clone(&self.reached);
        let bytes = stream::try_unfold(length, move |left| {
            let (shared, failure, meter) =
                (Arc::clone(&shared), Arc::clone(&failure), Arc::clone(&meter));
            let reached = Arc::clone(&reached);
            async move {
                if left == 0 {
                    return Ok::<_, BodyError>(None);
                }
                let mut state = shared.lock().await;
                if state.left_over.is_empty() {
                    match state.bytes.next().await {
                        Some(Ok(chunk)) => state.left_over = chunk,
                        Some(Err(error)) => {
                            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                            return Err(SourceBroke.into());
                        }
                        // The source promises its size, and ends in an error otherwise.
                        None => return Err(SourceBroke.into()),
                    }
                }
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(state.left_over.len());
                let chunk = state.left_over.split_to(take);
                meter(chunk.len() as u64);
                reached.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                Ok(Some((chunk, left - take as u64)))
            }
        });
        Body::Stream { bytes: bytes.boxed(), length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_much_has_arrived() {
        for (text, expected) in [
            ("0-99", Some(100)),
            ("bytes=0-99", Some(100)),
            ("0-0", Some(0)),
            ("5-99", None),
            ("99", None),
            ("", None),
            ("0-x", None),
        ] {
            assert_eq!(arrived(text), expected, "{text}");
        }
    }
}
