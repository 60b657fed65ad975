//! The servers, started and used once each; crane against them and the scripted registry.

use super::*;
use crate::client::Client;
use crate::layout::write_layout;
use crate::pki::Pki;
use crate::sample::{image, two_platforms};
use crate::scripted::{Auth, Kind, ScriptedOptions, ScriptedRegistry, TokenAuth, User};
use crate::tools::crane;

/// Pushes and judges two samples.
async fn check(client: &Client) {
    for (tag, sample) in [("v1", image("a")), ("v2", two_platforms("b"))] {
        client.push("app", tag, &sample).await;
        client.assert_holds("app", tag, &sample).await;
    }
    assert_eq!(client.tags("app").await, ["v1", "v2"]);
}

#[tokio::test]
async fn distribution_starts_in_each_variant() {
    let plain = Distribution::start(DistributionOptions::default()).await;
    check(&Client::new(&plain.host())).await;

    let pki = Pki::new();
    let tls = Some(pki.clone());
    let tls =
        Distribution::start(DistributionOptions { tls, basic: true, ..Default::default() }).await;
    check(&Client::new(&tls.host()).tls(&pki).credentials("mirror", "secret")).await;

    let token = Some(TokenServerOptions::default());
    let options = DistributionOptions { token, relative_urls: false, ..Default::default() };
    let token = Distribution::start(options).await;
    check(&Client::new(&token.host()).credentials("mirror", "secret")).await;
    assert!(token.token_requests().iter().all(|one| one.user == "mirror"));

    let options = DistributionOptions { redirect_blobs: true, ..Default::default() };
    let cdn = Distribution::start(options).await;
    check(&Client::new(&cdn.host())).await;
    assert!(cdn.cdn_requests().iter().any(|one| one.status == 200 && !one.authorization));
}

#[tokio::test]
async fn oci_registry_starts_and_records() {
    let basic = Some(("u".to_owned(), "p".to_owned()));
    let options = OciRegistryOptions { page: Some(1), basic, ..Default::default() };
    let registry = OciRegistry::start(options).await;
    check(&Client::new(&registry.host()).credentials("u", "p")).await;
    let lists = registry.requests();
    let lists = lists.iter().filter(|one| one.kind() == Kind::Tags && one.status == 200);
    assert_eq!(lists.count(), 2);
}

#[tokio::test]
async fn whoever_has_an_answer_finds_it_recorded() {
    let folder = tempfile::TempDir::new().unwrap();
    // So much that its end is in no buffer of the server.
    std::fs::write(folder.path().join("long"), vec![b'x'; 120_000]).unwrap();
    let server = FileServer::start(folder.path(), FileServerOptions::default()).await;
    let client = Client::new(&server.host());
    for count in 1..100 {
        let answer = client.send("GET", "/long", &[], b"").await;
        let recorded = server.requests();
        assert_eq!((answer.body.len(), recorded.len()), (120_000, count));
        assert_eq!(recorded[count - 1].bytes, 120_000);
    }
}

#[tokio::test]
async fn crane_pushes_to_the_scripted_registry_and_copies() {
    let auth = TokenAuth { users: vec![User::new("ci", "secret")], ..TokenAuth::default() };
    let auth = Auth::Token(auth);
    let registry = ScriptedRegistry::start(ScriptedOptions { auth, ..Default::default() });
    let crane = crane();
    crane.log_in(&[(&registry.host(), "ci", "secret")]);
    let sample = two_platforms("a");
    write_layout(&crane.folder().join("layout"), &[("v1", &sample)]);
    let [first, second] = ["one:v1", "two:v1"].map(|name| format!("{}/{name}", registry.host()));
    crane.says(["push", "--insecure", "--index", "layout", &first]).await;
    crane.says(["copy", "--insecure", &first, &second]).await;
    // crane pushes the layout's own index, which names the sample.
    let digest = crane.says(["digest", "--insecure", &second]).await;
    assert_eq!(registry.store().resolve("two", "v1").as_ref(), Some(&digest));
    let whole = registry.store().judge("two", &digest).unwrap();
    assert!(whole.manifests.contains(&sample.digest()));
    assert!(registry.log().kind(Kind::MountPost).count() > 0);
    let list = format!("{}/one", registry.host());
    assert_eq!(crane.says(["ls", "--insecure", &list]).await, "v1");
}

#[tokio::test]
async fn curl_agrees_with_the_scripted_registry() {
    let Some(curl) = crate::tools::tool("curl") else {
        panic!("curl is not installed");
    };
    let registry = ScriptedRegistry::plain();
    let blob = "x".repeat(2 * 1024 * 1024);
    curl.write("blob", &blob);
    let target = format!(
        "{}/v2/app/blobs/uploads/?digest={}",
        registry.url(),
        crate::digest::sha256(blob.as_bytes())
    );
    // More than 1 MiB makes curl ask first: Expect: 100-continue.
    let code =
        ["-s", "-o", "out", "-w", "%{http_code}", "-X", "POST", "--data-binary", "@blob", &target];
    assert_eq!(curl.says(code).await, "201");
    let digest = registry.store().blobs("app").pop_first().unwrap();
    let get = format!("{}/v2/app/blobs/{digest}", registry.url());
    let code = ["-s", "-o", "out", "-w", "%{http_code} %{size_download}", "-r", "5-", &get];
    assert_eq!(curl.says(code).await, format!("206 {}", blob.len() - 5));
    assert_eq!(curl.says(["-sI", "-o", "out", "-w", "%{http_code}", &get]).await, "200");
}
