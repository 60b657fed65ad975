//! What jobs share: permits, blobs on their way, and whoever takes over.

use std::fmt::Write as _;
use std::time::Duration;

use mirror_tests::binary::eventually;
use mirror_tests::digest::sha256;
use mirror_tests::sample::{Image, Sample, image, noise};
use mirror_tests::scripted::Kind::{
    BlobGet, ManifestHead, ManifestPut, MountPost, UploadPost, UploadPut,
};
use mirror_tests::scripted::{Fault, Gate, Rule, ScriptedRegistry};

use crate::requests::pair::{Pair, assert_rows, error_of};

const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for whoever would come too early to have come.
const SETTLED: Duration = Duration::from_millis(300);

/// The layer that all share.
fn shared() -> bytes::Bytes {
    noise("shared", 5000)
}

fn sharing(name: &str) -> Sample {
    Image::new().layer(shared()).platform("linux", name).build()
}

fn puts_shared() -> Rule {
    let digest = sha256(&shared());
    Rule::on(UploadPut).matching(move |request| request.parameter("digest") == Some(&*digest))
}

both_modes!(so_many_tags_are_copied_at_once_and_so_many_blobs_within_one);
async fn so_many_tags_are_copied_at_once_and_so_many_blobs_within_one() {
    let pair = Pair::plain();
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        pair.source.store().push(name, "1.0.0", &image(name));
    }
    let gate = Gate::closed();
    pair.destination.script(Rule::on(UploadPost), Fault::none().hold(&gate));
    pair.mirrors(&names);
    let running = pair.sync(["--concurrency", "2"]).spawn();
    gate.reached(4).await;
    tokio::time::sleep(SETTLED).await;
    // Two tags of three blobs each, two blobs of each.
    assert_eq!(gate.held(), 4);
    let begun = pair.destination.log().kind(UploadPost);
    let tags = names.iter().filter(|name| begun.of(name).count() > 0).count();
    assert_eq!(tags, 2);
    gate.resume();
    running.wait().await.assert_code(0);
    assert!(pair.destination.log().kind(UploadPut).in_flight() <= 4);
    assert!(pair.source.log().kind(BlobGet).in_flight() <= 4);
}

both_modes!(comparing_is_not_held_back_by_copying);
async fn comparing_is_not_held_back_by_copying() {
    let pair = Pair::plain();
    pair.source.store().push("new", "1.0.0", &image("new"));
    for tag in 0..10 {
        pair.source.store().push("old", &format!("1.{tag}.0"), &image("old"));
        pair.destination.store().push("old", &format!("1.{tag}.0"), &image("old"));
    }
    let gate = Gate::closed();
    let later = Gate::closed();
    pair.destination.script(Rule::on(UploadPost), Fault::none().hold(&gate));
    pair.source.script(Rule::on(ManifestHead).repository("old"), Fault::none().hold(&later));
    pair.mirrors(&["new", "old"]);
    let running = pair.sync(["--concurrency", "1"]).spawn();
    gate.reached(1).await;
    later.resume();
    let compared = || pair.asked("old").kind(ManifestHead).count() == 10;
    eventually("all tags are looked at", PATIENCE, compared).await;
    gate.resume();
    let done = running.wait().await;
    assert_eq!(done.assert_code(0).json()["report"]["summary"]["skipped"], 10);
}

both_modes!(the_largest_blobs_go_first);
async fn the_largest_blobs_go_first() {
    let pair = Pair::plain();
    let sizes = [3000, 9000, 1000, 27_000];
    let layers = sizes.map(|size| noise(&size.to_string(), size));
    let sample = layers.into_iter().fold(Image::new(), Image::layer).build();
    pair.source.store().push("app", "1.0.0", &sample);
    pair.mirrors(&["app"]);
    pair.sync(["--concurrency", "1"]).run().await.assert_code(0);
    let sent: Vec<u64> =
        pair.asked_source("app").kind(BlobGet).entries().iter().map(|get| get.sent_bytes).collect();
    assert_eq!(sent[..4], [27_000, 9000, 3000, 1000]);
}

