//! Each habit, seen by our plain client.

use std::time::Duration;

use super::*;
use crate::client::Client;
use crate::sample::{Sample, image, noise};
use crate::scripted::{ScriptedOptions, TokenAuth, User};

fn with(habit: impl Fn(&ScriptedRegistry)) -> (ScriptedRegistry, Client) {
    let registry = ScriptedRegistry::plain();
    habit(&registry);
    let client = Client::new(&registry.host());
    (registry, client)
}

/// Begins an upload and returns its path.
async fn upload(client: &Client) -> String {
    let begun = client.send("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    begun.header("location").unwrap().to_owned()
}

async fn put_manifest(client: &Client, tag: &str, sample: &Sample) -> u16 {
    let target = format!("/v2/app/manifests/{tag}");
    let headers = [("Content-Type", sample.media_type.as_str())];
    client.send("PUT", &target, &headers, &sample.bytes).await.status
}

async fn head(client: &Client, reference: &str) -> Answer {
    let target = format!("/v2/app/manifests/{reference}");
    client.send("HEAD", &target, &[("Accept", "*/*")], b"").await
}

#[tokio::test]
async fn docker_hub_counts_and_refuses() {
    let (registry, client) = with(docker_hub);
    docker_hub_abuse(&registry, Kind::Tags, 1);
    registry.store().push("app", "v1", &image("a"));
    assert!(head(&client, "v1").await.header("ratelimit-remaining").is_some());
    let mount = "/v2/new/blobs/uploads/?mount=sha256:00&from=app";
    assert_eq!(client.send("POST", mount, &[], b"").await.status, 400);
    let abused = client.send("GET", "/v2/app/tags/list", &[], b"").await;
    assert_eq!((abused.status, abused.header("retry-after")), (429, None));
    assert_eq!(client.tags("app").await, ["v1"]);
}

#[tokio::test]
async fn amazon_wants_repositories_and_keeps_tags() {
    let (registry, client) = with(ecr);
    ecr_immutable_tags(&registry);
    let post = "/v2/app/blobs/uploads/";
    assert_eq!(client.send("POST", post, &[], b"").await.status, 404);
    registry.store().create("app");
    let location = upload(&client).await;
    assert_eq!(client.send("PATCH", &location, &[], b"x").await.status, 201);
    let sample = image("a");
    client.push("app", "v1", &sample).await;
    assert_eq!(put_manifest(&client, "v1", &sample).await, 400);
    let target = "/v2/app/manifests/v1";
    let got = client.send("GET", target, &[("Accept", "*/*")], b"").await;
    assert_eq!(got.header("docker-content-digest"), None);

    let (_registry, client) = with(ecr_public);
    let location = upload(&client).await;
    let patched = client.send("PATCH", &location, &[], b"x").await;
    assert_eq!(patched.header("range"), Some("0-10485759"));
    assert_eq!(client.send("GET", &location, &[], b"").await.status, 404);
}

#[tokio::test]
async fn acr_refuses_what_is_large() {
    let (_registry, client) = with(acr);
    let location = upload(&client).await;
    let patched = client.send("PATCH", &location, &[], &noise("big", 20_000_001)).await;
    assert_eq!(patched.status, 413);
    assert_eq!(put_manifest(&client, "v1", &image("a")).await, 429);
    let many = "/token?scope=repository:a:pull&scope=repository:b:pull%20repository:c:pull";
    assert_eq!(client.send("GET", many, &[], b"").await.status, 400);
}

#[tokio::test]
async fn chunks_are_refused_or_spoil_the_blob() {
    let (registry, client) = with(gar);
    let location = upload(&client).await;
    assert_eq!(client.send("PATCH", &location, &[], b"x").await.status, 405);
    registry.store().push("app", "v1", &image("a"));
    assert_eq!(client.tags("app").await, ["v1"]);

    let (_registry, client) = with(ghcr);
    let blob = noise("blob", 100);
    let digest = crate::digest::sha256(&blob);
    for (size, status) in [(100, 201), (50, 400)] {
        let mut location = upload(&client).await;
        for chunk in blob.chunks(size) {
            let patched = client.send("PATCH", &location, &[], chunk).await;
            location = patched.header("location").unwrap().to_owned();
        }
        let end = format!("{location}&digest={digest}");
        assert_eq!(client.send("PUT", &end, &[], b"").await.status, status);
    }
}

#[tokio::test]
async fn who_has_no_referrers_api_says_so_in_its_own_way() {
    let sample = image("a");
    let list = format!("/v2/app/referrers/{}", sample.digest());
    let (_registry, client) = with(docker_hub);
    assert_eq!(client.send("GET", &list, &[], b"").await.status, 404);
    let (registry, client) = with(ghcr);
    let page = client.send("GET", &list, &[], b"").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(registry.log().only(|entry| entry.target == "/package").count(), 1);
}

#[tokio::test]
async fn quay_is_late_and_harbor_minds_cookies() {
    let (registry, client) = with(quay);
    let mount = "/v2/app/blobs/uploads/?mount=sha256:00";
    assert_eq!(client.send("POST", mount, &[], b"").await.status, 400);
    let blob = format!("/v2/app/blobs/{}", registry.store().put_blob("app", "x"));
    assert_eq!(client.send("HEAD", &blob, &[], b"").await.status, 429);
    assert_eq!(client.send("HEAD", &blob, &[], b"").await.status, 200);
    let sample = image("a");
    registry.store().put("app", &sample);
    assert_eq!(put_manifest(&client, "v1", &sample).await, 400);
    assert_eq!(put_manifest(&client, "v1", &sample).await, 201);

    let (registry, client) = with(harbor);
    harbor_immutable_tags(&registry);
    registry.store().push("app", "v1", &sample);
    let cookie = [("Cookie", "sid=scripted")];
    let post = "/v2/app/blobs/uploads/";
    assert_eq!(client.send("POST", post, &cookie, b"").await.status, 403);
    let begun = client.send("POST", post, &[], b"").await;
    assert!(begun.header("set-cookie").is_some());
    assert_eq!(put_manifest(&client, "v1", &sample).await, 412);
}

#[tokio::test]
async fn heads_lie_or_say_nothing() {
    let (registry, client) = with(artifactory);
    registry.store().push("app", "v1", &image("a"));
    assert_eq!(head(&client, "absent").await.status, 403);
    assert_eq!(head(&client, "v1").await.header("docker-content-digest"), None);
    let (registry, client) = with(red_hat);
    registry.store().push("app", "v1", &image("a"));
    assert_eq!(head(&client, "v1").await.header("docker-content-digest"), None);
}

#[tokio::test]
async fn tokens_expire_in_the_middle_and_are_of_one_scope() {
    let auth = TokenAuth {
        users: vec![User::new("ci", "secret")],
        lifetime: Duration::from_mins(5),
        ..TokenAuth::default()
    };
    let options = ScriptedOptions { auth: Auth::Token(auth), ..Default::default() };
    let registry = ScriptedRegistry::start(options);
    gitlab(&registry);
    cgr(&registry);
    let client = Client::new(&registry.host()).credentials("ci", "secret");
    let ask = async |scope: &str| {
        let target = format!("/token?scope=repository:app:{scope}");
        let answer = client.send("GET", &target, &[("Authorization", "Basic Y2k6c2VjcmV0")], b"");
        let value: Value = serde_json::from_slice(&answer.await.body).unwrap();
        format!("Bearer {}", value["token"].as_str().unwrap())
    };
    let pull = ask("pull").await;
    let wrong = [("Authorization", pull.as_str())];
    assert_eq!(client.exchange_once("/v2/other/tags/list", &wrong).await.status, 403);
    let location = upload(&client).await;
    let put = format!("{location}&digest={}", crate::digest::sha256(b"x"));
    assert_eq!(client.send("PUT", &put, &[], b"x").await.status, 201);
    let puts = registry.log().kind(Kind::UploadPut);
    assert!(puts.entries().iter().any(|one| one.status == Some(401)));
    assert_eq!(client.exchange_once("/v2/app/tags/list", &wrong).await.status, 401);
}

#[tokio::test]
async fn bodies_are_cut_and_uploads_go_elsewhere() {
    let (registry, client) = with(mcr);
    let blob = registry.store().put_blob("app", noise("big", 9 * 1024 * 1024));
    let got = client.blob("app", &blob).await.unwrap();
    assert_eq!(got.len(), 8 * 1024 * 1024);

    let (registry, client) = with(uploads_elsewhere);
    let location = upload(&client).await;
    assert!(location.starts_with(&registry.other_url()), "{location}");
    client.push("app", "v1", &image("a")).await;
    registry.store().assert_holds("app", "v1", &image("a"));
}
