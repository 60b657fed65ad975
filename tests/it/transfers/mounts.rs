//! Blobs that the destination's registry has in another repository.

use mirror_tests::mirror::Mirror;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Fault, Kind, Rule, ScriptedRegistry};

/// Mirrors the same image into two repositories, one after the other.
fn twice() -> (ScriptedRegistry, ScriptedRegistry, Mirror) {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("one"));
    source.store().push("tool", "v1", &image("one"));
    let (from, to) = (source.host(), destination.host());
    let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
        .artifact(&format!("{from}/app"), &format!("{to}/app"))
        .artifact(&format!("{from}/tool"), &format!("{to}/tool"));
    (source, destination, mirror)
}

#[tokio::test]
async fn a_mount_that_is_201_costs_one_post_and_no_get() {
    let (source, destination, mirror) = twice();
    mirror.sync(&["--concurrency", "1"]).run().await.assert_code(0);
    let log = destination.log();
    assert_eq!(log.kind(Kind::MountPost).count(), 3, "{log}");
    assert_eq!(log.kind(Kind::UploadPost).count(), 3, "{log}");
    assert_eq!(log.kind(Kind::UploadPut).count(), 3, "{log}");
    assert_eq!(source.log().kind(Kind::BlobGet).count(), 3, "{}", source.log());
    destination.store().assert_whole();
}

#[tokio::test]
async fn a_mount_that_is_202_is_an_upload_and_needs_no_second_post() {
    let (_source, destination, mirror) = twice();
    destination.set(|options| options.mount = false);
    mirror.sync(&["--concurrency", "1"]).run().await.assert_code(0);
    let log = destination.log();
    assert_eq!(log.kind(Kind::MountPost).count(), 3, "{log}");
    assert_eq!(log.kind(Kind::UploadPost).count(), 3, "{log}");
    assert_eq!(log.kind(Kind::UploadPut).count(), 6, "{log}");
    destination.store().assert_whole();
}

#[tokio::test]
async fn a_refused_mount_is_an_upload_and_the_pair_is_not_asked_for_again() {
    for status in [400, 401, 403, 404, 405] {
        let (_source, destination, mirror) = twice();
        let refused = destination.script(Rule::on(Kind::MountPost), Fault::status(status));
        mirror.sync(&["--concurrency", "1", "--retries", "0"]).run().await.assert_code(0);
        assert_eq!(refused.fired(), 1, "{status}: {}", destination.log());
        assert_eq!(destination.log().kind(Kind::UploadPost).count(), 6, "{}", destination.log());
        destination.store().assert_whole();
    }
}

#[tokio::test]
async fn a_mount_that_lies_is_found_out_by_the_manifest() {
    let (_source, destination, mirror) = twice();
    let lie = Fault::status(201);
    destination.script(Rule::on(Kind::MountPost), lie);
    mirror.sync(&["--concurrency", "1", "--retries", "0"]).run().await.assert_code(0);
    let log = destination.log();
    assert_eq!(log.kind(Kind::UploadPut).count(), 6, "sent after all: {log}");
    destination.store().assert_whole();
}

#[tokio::test]
async fn jobs_that_want_one_blob_at_once_send_it_once() {
    let (source, destination, mirror) = twice();
    mirror.sync(&[]).run().await.assert_code(0);
    assert_eq!(source.log().kind(Kind::BlobGet).count(), 3, "{}", source.log());
    assert_eq!(destination.log().kind(Kind::UploadPut).count(), 3, "{}", destination.log());
    assert_eq!(destination.log().kind(Kind::MountPost).count(), 3, "{}", destination.log());
    destination.store().assert_whole();
}