#[tokio::test]
async fn a_blob_travels_once_to_each_registry_that_lacks_it() {
    let pair = Pair::plain();
    let other = ScriptedRegistry::plain();
    let names = ["a", "b", "c", "d"];
    let mut config =
        "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n".to_owned();
    for name in names {
        pair.source.store().push(name, "1.0.0", &sharing(name));
        for to in [pair.destination.host(), other.host()] {
            let from = pair.source.host();
            writeln!(config, "  - {{source: {from}/{name}, destination: {to}/{name}}}").unwrap();
        }
    }
    pair.mirror.write("mirror.yaml", config);
    pair.sync(["--concurrency", "8"]).run().await.assert_code(0);
    let digest = sha256(&shared());
    let gets = pair.source.log().kind(BlobGet);
    let gets = gets.only(|get| get.reference.as_ref() == Some(&digest));
    assert_eq!(gets.count(), 2);
    for registry in [&pair.destination, &other] {
        assert_eq!(registry.log().kind(MountPost).count(), 3);
        assert_eq!(registry.log().kind(UploadPut).count(), 1 + names.len());
        registry.store().assert_whole();
    }
}

#[tokio::test]
async fn where_who_sends_a_blob_fails_another_takes_over() {
    let pair = Pair::plain();
    let names = ["a", "b", "c"];
    for name in names {
        pair.source.store().push(name, "1.0.0", &sharing(name));
    }
    // Held until all want it; then refused for good.
    let gate = Gate::closed();
    let refused = Fault::error(400, "DIGEST_INVALID").hold(&gate);
    pair.destination.script(puts_shared().nth(1), refused);
    pair.mirrors(&names);
    let running = pair.sync([]).spawn();
    gate.reached(1).await;
    let configs = || pair.destination.log().kind(UploadPut).count() == 1 + names.len();
    eventually("the configs are sent", PATIENCE, configs).await;
    tokio::time::sleep(SETTLED).await;
    gate.resume();
    let done = running.wait().await;
    let summary = &done.assert_code(1).json()["report"]["summary"];
    assert_eq!((&summary["failed"], &summary["copied"]), (&1.into(), &2.into()));
    // Sent by the first and by the next; mounted for the third.
    let digest = sha256(&shared());
    let gets = pair.source.log().only(|entry| entry.reference.as_ref() == Some(&digest));
    assert_eq!(gets.count(), 2);
    assert_eq!(pair.destination.log().kind(MountPost).count(), 1);
    pair.destination.store().assert_whole();
}

#[tokio::test]
async fn where_who_sends_a_blob_is_broken_off_another_takes_over() {
    let pair = Pair::plain();
    for name in ["a", "b"] {
        pair.source.store().push(name, "1.0.0", &sharing(name));
    }
    let (sending, list, config) = (Gate::closed(), Gate::closed(), Gate::closed());
    pair.destination.script(puts_shared().nth(1), Fault::none().hold(&sending));
    pair.source.script(Rule::on(ManifestHead).repository("b"), Fault::none().hold(&list));
    let own = Rule::on(BlobGet).reference(&sha256(&sharing("a").blobs[0]));
    pair.source.script(own, Fault::error(404, "BLOB_UNKNOWN").hold(&config));
    pair.mirrors(&["a", "b"]);
    let running = pair.sync([]).spawn();
    // The first sends the shared layer; the second wants it; then the first loses its config.
    sending.reached(1).await;
    config.reached(1).await;
    list.resume();
    let wants = || pair.asked("b").kind(UploadPut).count() == 1;
    eventually("the second has sent its config", PATIENCE, wants).await;
    tokio::time::sleep(SETTLED).await;
    assert_eq!(pair.asked("b").kind(ManifestPut).count(), 0);
    config.resume();
    let done = running.wait().await;
    assert!(error_of(done.assert_code(1), 0, "1.0.0").contains("BLOB_UNKNOWN"));
    assert_rows(&done, 1, &[("1.0.0", "copied")]);
    pair.destination.store().assert_holds("b", "1.0.0", &sharing("b"));
    assert_eq!(pair.asked("b").kind(MountPost).count(), 0);
}
