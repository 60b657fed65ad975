//! What real registries do that the specification does not say, each as a call on a scripted one.
//!
//! A habit is rules and options and nothing else; tests add their own on top. What each registry
//! does was observed or reported for it; the clients' answers are in `copying.md`.

#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::ScriptedRegistry;
use super::answer::Answer;
use super::auth::Auth;
use super::fault::Fault;
use super::request::{Kind, Request};
use super::rule::Rule;
use super::store::Store;

/// The kinds of request whose answer begins or moves an upload.
const UPLOADS: [Kind; 4] =
    [Kind::UploadPost, Kind::MountPost, Kind::UploadPatch, Kind::UploadStatus];

/// Docker Hub: counts GETs of manifests in `ratelimit-remaining`, refuses mounts from elsewhere
/// with 400, has no referrers API.
pub fn docker_hub(registry: &ScriptedRegistry) {
    no_referrers(registry, Answer::status(404).body("404 page not found\n"));
    let told = Fault::none().header("ratelimit-remaining", "99;w=21600");
    registry.script(on(&[Kind::ManifestGet, Kind::ManifestHead]), told);
    registry.script(Rule::on(Kind::MountPost), Fault::error(400, "UNSUPPORTED"));
}

/// Docker Hub's limit against abuse: the first `count` requests of a kind are answered 429 with a
/// body that is not JSON and no Retry-After.
pub fn docker_hub_abuse(registry: &ScriptedRegistry, kind: Kind, count: usize) {
    let body = "Too Many Requests (HAP429).\n";
    let fault = Fault::status(429).header("Content-Type", "text/html").body(body);
    registry.script(Rule::on(kind).first(count), fault);
}

/// ECR: repositories must exist, PATCH is 201, GET of a manifest has no digest header.
pub fn ecr(registry: &ScriptedRegistry) {
    registry.set(|options| options.create_on_push = false);
    let created = Fault::none().edit(|_, answer| {
        if answer.status == 202 {
            answer.status = 201;
        }
    });
    registry.script(Rule::on(Kind::UploadPatch), created);
    registry
        .script(Rule::on(Kind::ManifestGet), Fault::none().without_header("Docker-Content-Digest"));
}

/// ECR's immutable tags: 400 `TAG_INVALID`, even for the digest that the tag has.
pub fn ecr_immutable_tags(registry: &ScriptedRegistry) {
    immutable_tags(registry, 400, "TAG_INVALID");
}

/// ECR Public: the Range of a chunk always claims the first 10 MiB, an upload's status is 404.
pub fn ecr_public(registry: &ScriptedRegistry) {
    let claim = Fault::none().header("Range", "0-10485759");
    registry.script(Rule::on(Kind::UploadPatch), claim);
    let unknown = Fault::error(404, "BLOB_UPLOAD_UNKNOWN");
    registry.script(Rule::on(Kind::UploadStatus), unknown);
}

/// ACR: tokens of more than two scopes are refused, uploads over 20 MB and manifests over 4 MiB
/// fail, the first PUT of a manifest is 429.
pub fn acr(registry: &ScriptedRegistry) {
    let scopes = |request: &Request| {
        let query = request.query.iter().filter(|(key, _)| key == "scope");
        query.flat_map(|(_, value)| value.split_whitespace()).count()
    };
    let many = Rule::on(Kind::Token).matching(move |request| scopes(request) > 2);
    registry.script(many, Fault::error(400, "DENIED"));
    refuse_bodies(registry, &[Kind::UploadPut, Kind::UploadPatch], 20_000_000);
    refuse_bodies(registry, &[Kind::ManifestPut], 4 * 1024 * 1024);
    let busy = Fault::error(429, "TOOMANYREQUESTS").header("Retry-After", "1");
    registry.script(Rule::on(Kind::ManifestPut).nth(1), busy);
}

/// GAR and GCR: no chunks, and tag lists that carry digests.
pub fn gar(registry: &ScriptedRegistry) {
    registry.script(Rule::on(Kind::UploadPatch), Fault::error(405, "UNSUPPORTED"));
    let digests = Fault::none().edit(|_, answer| {
        if let Ok(mut list) = serde_json::from_slice::<Value>(&answer.body) {
            list["child"] = json!([]);
            list["manifest"] = json!({"sha256:00": {"tag": list["tags"].clone()}});
            answer.body = list.to_string().into();
        }
    });
    registry.script(Rule::on(Kind::Tags), digests);
}

/// GHCR: who asks for referrers is sent to a page elsewhere, and a second PATCH of an upload spoils the
/// blob.
pub fn ghcr(registry: &ScriptedRegistry) {
    let page = Answer::status(200).with("Content-Type", "text/html; charset=utf-8");
    let page = page.body("<!DOCTYPE html><title>Package</title>");
    registry.script(Rule::any().at_other_host().target("/package"), Fault::answer(page));
    let elsewhere = format!("{}/package", registry.other_url());
    no_referrers(registry, Answer::status(303).with("Location", elsewhere));
    let spoil = |request: &Request, store: &Store| {
        if let Some(upload) = store.lock().uploads.get_mut(request.reference()) {
            upload.bytes.iter_mut().for_each(|byte| *byte = 0);
        }
    };
    registry.script(Rule::on(Kind::UploadPatch), Fault::none().before(spoil));
}

