//! Blobs: whether one is there, and reading one through whatever breaks.

use std::pin::Pin;

use bytes::{Buf, Bytes};
use futures_util::stream::{self, Stream, StreamExt};
use mirror_oci::{Blob, Checkpoints, Content, Descriptor, Digest, Manifest, Mismatch, Verified};
use mirror_transport::{Body, Download, Lane, Method, Response, StatusCode, header};

use crate::repository::Ask;
use crate::{RegistryError, Repository};

/// A download goes on after a break this often in an attempt, and only while each part brought bytes.
const MAX_RESUMES: u32 = 5;

impl Repository {
    /// Returns whether the repository has a blob.
    ///
    /// # Errors
    /// A refusal is an error, never "there is none".
    pub async fn has_blob(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let ask = Ask::new(Method::HEAD, self.path(&format!("blobs/{digest}")));
        let response = self.send(ask, Body::Empty).await?;
        match response.status.as_u16() {
            200 => Ok(true),
            // Not supported, or refused for HEAD alone: sending it is always right.
            404 | 405 | 501 => Ok(false),
            _ => Err(self.refusal(self.blob_subject(digest), response).await),
        }
    }

    pub(crate) fn blob_subject(&self, digest: &Digest) -> String {
        format!("{}@{digest}", self.name)
    }

    /// Asks for a blob from `offset` on; what comes begins there or before.
    async fn get_blob(
        &self,
        digest: &Digest,
        offset: u64,
        tag: Option<&str>,
    ) -> Result<(Response, u64), RegistryError> {
        let mut ask =
            Ask::new(Method::GET, self.path(&format!("blobs/{digest}"))).lane(Lane::Bodies);
        if offset > 0 {
            ask = ask.header(header::RANGE, &format!("bytes={offset}-"));
            if let Some(tag) = tag {
                ask = ask.header(header::IF_RANGE, tag);
            }
        }
        let response = self.send(ask, Body::Empty).await?;
        match response.status {
            // A server that knows no ranges sends the whole again.
            StatusCode::OK => Ok((response, 0)),
            StatusCode::PARTIAL_CONTENT => {
                let begin = response.header("content-range").and_then(first_byte);
                match begin {
                    Some(begin) if begin <= offset => Ok((response, begin)),
                    Some(_) | None => {
                        let reason = "it sent another range than the one asked for";
                        Err(self.protocol(self.blob_subject(digest), reason))
                    }
                }
            }
            _ => Err(self.refusal(self.blob_subject(digest), response).await),
        }
    }
}

/// The first byte of `bytes 100-199/200`.
fn first_byte(range: &str) -> Option<u64> {
    let (begin, _) = range.trim().strip_prefix("bytes")?.trim_start().split_once('-')?;
    begin.trim().parse().ok()
}

impl Content for Repository {
    type Error = RegistryError;

    async fn manifest(&self, digest: Digest) -> Result<Manifest, RegistryError> {
        Repository::manifest(self, digest).await
    }

    async fn blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        checkpoints: &Checkpoints,
    ) -> Result<Blob<RegistryError>, RegistryError> {
        let begin = checkpoints.before(offset).offset;
        let (response, at) = self.get_blob(&blob.digest, begin, None).await?;
        let reading = Reading::new(self.clone(), blob.clone(), begin, response, at);
        let verified = Verified::new(reading.into_stream(), blob, offset, checkpoints);
        let host = self.registry.host.to_string();
        Ok(Blob::new(verified.map(move |chunk| {
            chunk.map_err(|broken| match broken {
                Broken::Registry(error) => error,
                Broken::Content(source) => RegistryError::Corrupt { host: host.clone(), source },
            })
        })))
    }
}

/// What ends a reading.
enum Broken {
    Registry(RegistryError),
    Content(Mismatch),
}

impl From<Mismatch> for Broken {
    fn from(mismatch: Mismatch) -> Self {
        Self::Content(mismatch)
    }
}

/// A blob on its way, across breaks.
struct Reading {
    repository: Repository,
    blob: Descriptor,
    download: Download,
    /// Where the next chunk of the download belongs.
    at: u64,
    /// How many bytes of the blob have been passed on.
    passed: u64,
    /// How many had been when the download began.
    began: u64,
    resumes: u32,
    tag: Option<String>,
}

impl Reading {
    fn new(
        repository: Repository,
        blob: Descriptor,
        begin: u64,
        response: Response,
        at: u64,
    ) -> Self {
        let tag = strong_tag(&response);
        let download = response.download();
        Self { repository, blob, download, at, passed: begin, began: begin, resumes: 0, tag }
    }

    fn into_stream(self) -> Pin<Box<dyn Stream<Item = Result<Bytes, Broken>> + Send>> {
        Box::pin(stream::try_unfold(self, |mut reading| async move {
            Ok(reading.next().await?.map(|chunk| (chunk, reading)))
        }))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            let error = match self.download.next().await {
                Some(Ok(mut chunk)) => {
                    let skip = self.passed.saturating_sub(self.at).min(chunk.len() as u64);
                    self.at += chunk.len() as u64;
                    chunk.advance(usize::try_from(skip).unwrap_or(chunk.len()));
                    self.passed += chunk.len() as u64;
                    if !chunk.is_empty() {
                        return Ok(Some(chunk));
                    }
                    continue;
                }
                Some(Err(error)) => Some(error),
                None if self.passed < self.blob.size => None,
                None => return Ok(None),
            };
            self.resume(error.map(RegistryError::from)).await?;
        }
    }

    /// Goes on where the download broke, or gives up with the reason.
    async fn resume(&mut self, reason: Option<RegistryError>) -> Result<(), Broken> {
        let gives_up = self.resumes >= MAX_RESUMES || self.passed == self.began;
        let (digest, expected, found) = (self.blob.digest, self.blob.size, self.passed);
        let short = || Broken::Content(Mismatch::Short { digest, expected, found });
        if gives_up || self.passed >= self.blob.size {
            return Err(reason.map_or_else(short, Broken::Registry));
        }
        self.resumes += 1;
        let asked = self.repository.get_blob(&self.blob.digest, self.passed, self.tag.as_deref());
        let (response, at) = match asked.await {
            Ok(answered) => answered,
            // It believes that there is no more, or that something else is wrong with the question: the
            // break is what went wrong.
            Err(RegistryError::Status { answer, .. }) if answer.status == 416 => {
                return Err(reason.map_or_else(short, Broken::Registry));
            }
            Err(error) => return Err(Broken::Registry(error)),
        };
        self.tag = strong_tag(&response);
        self.download = response.download();
        (self.at, self.began) = (at, self.passed);
        Ok(())
    }
}

/// An entity tag that `If-Range` may carry: a strong one.
fn strong_tag(response: &Response) -> Option<String> {
    response.header("etag").filter(|tag| tag.starts_with('"')).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_where_a_range_begins() {
        for (text, expected) in [
            ("bytes 100-199/200", Some(100)),
            ("bytes 0-0/*", Some(0)),
            ("bytes */200", None),
            ("100-199", None),
            ("bytes=1-2", None),
        ] {
            assert_eq!(first_byte(text), expected, "{text}");
        }
    }
}
