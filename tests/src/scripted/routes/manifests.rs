//! Manifests: HEAD, GET and PUT by tag and digest.

use serde_json::Value;

use crate::digest::{self, sha256};
use crate::judge::is_foreign;
use crate::sample::{DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX};
use crate::scripted::Shared;
use crate::scripted::answer::Answer;
use crate::scripted::options::ScriptedOptions;
use crate::scripted::request::Request;
use crate::scripted::store::{Manifest, Repository, Store};

use super::{location, name_unknown};

pub(super) fn get(request: &Request, options: &ScriptedOptions, store: &Store) -> Answer {
    let state = store.lock();
    let Some(repository) = state.repositories.get(request.repository()) else {
        return name_unknown();
    };
    let found = repository.manifest(request.reference());
    let found = found.filter(|(_, one)| !options.strict_accept || accepts(request, one));
    match found {
        None => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        Some((digest, manifest)) => {
            let answer = Answer::status(200)
                .with("Content-Type", manifest.media_type.as_str())
                .with("Docker-Content-Digest", digest)
                .body(manifest.bytes.clone());
            if options.etags { answer.with("ETag", etag(digest)) } else { answer }
        }
    }
}

pub(super) fn put(request: &Request, options: &ScriptedOptions, shared: &Shared) -> Answer {
    let mut state = shared.store.lock();
    let name = request.repository().to_owned();
    if !options.create_on_push && !state.repositories.contains_key(&name) {
        return name_unknown();
    }
    let (reference, bytes) = (request.reference(), &request.body);
    if reference.contains(':') && !digest::matches(reference, bytes) {
        return Answer::error(400, "DIGEST_INVALID", "the content has another digest");
    }
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return Answer::error(400, "MANIFEST_INVALID", "not JSON");
    };
    let media_type = request.header("content-type").unwrap_or_default().to_owned();
    let own_type = value.get("mediaType").and_then(Value::as_str);
    if media_type.is_empty() || own_type.is_some_and(|own_type| own_type != media_type) {
        return Answer::error(400, "MANIFEST_INVALID", "Content-Type and mediaType differ");
    }
    let repository = state.repositories.entry(name.clone()).or_default();
    if let Some(digest) = missing(&value, repository).filter(|_| options.check_manifests) {
        return Answer::error(404, "MANIFEST_BLOB_UNKNOWN", &format!("unknown {digest}"));
    }
    if options.if_match && !matches_etag(request, repository) {
        return Answer::error(412, "PRECONDITION_FAILED", "the manifest is another");
    }
    let by_digest = reference.contains(':');
    let digest = if by_digest { reference.to_owned() } else { sha256(bytes) };
    let manifest = Manifest::new(media_type, bytes.clone());
    let is_new = repository.manifests.insert(digest.clone(), manifest).is_none();
    if !by_digest {
        repository.tags.insert(reference.to_owned(), digest.clone());
    }
    let subject = value["subject"]["digest"].as_str();
    if subject.is_some() && is_new && options.referrers_lag > 0 {
        repository.unlisted.insert(digest.clone(), options.referrers_lag);
    }
    let path = format!("/v2/{name}/manifests/{digest}");
    let answer = Answer::status(201)
        .with("Location", location(&path, options, request, shared))
        .with("Docker-Content-Digest", digest);
    match subject {
        Some(subject) if options.referrers && options.subject_header => {
            answer.with("OCI-Subject", subject)
        }
        Some(_) | None => answer,
    }
}

fn etag(digest: &str) -> String {
    format!("\"{digest}\"")
}

/// Returns whether what stands at the reference is what `If-Match` names, if it names something.
fn matches_etag(request: &Request, repository: &Repository) -> bool {
    let found = repository.manifest(request.reference()).map(|(digest, _)| etag(digest));
    if request.header("if-none-match").is_some_and(|unwanted| unwanted == "*") && found.is_some() {
        return false;
    }
    let wanted = request.header("if-match");
    wanted.is_none_or(|wanted| match found {
        None => false,
        Some(found) => wanted == "*" || wanted.split(',').any(|one| one.trim() == found),
    })
}

/// Returns whether Accept names the type. Types that no client knows are sent to anybody.
fn accepts(request: &Request, manifest: &Manifest) -> bool {
    let own = manifest.media_type.as_str();
    let mut accepted = request
        .headers_of("accept")
        .flat_map(|value| value.split(','))
        .filter_map(|value| value.split(';').next())
        .map(str::trim);
    ![IMAGE, INDEX, DOCKER_IMAGE, DOCKER_LIST].contains(&own)
        || accepted.any(|accepted| accepted == own || accepted == "*/*")
}

/// Returns the first part that the repository does not have; a subject may be missing.
fn missing(manifest: &Value, repository: &Repository) -> Option<String> {
    let list = |field: &str| {
        let entries = manifest.get(field).and_then(Value::as_array).into_iter().flatten();
        entries.collect::<Vec<_>>()
    };
    let digest = |descriptor: &Value| descriptor["digest"].as_str().unwrap_or_default().to_owned();
    let mut children = list("manifests").into_iter().map(digest);
    let blobs = list("layers").into_iter().chain(manifest.get("config"));
    let mut blobs = blobs.filter(|descriptor| !is_foreign(descriptor)).map(digest);
    children
        .find(|child| !repository.manifests.contains_key(child))
        .or_else(|| blobs.find(|blob| !repository.blobs.contains_key(blob)))
}
