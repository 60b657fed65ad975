//! Hosted registries: Docker Hub, Amazon, Microsoft, Google, GitHub, Quay, Chainguard.

use mirror_tests::forward_proxy::ForwardProxy;
use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::sample::{Image, image, noise};
use mirror_tests::scripted::{
    Auth, Fault, Kind, Rule, ScriptedOptions, ScriptedRegistry, TokenAuth, User, habits,
};

use super::from_to;

/// An image with one layer of `length` bytes.
fn large(length: usize) -> mirror_tests::sample::Sample {
    Image::new().layer(noise("large", length)).build()
}

/// A source with `app:v1`, and an empty destination.
fn pair(sample: &mirror_tests::sample::Sample) -> (ScriptedRegistry, ScriptedRegistry) {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", sample);
    (source, destination)
}

/// A registry that gives tokens to `robot`.
fn want_tokens(registry: &ScriptedRegistry) {
    let users = vec![User::new("robot", "hunter2")];
    registry.set(|options| options.auth = Auth::Token(TokenAuth { users, ..Default::default() }));
}

const ROBOT: &str = "username: robot, credential: {value: hunter2}";

both_modes!(docker_hub_an_unchanged_tag_costs_a_head_and_no_pull);
async fn docker_hub_an_unchanged_tag_costs_a_head_and_no_pull() {
    let (source, destination) = pair(&image("app"));
    destination.store().push("app", "v1", &image("app"));
    habits::docker_hub(&source);
    from_to(&source, &destination).sync(&[]).run().await.assert_code(0);
    source.log().assert(&[(Kind::Tags, 1), (Kind::ManifestHead, 1)]);
}

#[tokio::test]
async fn docker_hub_a_mount_that_is_400_is_an_upload() {
    let (source, destination) = pair(&image("app"));
    source.store().push("tool", "v1", &image("app"));
    habits::docker_hub(&destination);
    let (from, to) = (source.host(), destination.host());
    let mirror =
        from_to(&source, &destination).artifact(&format!("{from}/tool"), &format!("{to}/tool"));
    mirror.sync(&["--concurrency", "1"]).run().await.assert_code(0);
    destination.store().assert_whole();
    // The pair is not asked for again.
    assert_eq!(destination.log().kind(Kind::MountPost).count(), 1, "{}", destination.log());
    assert_eq!(destination.log().kind(Kind::UploadPost).count(), 6, "{}", destination.log());
}

#[tokio::test]
async fn docker_hub_a_limit_that_is_not_json_is_waited_out_for_a_minute() {
    let tls = Some(Pki::new());
    let source = ScriptedRegistry::start(ScriptedOptions { tls, ..Default::default() });
    source.store().push("library/alpine", "3", &image("alpine"));
    habits::docker_hub(&source);
    habits::docker_hub_abuse(&source, Kind::ManifestHead, 1);
    let destination = ScriptedRegistry::plain();
    let proxy = ForwardProxy::start(&[("registry-1.docker.io:443", &source.host())]);
    let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
        .env("HTTPS_PROXY", proxy.url())
        .artifact("docker.io/library/alpine", &format!("{}/alpine", destination.host()));
    let done = mirror.sync(&["--insecure", "--timeout", "20s"]).run().await;
    done.assert_code(1);
    // A wait that outlasts the budget is not begun, and the row says what it would have been.
    assert!(done.stdout.contains("rate limited by registry-1.docker.io"), "{done}");
    assert!(done.stdout.contains("asks to wait 60 s"), "{done}");
    assert_eq!(source.log().kind(Kind::ManifestHead).count(), 1, "{}", source.log());
}

