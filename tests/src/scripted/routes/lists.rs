//! Lists: tags and referrers, in pages joined by Link.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sample::{INDEX, describe};
use crate::scripted::answer::Answer;
use crate::scripted::options::ScriptedOptions;
use crate::scripted::request::Request;
use crate::scripted::store::{Repository, Store};

use super::name_unknown;

/// Lists tags.
pub(super) fn tags(request: &Request, options: &ScriptedOptions, store: &Store) -> Answer {
    let name = request.repository();
    let state = store.lock();
    let known = state.repositories.get(name);
    let known = known.filter(|repository| repository.is_known(options.create_on_push));
    let Some(repository) = known else { return name_unknown() };
    let last = request.parameter("last").unwrap_or_default();
    let rest: Vec<&String> =
        repository.tags.keys().filter(|tag| last.is_empty() || tag.as_str() > last).collect();
    let asked = request.parameter("n").and_then(|n| n.parse::<usize>().ok());
    let size = [asked, options.page].into_iter().flatten().min().unwrap_or(usize::MAX);
    let page = &rest[..rest.len().min(size)];
    let answer = Answer::json(200, &json!({"name": name, "tags": page}));
    match page.last() {
        Some(end) if page.len() < rest.len() => {
            let next = format!("/v2/{name}/tags/list?last={end}&n={size}");
            answer.with("Link", format!("<{next}>; rel=\"next\""))
        }
        Some(_) | None => answer,
    }
}

/// Lists the manifests that refer to a digest, known or not.
pub(super) fn referrers(request: &Request, options: &ScriptedOptions, store: &Store) -> Answer {
    if !options.referrers {
        return Answer::error(404, "UNSUPPORTED", "no referrers API");
    }
    let (name, subject) = (request.repository(), request.reference());
    let mut state = store.lock();
    let known = state.repositories.get_mut(name);
    let known = known.filter(|repository| repository.is_known(options.create_on_push));
    let Some(Repository { manifests, unlisted, .. }) = known else { return name_unknown() };
    let wanted = request.parameter("artifactType");
    let found: Vec<Value> = manifests
        .iter()
        .filter(|(_, manifest)| manifest.subject.as_deref() == Some(subject))
        .filter_map(|(digest, manifest)| {
            let value = serde_json::from_slice::<Value>(&manifest.bytes).ok()?;
            Some(descriptor(digest, &manifest.media_type, &manifest.bytes, &value))
        })
        .filter(|found| is_listed(found, unlisted))
        .filter(|found| wanted.is_none_or(|wanted| found["artifactType"] == wanted))
        .collect();
    let start =
        request.parameter("page").and_then(|it| it.parse::<usize>().ok()).unwrap_or_default();
    let size = options.referrers_page.unwrap_or(usize::MAX);
    let page: Vec<&Value> = found.iter().skip(start).take(size).collect();
    let end = start.saturating_add(page.len());
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": page});
    let mut answer = Answer::json(200, &index);
    answer.set("Content-Type", INDEX);
    if wanted.is_some() {
        answer.set("OCI-Filters-Applied", "artifactType");
    }
    if end < found.len() {
        let filter = wanted.map(|wanted| format!("&artifactType={wanted}")).unwrap_or_default();
        let next = format!("/v2/{name}/referrers/{subject}?page={end}{filter}");
        answer.set("Link", format!("<{next}>; rel=\"next\""));
    }
    answer
}

/// Returns whether a referrer is listed by now; each listing that leaves it out is counted.
fn is_listed(found: &Value, unlisted: &mut BTreeMap<String, usize>) -> bool {
    match found["digest"].as_str().and_then(|digest| unlisted.get_mut(digest)) {
        None | Some(0) => true,
        Some(left) => {
            *left -= 1;
            false
        }
    }
}

fn descriptor(digest: &str, media_type: &str, bytes: &[u8], manifest: &Value) -> Value {
    let mut descriptor = describe(media_type, bytes);
    descriptor["digest"] = json!(digest);
    let artifact_type = manifest.get("artifactType").unwrap_or(&manifest["config"]["mediaType"]);
    if artifact_type.is_string() {
        descriptor["artifactType"] = artifact_type.clone();
    }
    if let Some(annotations) = manifest.get("annotations") {
        descriptor["annotations"] = annotations.clone();
    }
    descriptor
}
