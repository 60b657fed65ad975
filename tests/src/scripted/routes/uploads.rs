//! Uploads: begun, mounted, in one piece or in chunks, asked for and given up.

use bytes::Bytes;

use crate::digest;
use crate::scripted::Shared;
use crate::scripted::answer::Answer;
use crate::scripted::options::ScriptedOptions;
use crate::scripted::request::{Kind, Request};
use crate::scripted::store::{Store, Upload};

use super::{location, name_unknown};

pub(super) fn begin(request: &Request, options: &ScriptedOptions, shared: &Shared) -> Answer {
    if refuses_new(request, options, &shared.store) {
        return name_unknown();
    }
    match request.parameter("digest") {
        Some(digest) if options.single_post => {
            keep(request, digest, &request.body, options, shared)
        }
        Some(_) | None => opened(request, options, shared),
    }
}

pub(super) fn mount(request: &Request, options: &ScriptedOptions, shared: &Shared) -> Answer {
    if refuses_new(request, options, &shared.store) {
        return name_unknown();
    }
    let digest = request.parameter("mount").unwrap_or_default();
    let source = request.parameter("from").filter(|_| options.mount);
    match source.and_then(|source| shared.store.blob(source, digest)) {
        Some(blob) => {
            shared.store.put_blob_as(request.repository(), digest, blob);
            created(request, digest, options, shared)
        }
        None => opened(request, options, shared),
    }
}

pub(super) fn patch(request: &Request, options: &ScriptedOptions, shared: &Shared) -> Answer {
    let mut state = shared.store.lock();
    let Some(upload) = state.uploads.get_mut(request.reference()) else { return unknown() };
    if let Some(refusal) = refuse(request, upload, options, shared) {
        return refusal;
    }
    upload.bytes.extend_from_slice(&request.body);
    upload.turn += 1;
    progress(202, request, upload, options, shared)
}

pub(super) fn put(request: &Request, options: &ScriptedOptions, shared: &Shared) -> Answer {
    let mut state = shared.store.lock();
    let Some(upload) = state.uploads.get_mut(request.reference()) else { return unknown() };
    if let Some(refusal) = refuse(request, upload, options, shared) {
        return refusal;
    }
    let Some(digest) = request.parameter("digest") else {
        return Answer::error(400, "DIGEST_INVALID", "digest missing");
    };
    upload.bytes.extend_from_slice(&request.body);
    let upload = state.uploads.remove(request.reference());
    drop(state);
    let bytes = upload.map(|upload| Bytes::from(upload.bytes)).unwrap_or_default();
    keep(request, digest, &bytes, options, shared)
}

pub(super) fn status(request: &Request, options: &ScriptedOptions, shared: &Shared) -> Answer {
    let mut state = shared.store.lock();
    let Some(upload) = state.uploads.get_mut(request.reference()) else { return unknown() };
    upload.turn += 1;
    progress(204, request, upload, options, shared)
}

pub(super) fn delete(request: &Request, store: &Store) -> Answer {
    match store.lock().uploads.remove(request.reference()) {
        Some(_) => Answer::status(204),
        None => unknown(),
    }
}

/// Keeps what came of a body that broke off, as registries do: the client may ask how much.
pub(in crate::scripted) fn keep_partial(request: &Request, store: &Store) {
    if !matches!(request.kind, Kind::UploadPatch | Kind::UploadPut) {
        return;
    }
    if let Some(upload) = store.lock().uploads.get_mut(request.reference()) {
        upload.bytes.extend_from_slice(&request.body);
    }
}

/// Forgets the upload that a request is about.
pub(in crate::scripted) fn lose_upload(request: &Request, store: &Store) {
    store.lock().uploads.remove(request.reference());
}

fn refuses_new(request: &Request, options: &ScriptedOptions, store: &Store) -> bool {
    let known = store.lock().repositories.contains_key(request.repository());
    !known && !options.create_on_push
}

fn opened(request: &Request, options: &ScriptedOptions, shared: &Shared) -> Answer {
    let mut state = shared.store.lock();
    state.uploads_begun += 1;
    let id = format!("upload-{}", state.uploads_begun);
    let repository = request.repository().to_owned();
    let upload = Upload { repository, bytes: Vec::new(), turn: 0 };
    let answer = Answer::status(202)
        .with("Location", upload_location(&id, &upload, options, request, shared))
        .with("Range", "0-0")
        .with("Docker-Upload-UUID", id.as_str());
    state.uploads.insert(id, upload);
    answer
}

/// Refuses what a careful client does not do: another repository, an old Location, a gap.
fn refuse(
    request: &Request,
    upload: &Upload,
    options: &ScriptedOptions,
    shared: &Shared,
) -> Option<Answer> {
    if upload.repository != request.repository() {
        return Some(unknown());
    }
    if request.parameter("_state") != Some(upload.turn.to_string().as_str()) {
        return Some(Answer::error(400, "BLOB_UPLOAD_INVALID", "not the newest Location"));
    }
    let range = request.header("content-range")?.trim_start_matches("bytes ");
    let first = range.split('-').next().and_then(|first| first.parse().ok());
    (first != Some(upload.bytes.len())).then(|| progress(416, request, upload, options, shared))
}

/// Answers how far the upload is and where it goes on.
fn progress(
    status: u16,
    request: &Request,
    upload: &Upload,
    options: &ScriptedOptions,
    shared: &Shared,
) -> Answer {
    let id = request.reference();
    Answer::status(status)
        .with("Location", upload_location(id, upload, options, request, shared))
        .with("Range", format!("0-{}", upload.bytes.len().saturating_sub(1)))
        .with("Docker-Upload-UUID", id)
}

fn upload_location(
    id: &str,
    upload: &Upload,
    options: &ScriptedOptions,
    request: &Request,
    shared: &Shared,
) -> String {
    let path = format!("/v2/{}/blobs/uploads/{id}?_state={}", upload.repository, upload.turn);
    location(&path, options, request, shared)
}

/// Keeps a whole blob, if it is what its digest says.
fn keep(
    request: &Request,
    digest: &str,
    bytes: &Bytes,
    options: &ScriptedOptions,
    shared: &Shared,
) -> Answer {
    if !digest::matches(digest, bytes) {
        return Answer::error(400, "DIGEST_INVALID", "the content has another digest");
    }
    shared.store.put_blob_as(request.repository(), digest, bytes.clone());
    created(request, digest, options, shared)
}

fn created(request: &Request, digest: &str, options: &ScriptedOptions, shared: &Shared) -> Answer {
    let path = format!("/v2/{}/blobs/{digest}", request.repository());
    Answer::status(201)
        .with("Location", location(&path, options, request, shared))
        .with("Docker-Content-Digest", digest)
}

fn unknown() -> Answer {
    Answer::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
}
