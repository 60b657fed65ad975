//! What cosign signs and refuses, and what oras sees: the servers and the judges themselves.

use mirror_tests::client::Client;
use mirror_tests::oras::oras;
use mirror_tests::sample::{BUNDLE, image};
use mirror_tests::servers::{Sigstore, SigstoreOptions};
use mirror_tests::signed::{PREDICATE, publish};
use serde_json::json;

use super::{Place, assert_refused, registries};

#[tokio::test]
async fn cosign_signs_in_both_kinds_of_registry_and_accepts_that_identity_alone() {
    let sigstore = Sigstore::shared().await;
    let (api, no_api) = registries().await;
    let (alice, bob) = (sigstore.email("alice@example.test"), sigstore.email("bob@example.test"));
    let cosign = sigstore.cosign();
    for host in [api.host(), no_api.host()] {
        Client::new(&host).push("app", "v1", &image("app")).await;
        let app = format!("{host}/app:v1");
        assert_refused(&cosign, &app, &alice, "no signatures found").await;
        cosign.sign(&app, &alice).await;
        cosign.verify(&app, &alice).await.assert_code(0);
        assert_refused(&cosign, &app, &bob, "expected SAN value").await;

        // Once more by a workflow: either is found.
        let workflow = sigstore.workflow("acme/app", "release.yml", "refs/tags/v1");
        cosign.sign(&app, &workflow).await;
        cosign.verify(&app, &workflow).await.assert_code(0);
        cosign.verify(&app, &alice).await.assert_code(0);
    }
}

#[tokio::test]
async fn a_workload_signs_and_the_first_log_will_do() {
    let sigstore = Sigstore::shared().await;
    let (registry, _) = registries().await;
    Client::new(&registry.host()).push("app", "v1", &image("app")).await;
    let app = format!("{}/app:v1", registry.host());
    let team = sigstore.uri("/team/app");
    let cosign = sigstore.cosign();
    cosign.sign_in_first_log(&app, &team).await;
    cosign.verify(&app, &team).await.assert_code(0);
}

#[tokio::test]
async fn the_older_tags_are_signed_and_verified() {
    let sigstore = Sigstore::shared().await;
    let (registry, _) = registries().await;
    let client = Client::new(&registry.host());
    client.push("app", "v1", &image("app")).await;
    let app = format!("{}/app:v1", registry.host());
    let (alice, bob) = (sigstore.email("alice@example.test"), sigstore.email("bob@example.test"));
    let cosign = sigstore.cosign();
    cosign.sign_by_tag(&app, &alice).await;
    let tag = format!("{}.sig", image("app").digest().replace(':', "-"));
    assert_eq!(client.tags("app").await, [tag, "v1".to_owned()]);
    cosign.verify_by_tag(&app, &alice).await.assert_code(0);
    let other = cosign.verify_by_tag(&app, &bob).await;
    assert_ne!(other.code(), Some(0), "{other}");
}

#[tokio::test]
async fn without_the_logs_timestamp_a_certificate_is_refused() {
    let sigstore = Sigstore::start(SigstoreOptions { no_sct: true }).await;
    let (registry, _) = registries().await;
    Client::new(&registry.host()).push("app", "v1", &image("app")).await;
    let app = format!("{}/app:v1", registry.host());
    let alice = sigstore.email("alice@example.test");
    let cosign = sigstore.cosign();
    cosign.sign(&app, &alice).await;
    assert_refused(&cosign, &app, &alice, "0 SCT entries").await;
}

#[tokio::test]
async fn a_bundle_of_another_image_is_refused() {
    let sigstore = Sigstore::shared().await;
    let (registry, _) = registries().await;
    let client = Client::new(&registry.host());
    let place = Place::repository(&registry.host(), "app");
    for tag in ["v1", "v2"] {
        client.push("app", tag, &image(tag)).await;
    }
    let alice = sigstore.email("alice@example.test");
    let cosign = sigstore.cosign();
    cosign.sign(&place.at("v1"), &alice).await;
    let bundles = client.bundles("app", &image("v1").digest()).await;
    assert_eq!(bundles.len(), 1);
    let oras = oras();
    oras.attach(&place, "v2", BUNDLE, &bundles[0]).await;
    assert_refused(&cosign, &place.at("v2"), &alice, "artifact digest does not match").await;
}

#[tokio::test]
async fn an_attestation_is_verified_by_its_type() {
    let sigstore = Sigstore::shared().await;
    let (registry, _) = registries().await;
    Client::new(&registry.host()).push("app", "v1", &image("app")).await;
    let app = format!("{}/app:v1", registry.host());
    let alice = sigstore.email("alice@example.test");
    let cosign = sigstore.cosign();
    cosign.attest(&app, "custom", &json!({"passed": true}), &alice).await;
    cosign.verify_attestation(&app, "custom", &alice).await.assert_code(0);
    let other = cosign.verify_attestation(&app, PREDICATE, &alice).await;
    assert_ne!(other.code(), Some(0), "{other}");
}

#[tokio::test]
async fn a_release_is_judged_equal_where_all_of_it_is() {
    let sigstore = Sigstore::shared().await;
    let (api, no_api) = registries().await;
    let (oras, cosign) = (oras(), sigstore.cosign());
    let release = publish(sigstore, &oras, (&api.host(), "app", "v1"), "app").await;
    // The image alone is not enough for either judge.
    let copy = Place::repository(&no_api.host(), "app");
    Client::new(&no_api.host()).push("app", &release.tag, &release.index).await;
    assert!(oras.discover(&copy, &release.tag).await.is_empty());
    assert_refused(&cosign, &copy.at(&release.tag), &release.signer, "no signatures found").await;
    oras.copy(&release.place, &release.tag, &copy).await;
    release.assert_mirrored(&cosign, &oras, &copy).await;

    let layout = Place::layout(&oras.binary().folder().join("layout"));
    oras.copy(&release.place, &release.tag, &layout).await;
    assert_eq!(oras.assert_same(&release.place, &layout, &release.tag).await, release.attached);
    oras.attach(&layout, &release.index.digest(), "application/vnd.example", "more").await;
    let added = oras.discover(&layout, &release.tag).await;
    assert_eq!(added.difference(&release.attached).count(), 1);
}