/// Quay: a mount without `from` fails, the first look at a blob is 429, the first manifest comes
/// too early after its blobs.
pub fn quay(registry: &ScriptedRegistry) {
    let nowhere = Rule::on(Kind::MountPost).matching(|request| request.parameter("from").is_none());
    registry.script(nowhere, Fault::error(400, "NAME_INVALID"));
    let busy = Fault::error(429, "TOOMANYREQUESTS");
    registry.script(Rule::on(Kind::BlobHead).nth(1), busy);
    registry.script(Rule::on(Kind::ManifestPut).nth(1), Fault::error(400, "MANIFEST_INVALID"));
}

/// Harbor: projects must exist, and whoever sends its session cookie back cannot upload.
pub fn harbor(registry: &ScriptedRegistry) {
    registry.set(|options| options.create_on_push = false);
    let cookie = Fault::none().header("Set-Cookie", "sid=scripted; Path=/; HttpOnly");
    registry.script(Rule::any(), cookie);
    let sent = Rule::any()
        .with_header("cookie", "sid=")
        .matching(|request| !matches!(request.method.as_str(), "GET" | "HEAD"));
    registry.script(sent, Fault::error(403, "DENIED").body("CSRF token invalid"));
}

/// Harbor's immutable tags: 412.
pub fn harbor_immutable_tags(registry: &ScriptedRegistry) {
    immutable_tags(registry, 412, "PRECONDITION");
}

/// Artifactory: an absent manifest is 403, a HEAD has no digest.
pub fn artifactory(registry: &ScriptedRegistry) {
    let virtual_repository = Fault::none()
        .edit(|_, answer| {
            if answer.status == 404 {
                *answer = Answer::error(403, "DENIED", "not in this virtual repository");
            }
        })
        .edit(|request, answer| {
            if request.kind == Kind::ManifestHead {
                answer.remove("Docker-Content-Digest");
            }
        });
    registry.script(on(&[Kind::ManifestGet, Kind::ManifestHead]), virtual_repository);
}

/// GitLab: the token has expired when the first upload is to be finished. Wants `Auth::Token`.
pub fn gitlab(registry: &ScriptedRegistry) {
    let revoke = registry.revoker();
    let expire = Fault::none().before(move |_, _| revoke());
    registry.script(Rule::on(Kind::UploadPut).nth(1), expire);
}

/// registry.redhat.io and some Nexus: a HEAD has no digest.
pub fn red_hat(registry: &ScriptedRegistry) {
    let silent = Fault::none().without_header("Docker-Content-Digest");
    registry.script(Rule::on(Kind::ManifestHead), silent);
}

/// cgr.dev: a token of another scope is 403. Wants `Auth::Token`.
pub fn cgr(registry: &ScriptedRegistry) {
    registry.set(|options| {
        if let Auth::Token(auth) = &mut options.auth {
            auth.wrong_scope = 403;
        }
    });
}

/// MCR (2026): bodies end at the last multiple of 8 MiB, and Content-Length agrees.
pub fn mcr(registry: &ScriptedRegistry) {
    const UNIT: usize = 8 * 1024 * 1024;
    let cut = Fault::none().edit(|_, answer| {
        let length = answer.body.len();
        if length > UNIT {
            answer.body.truncate((length - 1) / UNIT * UNIT);
        }
    });
    registry.script(Rule::on(Kind::BlobGet), cut);
}

/// No referrers API: `answer` to whoever asks, and no `OCI-Subject`.
pub fn no_referrers(registry: &ScriptedRegistry, answer: Answer) {
    registry.set(|options| options.referrers = false);
    registry.script(Rule::on(Kind::Referrers), Fault::answer(answer));
}

/// Uploads that go on at the other host.
pub fn uploads_elsewhere(registry: &ScriptedRegistry) {
    let base = registry.other_url();
    let elsewhere = Fault::none().edit(move |_, answer| {
        if let Some(path) = answer.header("Location").filter(|it| it.starts_with('/')) {
            let location = format!("{base}{path}");
            answer.set("Location", location);
        }
    });
    registry.script(on(&UPLOADS), elsewhere);
}

/// Tags that cannot be put twice, whatever the digest.
pub fn immutable_tags(registry: &ScriptedRegistry, status: u16, code: &'static str) {
    let refuse = Fault::instead(move |request, store| {
        let taken = store.resolve(request.repository(), request.reference());
        taken.map(|_| Answer::error(status, code, "the tag is immutable"))
    });
    registry.script(Rule::on(Kind::ManifestPut), refuse);
}

/// Bodies of more than `limit` bytes are answered 413.
pub fn refuse_bodies(registry: &ScriptedRegistry, kinds: &[Kind], limit: usize) {
    let refuse = Fault::instead(move |request, _| {
        (request.body.len() > limit).then(|| Answer::error(413, "SIZE_INVALID", "too large"))
    });
    registry.script(on(kinds), refuse);
}

fn on(kinds: &[Kind]) -> Rule {
    let kinds = kinds.to_vec();
    Rule::any().matching(move |request| kinds.contains(&request.kind))
}