both_modes!(any_limit_without_a_time_is_waited_out_for_a_second);
async fn any_limit_without_a_time_is_waited_out_for_a_second() {
    let (source, destination) = pair(&image("app"));
    habits::docker_hub_abuse(&source, Kind::ManifestHead, 1);
    from_to(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
    assert_eq!(source.log().kind(Kind::ManifestHead).count(), 2, "{}", source.log());
}

both_modes!(ecr_a_repository_that_is_missing_is_no_reason_to_try_again);
async fn ecr_a_repository_that_is_missing_is_no_reason_to_try_again() {
    let (source, destination) = pair(&image("app"));
    habits::ecr(&destination);
    // One blob after the other: which one the row names is known.
    let done = from_to(&source, &destination).sync(&["--concurrency", "1"]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains("NAME_UNKNOWN"), "{done}");
    assert!(destination.log().kind(Kind::UploadPost).count() <= 3, "{}", destination.log());

    destination.store().create("app");
    from_to(&source, &destination).sync(&[]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &image("app"));
}

#[tokio::test]
async fn ecr_a_patch_may_be_answered_201_and_a_manifest_need_not_say_its_digest() {
    let (source, destination) = pair(&large(5000));
    habits::ecr(&source);
    habits::ecr(&destination);
    destination.store().create("app");
    let mirror = from_to(&source, &destination).host(&destination.host(), "maxChunkSize: 2");
    mirror.sync(&[]).run().await.assert_code(0);
    assert_eq!(destination.log().kind(Kind::UploadPatch).count(), 3, "{}", destination.log());
    destination.store().assert_holds("app", "v1", &large(5000));
}

both_modes!(ecr_an_immutable_tag_is_compared_and_never_tried_again);
async fn ecr_an_immutable_tag_is_compared_and_never_tried_again() {
    let (source, destination) = pair(&image("app"));
    destination.store().push("app", "v1", &image("old"));
    habits::ecr_immutable_tags(&destination);
    let done = from_to(&source, &destination).sync(&["--overwrite"]).run().await;
    done.assert_code(1);
    assert_eq!(destination.log().kind(Kind::ManifestPut).count(), 1, "{}", destination.log());
    assert!(done.stdout.contains("does not let the tag be overwritten"), "{done}");
    destination.store().assert_holds("app", "v1", &image("old"));
}

#[tokio::test]
async fn ecr_public_the_range_of_a_chunk_is_not_believed() {
    let (source, destination) = pair(&large(5000));
    habits::ecr_public(&destination);
    let mirror = from_to(&source, &destination).host(&destination.host(), "maxChunkSize: 2");
    mirror.sync(&[]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &large(5000));
}

both_modes!(ecr_public_an_upload_that_broke_begins_again);
async fn ecr_public_an_upload_that_broke_begins_again() {
    let (source, destination) = pair(&large(5000));
    habits::ecr_public(&destination);
    let broken = destination.script(
        Rule::on(Kind::UploadPut).nth(1),
        Fault::none().stop_reading(10, mirror_tests::scripted::Stop::Reset),
    );
    from_to(&source, &destination).sync(&[]).run().await.assert_code(0);
    assert_eq!(broken.fired(), 1);
    destination.store().assert_holds("app", "v1", &large(5000));
}

#[tokio::test]
async fn acr_one_repository_a_token_and_a_pause_before_the_manifest() {
    let (source, destination) = pair(&image("app"));
    source.store().push("tool", "v1", &image("app"));
    want_tokens(&destination);
    habits::acr(&destination);
    let (from, to) = (source.host(), destination.host());
    let mirror = from_to(&source, &destination)
        .host(&to, ROBOT)
        .artifact(&format!("{from}/tool"), &format!("{to}/tool"));
    mirror.sync(&["--retries", "0"]).run().await.assert_code(0);
    destination.store().assert_whole();
    // Its wait is the host's pause, no attempt of a job.
    assert_eq!(destination.log().kind(Kind::ManifestPut).count(), 3, "{}", destination.log());
}

#[tokio::test]
async fn acr_who_refuses_a_token_for_two_repositories_gets_an_upload() {
    let (source, destination) = pair(&image("app"));
    source.store().push("tool", "v1", &image("app"));
    want_tokens(&destination);
    let two =
        Rule::on(Kind::Token).matching(|request| request.target.matches("scope=").count() > 1);
    destination.script(two, Fault::error(400, "DENIED"));
    let (from, to) = (source.host(), destination.host());
    let mirror = from_to(&source, &destination)
        .host(&to, ROBOT)
        .artifact(&format!("{from}/tool"), &format!("{to}/tool"));
    mirror.sync(&["--concurrency", "1"]).run().await.assert_code(0);
    destination.store().assert_whole();
    assert_eq!(destination.log().kind(Kind::MountPost).count(), 0, "{}", destination.log());
}

#[tokio::test]
async fn acr_a_body_that_is_too_large_goes_up_in_chunks_where_they_are_asked_for() {
    let (source, destination) = pair(&large(5000));
    habits::refuse_bodies(&destination, &[Kind::UploadPut, Kind::UploadPatch], 4096);
    let done = from_to(&source, &destination).sync(&[]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains("answered 413"), "{done}");
    let mirror = from_to(&source, &destination).host(&destination.host(), "maxChunkSize: 4");
    mirror.sync(&[]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &large(5000));
}

both_modes!(gar_a_blob_goes_up_in_one_put_with_its_length);
async fn gar_a_blob_goes_up_in_one_put_with_its_length() {
    let (source, destination) = pair(&large(5000));
    habits::gar(&source);
    habits::gar(&destination);
    from_to(&source, &destination).sync(&[]).run().await.assert_code(0);
    let log = destination.log();
    assert_eq!(log.kind(Kind::UploadPatch).count(), 0, "{log}");
    for entry in log.kind(Kind::UploadPut).entries() {
        assert_eq!(entry.header("content-length"), Some(entry.body_bytes.to_string().as_str()));
        assert_eq!(entry.header("transfer-encoding"), None);
    }
    for entry in log.kind(Kind::UploadPost).entries() {
        assert_eq!(entry.header("content-length"), Some("0"), "front ends answer 411 without");
    }
    destination.store().assert_holds("app", "v1", &large(5000));
}

both_modes!(gar_an_upload_that_broke_goes_on_without_a_patch);
async fn gar_an_upload_that_broke_goes_on_without_a_patch() {
    let (source, destination) = pair(&large(5000));
    habits::gar(&destination);
    let big = Rule::on(Kind::UploadPut).with_header("content-length", "5000").nth(1);
    let stop = mirror_tests::scripted::Stop::Reset;
    let broken = destination.script(big, Fault::none().stop_reading(1000, stop));
    from_to(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
    assert_eq!(broken.fired(), 1);
    assert_eq!(destination.log().kind(Kind::UploadPatch).count(), 0, "{}", destination.log());
    destination.store().assert_holds("app", "v1", &large(5000));
}

both_modes!(ghcr_one_body_an_upload);
async fn ghcr_one_body_an_upload() {
    let (source, destination) = pair(&large(5000));
    habits::ghcr(&source);
    habits::ghcr(&destination);
    from_to(&source, &destination).sync(&[]).run().await.assert_code(0);
    assert_eq!(destination.log().kind(Kind::UploadPatch).count(), 0, "{}", destination.log());
    destination.store().assert_holds("app", "v1", &large(5000));
}

both_modes!(quay_busy_heads_and_late_blobs_pass);
async fn quay_busy_heads_and_late_blobs_pass() {
    let (source, destination) = pair(&image("app"));
    destination.store().push("app", "v0", &image("other"));
    source.store().push("tool", "v1", &image("app"));
    habits::quay(&destination);
    let (from, to) = (source.host(), destination.host());
    let mirror =
        from_to(&source, &destination).artifact(&format!("{from}/tool"), &format!("{to}/tool"));
    mirror.sync(&[]).run().await.assert_code(0);
    destination.store().assert_whole();
    let log = destination.log();
    assert_eq!(log.kind(Kind::ManifestPut).count(), 3, "{log}");
    let nowhere = log.kind(Kind::MountPost).only(|entry| !entry.target.contains("from="));
    assert_eq!(nowhere.count(), 0, "{log}");
}

#[tokio::test]
async fn chainguard_each_set_of_scopes_has_a_token_of_its_own() {
    let (source, destination) = pair(&image("app"));
    source.store().push("tool", "v1", &image("tool"));
    want_tokens(&source);
    habits::cgr(&source);
    let (from, to) = (source.host(), destination.host());
    let mirror = from_to(&source, &destination)
        .host(&from, ROBOT)
        .artifact(&format!("{from}/tool"), &format!("{to}/tool"));
    mirror.sync(&[]).run().await.assert_code(0);
    let refused = source.log().only(|entry| entry.status == Some(403));
    assert_eq!(refused.count(), 0, "{refused}");
    assert_eq!(source.log().kind(Kind::Token).count(), 2, "{}", source.log());
}

both_modes!(mcr_a_body_that_is_cut_with_a_right_length_is_fetched_to_its_end);
async fn mcr_a_body_that_is_cut_with_a_right_length_is_fetched_to_its_end() {
    const UNIT: usize = 8 << 20;
    let sample = large(UNIT * 2 + 17);
    let (source, destination) = pair(&sample);
    habits::mcr(&source);
    from_to(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
    let ranges: Vec<String> = source
        .log()
        .kind(Kind::BlobGet)
        .entries()
        .iter()
        .filter_map(|it| it.range.clone())
        .collect();
    assert_eq!(ranges, ["bytes=16777216-"]);
    destination.store().assert_holds("app", "v1", &sample);
    assert_eq!(destination.log().kind(Kind::UploadPost).count(), 2, "{}", destination.log());
}
