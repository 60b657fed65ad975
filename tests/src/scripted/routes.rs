//! What a right registry answers: the OCI distribution specification v1.1, over the store.
//!
//! Strict where clients are careless: a manifest's parts must be there, an upload's newest
//! Location must be used, the Accept header must name the type. Deleting is not offered.

mod blobs;
mod lists;
mod manifests;
mod uploads;

use super::Shared;
use super::answer::Answer;
use super::options::ScriptedOptions;
use super::request::{Kind, Request};

pub(super) use uploads::{keep_partial, lose_upload};

/// Answers a request that is not for a token.
pub(super) fn answer(request: &Request, options: &ScriptedOptions, shared: &Shared) -> Answer {
    let store = &shared.store;
    match request.kind {
        Kind::Ping => Answer::json(200, &serde_json::json!({}))
            .with("Docker-Distribution-Api-Version", "registry/2.0"),
        Kind::Tags => lists::tags(request, options, store),
        Kind::Referrers => lists::referrers(request, options, store),
        Kind::ManifestHead | Kind::ManifestGet => manifests::get(request, options, store),
        Kind::ManifestPut => manifests::put(request, options, shared),
        Kind::BlobHead | Kind::BlobGet if options.redirect_blobs => {
            blobs::redirect(request, shared)
        }
        Kind::BlobHead | Kind::BlobGet | Kind::Cdn => blobs::get(request, store),
        Kind::UploadPost => uploads::begin(request, options, shared),
        Kind::MountPost => uploads::mount(request, options, shared),
        Kind::UploadPatch => uploads::patch(request, options, shared),
        Kind::UploadPut => uploads::put(request, options, shared),
        Kind::UploadStatus => uploads::status(request, options, shared),
        Kind::UploadDelete => uploads::delete(request, store),
        Kind::Token | Kind::Other => Answer::error(404, "UNSUPPORTED", "no such route"),
    }
}

/// Returns `path` as a Location: relative, or absolute on the host that was asked.
fn location(path: &str, options: &ScriptedOptions, request: &Request, shared: &Shared) -> String {
    if options.absolute_locations {
        format!("{}{path}", shared.base(request.listener))
    } else {
        path.to_owned()
    }
}

fn name_unknown() -> Answer {
    Answer::error(404, "NAME_UNKNOWN", "repository name not known to registry")
}
