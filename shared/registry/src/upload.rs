//! Uploads: one POST and one streaming PUT where nothing breaks and nothing is asked for.
//!
//! A host with `maxChunkSize` gets larger blobs in several requests of PATCH. An upload that breaks asks for its offset
//! and goes on where the registry says; the bytes before are read again only to be hashed. The source's
//! last chunk comes only when the digest is right, so a wrong upload is never completed.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use mirror_oci::{Blob, Checkpoints, Content, Descriptor, Digest};
use mirror_transport::{Body, BodyError, Lane, Method, Response, StatusCode, header};
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

/// How one try at the rest of an upload ended.
enum Try<E> {
    Done,
    /// The session may hold part of it.
    Broke(PutError<E>),
    /// The token was not good any more; another has been fetched.
    Renewed,
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
        let (bytes, mut session) = futures_util::try_join!(reading, opening)?;
        let mut bytes = Some(bytes);
        let mut offset = 0;
        let mut is_renewed = false;
        for resumes in 0..=MAX_RESUMES {
            let rest = match bytes.take() {
                Some(bytes) => bytes,
                None => source.blob(blob, offset, &checkpoints).await.map_err(PutError::Source)?,
            };
            let last = match self.send_rest(&mut session, rest, blob, offset, meter).await {
                Try::Done => return Ok(()),
                Try::Renewed if is_renewed => None,
                Try::Renewed => {
                    is_renewed = true;
                    None
                }
                Try::Broke(error) if resumes == MAX_RESUMES => return Err(error),
                Try::Broke(PutError::Source(error)) => return Err(PutError::Source(error)),
                Try::Broke(error) => Some(error),
            };
            offset = match (self.offset(&mut session, blob).await, last) {
                // Without progress there is no point in asking again.
                (Ok(Some(now)), None) => now,
                (Ok(Some(now)), Some(_)) if now > offset && now < blob.size => now,
                (Ok(_), Some(error)) => return Err(error),
                (Err(_), Some(error)) => return Err(error),
                (Ok(None), None) => {
                    session = self.open_upload(&blob.digest).await?;
                    0
                }
                (Err(error), None) => return Err(error.into()),
            };
        }
        Err(self
            .protocol(self.blob_subject(&blob.digest), "its uploads break again and again")
            .into())
    }

    /// Sends what is left, in one piece or in chunks.
    async fn send_rest<E: Error + Send + Sync + 'static>(
        &self,
        session: &mut Session,
        bytes: Blob<E>,
        blob: &Descriptor,
        offset: u64,
        meter: &Meter,
    ) -> Try<E> {
        let pipe = Pipe::new(bytes, Arc::clone(meter));
        let chunk = self.registry.chunk.map(|chunk| chunk.get().max(session.min_chunk));
        let mut at = offset;
        if let Some(chunk) = chunk.filter(|chunk| *chunk < blob.size) {
            while at < blob.size {
                let length = chunk.min(blob.size - at);
                match self.patch(session, &pipe, blob, at, length).await {
                    Try::Done => at += length,
                    ended @ (Try::Broke(_) | Try::Renewed) => return ended,
                }
            }
        } else if offset > 0 {
            match self.patch(session, &pipe, blob, offset, blob.size - offset).await {
                Try::Done => at = blob.size,
                ended @ (Try::Broke(_) | Try::Renewed) => return ended,
            }
        }
        self.close(session, &pipe, blob, blob.size - at).await
    }

    /// One PATCH of exactly `length` bytes.
    async fn patch<E: Error + Send + Sync + 'static>(
        &self,
        session: &mut Session,
        pipe: &Pipe<E>,
        blob: &Descriptor,
        at: u64,
        length: u64,
    ) -> Try<E> {
        let range = format!("{at}-{}", at + length - 1);
        let ask = Ask::to(Method::PATCH, session.location.clone())
            .lane(Lane::Bodies)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_RANGE, &range);
        // ECR answers a PATCH with 201.
        let is_taken = |status| status == StatusCode::ACCEPTED || status == StatusCode::CREATED;
        match self.stream(ask, pipe, length, blob, is_taken).await {
            Ok(response) => match self.session(&response, &blob.digest) {
                Ok(next) => {
                    *session = Session { min_chunk: session.min_chunk, ..next };
                    Try::Done
                }
                Err(error) => Try::Broke(error.into()),
            },
            Err(ended) => ended,
        }
    }

    /// The PUT that completes an upload, with the last `length` bytes.
    async fn close<E: Error + Send + Sync + 'static>(
        &self,
        session: &Session,
        pipe: &Pipe<E>,
        blob: &Descriptor,
        length: u64,
    ) -> Try<E> {
        let mut url = session.location.clone();
        url.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let ask = Ask::to(Method::PUT, url)
            .lane(Lane::Bodies)
            .header(header::CONTENT_TYPE, "application/octet-stream");
        match self.stream(ask, pipe, length, blob, |status| status.is_success()).await {
            Ok(_) => Try::Done,
            Err(ended) => ended,
        }
    }

    /// Sends `length` bytes of the pipe. If the pipe's source broke, that is what went wrong.
    async fn stream<E: Error + Send + Sync + 'static>(
        &self,
        ask: Ask,
        pipe: &Pipe<E>,
        length: u64,
        blob: &Descriptor,
        is_taken: impl Fn(StatusCode) -> bool,
    ) -> Result<Response, Try<E>> {
        let again = Ask { headers: Vec::new(), ..Ask::new(ask.method.clone(), String::new()) };
        let sent = self.send(ask, pipe.body(length)).await;
        if let Some(error) = pipe.failure() {
            return Err(Try::Broke(PutError::Source(error)));
        }
        let response = sent.map_err(|error| Try::Broke(error.into()))?;
        if is_taken(response.status) {
            return Ok(response);
        }
        // GitLab's tokens live five minutes, and an upload may take longer: the session keeps the bytes.
        if response.status == StatusCode::UNAUTHORIZED {
            return Err(match self.renew(&again, &response).await {
                Ok(true) => Try::Renewed,
                Ok(false) => {
                    Try::Broke(self.refusal(self.blob_subject(&blob.digest), response).await.into())
                }
                Err(error) => Try::Broke(error.into()),
            });
        }
        Err(Try::Broke(self.refusal(self.blob_subject(&blob.digest), response).await.into()))
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
    fn new(bytes: Blob<E>, meter: Meter) -> Self {
        let state = PipeState { bytes, left_over: Bytes::new() };
        Self { shared: Arc::new(tokio::sync::Mutex::new(state)), failure: Arc::default(), meter }
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
        let bytes = stream::try_unfold(length, move |left| {
            let (shared, failure, meter) =
                (Arc::clone(&shared), Arc::clone(&failure), Arc::clone(&meter));
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
