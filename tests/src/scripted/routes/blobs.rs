//! Blobs: HEAD, GET, ranges, and the redirect to the other host.

use bytes::Bytes;

use crate::scripted::Shared;
use crate::scripted::answer::Answer;
use crate::scripted::request::{Kind, Listener, Request};
use crate::scripted::store::Store;

pub(super) fn get(request: &Request, store: &Store) -> Answer {
    let digest = request.reference();
    let Some(blob) = store.blob(request.repository(), digest) else { return unknown() };
    let etag = format!("\"{digest}\"");
    let answer = Answer::status(200)
        .with("Content-Type", "application/octet-stream")
        .with("Docker-Content-Digest", digest)
        .with("Accept-Ranges", "bytes")
        .with("ETag", etag.as_str());
    let same = request.header("if-range").is_none_or(|wanted| wanted == etag);
    match request.header("range").filter(|_| request.kind != Kind::BlobHead && same) {
        None => answer.body(blob),
        Some(range) => part(range, &blob, answer),
    }
}

/// Sends to the other host, with a query as a signed URL has it.
pub(super) fn redirect(request: &Request, shared: &Shared) -> Answer {
    let (repository, digest) = (request.repository(), request.reference());
    if shared.store.blob(repository, digest).is_none() {
        return unknown();
    }
    let base = shared.base(Listener::Other);
    let url = format!("{base}/cdn/{repository}/{digest}?signature=scripted");
    Answer::status(307).with("Location", url)
}

fn unknown() -> Answer {
    Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry")
}

/// Answers `bytes=a-b` or `bytes=a-`; other forms are answered whole, as the RFC allows.
fn part(range: &str, blob: &Bytes, whole: Answer) -> Answer {
    let ends = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let Some((first, last)) = ends else { return whole.body(blob.clone()) };
    let Ok(first) = first.parse::<usize>() else { return whole.body(blob.clone()) };
    let length = blob.len();
    let last = last.parse::<usize>().unwrap_or(usize::MAX).min(length.saturating_sub(1));
    if first >= length || last < first {
        return Answer::error(416, "RANGE_INVALID", "invalid range")
            .with("Content-Range", format!("bytes */{length}"));
    }
    let mut answer = whole.body(blob.slice(first..=last));
    answer.status = 206;
    answer.set("Content-Range", format!("bytes {first}-{last}/{length}"));
    answer
}
