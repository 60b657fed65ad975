//! Uploads: in one piece, in chunks, and across breaks.

use mirror_tests::digest::sha256;
use mirror_tests::mode::either;
use mirror_tests::sample::{Image, image, noise};
use mirror_tests::scripted::{
    Answer, Auth, Fault, Kind, Rule, ScriptedRegistry, Stop, TokenAuth, User,
};

use super::{LARGE, assert_nothing_published, large, layer_put, mirror, pair};

/// The ranges of the bodies of a kind that were answered, in order.
fn ranges(destination: &ScriptedRegistry, kind: Kind) -> Vec<String> {
    let log = destination.log().kind(kind);
    let answered = log.entries().iter().filter(|entry| entry.status.is_some());
    answered.filter_map(|entry| entry.header("content-range").map(ToOwned::to_owned)).collect()
}

both_modes!(a_blob_costs_a_post_and_a_put_with_its_length);
async fn a_blob_costs_a_post_and_a_put_with_its_length() {
    let (source, destination) = pair(&large());
    mirror(&source, &destination).sync(&[]).run().await.assert_code(0);
    let log = destination.log();
    log.only(|entry| !matches!(entry.kind, Kind::ManifestHead | Kind::Tags)).assert(&[
        // A worker does not know that the repository is not there yet.
        (Kind::BlobHead, either(0, 2)),
        (Kind::UploadPost, 2),
        (Kind::UploadPut, 2),
        (Kind::ManifestPut, 1),
    ]);
    let put = log.only(|entry| entry.body_bytes == LARGE as u64);
    let [put] = put.entries() else { panic!("one body of the layer's size: {log}") };
    assert_eq!(put.header("content-length"), Some("300000"));
    assert_eq!(put.header("transfer-encoding"), None);
    assert_eq!(put.header("content-type"), Some("application/octet-stream"));
    assert!(log.kind(Kind::UploadPost).entries()[0].header("content-length") == Some("0"));
}

#[tokio::test]
async fn max_chunk_size_sends_exact_ranges_and_follows_each_location() {
    let (source, destination) = pair(&large());
    let mirror = mirror(&source, &destination).host(&destination.host(), "maxChunkSize: 100");
    mirror.sync(&["--retries", "0"]).run().await.assert_code(0);
    assert_eq!(
        ranges(&destination, Kind::UploadPatch),
        ["0-102399", "102400-204799", "204800-299999"]
    );
    // The config is smaller than a chunk.
    destination.log().only(|entry| entry.method == "PATCH" || entry.method == "PUT").assert(&[
        (Kind::UploadPatch, 3),
        (Kind::UploadPut, 2),
        (Kind::ManifestPut, 1),
    ]);
    // The registry refuses an old Location, and counts its answers in the new one.
    let puts = destination.log().kind(Kind::UploadPut);
    assert!(puts.entries().iter().any(|put| put.target.contains("_state=3&")), "{puts}");
    destination.store().assert_holds("app", "v1", &large());
}

#[tokio::test]
async fn a_blob_of_exactly_one_chunk_is_not_cut() {
    let sample = Image::new().layer(noise("even", 100 << 10)).build();
    let (source, destination) = pair(&sample);
    let mirror = mirror(&source, &destination).host(&destination.host(), "maxChunkSize: 100");
    mirror.sync(&[]).run().await.assert_code(0);
    assert_eq!(destination.log().kind(Kind::UploadPatch).count(), 0);
}

#[tokio::test]
async fn a_chunk_is_never_smaller_than_the_registry_says() {
    let (source, destination) = pair(&large());
    let least = Fault::none().header("OCI-Chunk-Min-Length", "200000");
    destination.script(Rule::on(Kind::UploadPost), least);
    let mirror = mirror(&source, &destination).host(&destination.host(), "maxChunkSize: 100");
    mirror.sync(&[]).run().await.assert_code(0);
    assert_eq!(ranges(&destination, Kind::UploadPatch), ["0-199999", "200000-299999"]);
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(a_broken_upload_asks_how_far_it_got_and_goes_on_there);
async fn a_broken_upload_asks_how_far_it_got_and_goes_on_there() {
    let (source, destination) = pair(&large());
    let broken =
        destination.script(layer_put().nth(1), Fault::none().stop_reading(100_000, Stop::Reset));
    mirror(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
    assert_eq!(broken.fired(), 1);
    let log = destination.log();
    assert_eq!(log.kind(Kind::UploadStatus).count(), 1, "{log}");
    assert_eq!(log.kind(Kind::UploadPost).count(), 2, "the session is kept: {log}");
    assert_eq!(ranges(&destination, Kind::UploadPut), ["100000-299999"], "{log}");
    destination.store().assert_holds("app", "v1", &large());
}

#[tokio::test]
async fn a_broken_chunk_goes_on_within_itself() {
    let (source, destination) = pair(&large());
    let second = Rule::on(Kind::UploadPatch).nth(2);
    destination.script(second, Fault::none().stop_reading(50_000, Stop::Reset));
    let mirror = mirror(&source, &destination).host(&destination.host(), "maxChunkSize: 100");
    mirror.sync(&["--retries", "0"]).run().await.assert_code(0);
    let expected = ["0-102399", "152400-254799", "254800-299999"];
    assert_eq!(ranges(&destination, Kind::UploadPatch), expected, "{}", destination.log());
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(an_upload_whose_answer_was_lost_needs_only_its_commit);
async fn an_upload_whose_answer_was_lost_needs_only_its_commit() {
    let (source, destination) = pair(&large());
    // All bytes have come when the connection breaks.
    destination.script(layer_put().nth(1), Fault::none().stop_reading(LARGE, Stop::Reset));
    mirror(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
    let log = destination.log();
    let sent: u64 = log.kind(Kind::UploadPut).entries().iter().map(|put| put.body_bytes).sum();
    assert!(sent < LARGE as u64 + 1000, "the layer went up once: {log}");
    assert_eq!(source.log().kind(Kind::BlobGet).count(), 2, "{}", source.log());
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(an_offset_beyond_what_was_sent_is_not_believed);
async fn an_offset_beyond_what_was_sent_is_not_believed() {
    for claim in ["0-299999", "0-999999", "5-10"] {
        let (source, destination) = pair(&large());
        destination
            .script(layer_put(), Fault::none().stop_reading(1000, Stop::Reset).lose_upload());
        let lie = Fault::instead(move |request, _| {
            let answer = Answer::status(204).with("Range", claim);
            Some(answer.with("Location", request.target.as_str()))
        });
        destination.script(Rule::on(Kind::UploadStatus), lie);
        // What the source breaks off is not all that the registry says it has.
        source.script(super::layer_get(), Fault::none().corrupt(LARGE - 1));
        let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
        done.assert_code(1);
        assert_nothing_published(&destination, &large());
        let closed = destination.log().only(|entry| {
            entry.kind == Kind::UploadPut && entry.header("content-length") == Some("0")
        });
        assert_eq!(closed.count(), 0, "{closed}");
    }
}

both_modes!(a_break_without_progress_is_an_attempt);
async fn a_break_without_progress_is_an_attempt() {
    let (source, destination) = pair(&large());
    let broken = destination.script(layer_put().nth(1), Fault::none().stop_reading(0, Stop::Reset));
    let done = mirror(&source, &destination).sync(&["--verbose"]).run().await;
    done.assert_code(0);
    assert_eq!(broken.fired(), 1);
    assert_eq!(done.stderr.matches("job failed, retrying").count(), 1, "{done}");
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(an_upload_that_breaks_again_and_again_ends);
async fn an_upload_that_breaks_again_and_again_ends() {
    let (source, destination) = pair(&large());
    let breaks = Rule::on(Kind::UploadPut).matching(|request| {
        request.header("content-length").is_some_and(|length| length.len() > 4)
    });
    let broken = destination.script(breaks, Fault::none().stop_reading(10_000, Stop::Reset));
    let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    assert_eq!(broken.fired(), 6, "{}", destination.log());
    assert_nothing_published(&destination, &large());
}

both_modes!(an_upload_that_the_registry_forgot_begins_again);
async fn an_upload_that_the_registry_forgot_begins_again() {
    let (source, destination) = pair(&large());
    let lost = destination.script(layer_put().nth(1), Fault::none().lose_upload());
    mirror(&source, &destination).sync(&["--retries", "1"]).run().await.assert_code(0);
    assert_eq!(lost.fired(), 1);
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(a_registry_that_does_not_take_a_rest_gets_the_whole);
async fn a_registry_that_does_not_take_a_rest_gets_the_whole() {
    let (source, destination) = pair(&large());
    destination.script(layer_put().nth(1), Fault::none().stop_reading(100_000, Stop::Reset));
    let whole = Rule::on(Kind::UploadPut).with_header("content-range", "-");
    let refused = destination.script(whole, Fault::error(400, "UNSUPPORTED"));
    mirror(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
    assert_eq!(refused.fired(), 1);
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(what_cannot_pass_is_not_tried_again);
async fn what_cannot_pass_is_not_tried_again() {
    for (status, code) in [(400, "DIGEST_INVALID"), (413, "SIZE_INVALID"), (403, "DENIED")] {
        let (source, destination) = pair(&large());
        let refused = destination.script(layer_put(), Fault::error(status, code));
        let done = mirror(&source, &destination).sync(&[]).run().await;
        done.assert_code(1);
        assert_eq!(refused.fired(), 1, "{}", destination.log());
        assert_eq!(destination.log().kind(Kind::UploadStatus).count(), 0);
        assert!(done.stdout.contains(code), "{done}");
    }
}

#[tokio::test]
async fn a_long_upload_outlives_its_tokens() {
    let (source, destination) = pair(&large());
    let users = vec![User::new("robot", "hunter2")];
    destination
        .set(|options| options.auth = Auth::Token(TokenAuth { users, ..Default::default() }));
    for nth in [2, 3] {
        let revoke = destination.revoker();
        let before = Fault::none().before(move |_, _| revoke());
        destination.script(Rule::on(Kind::UploadPatch).nth(nth * 2), before);
    }
    let robot = "username: robot, credential: {value: hunter2}, maxChunkSize: 50";
    let mirror = mirror(&source, &destination).host(&destination.host(), robot);
    mirror.sync(&["--retries", "0"]).run().await.assert_code(0);
    let log = destination.log();
    assert_eq!(log.kind(Kind::Token).count(), 3, "{log}");
    assert_eq!(log.kind(Kind::UploadPatch).admitted().count(), 6, "no byte twice: {log}");
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(the_digest_that_a_registry_stored_is_compared);
async fn the_digest_that_a_registry_stored_is_compared() {
    let (source, destination) = pair(&image("app"));
    let wrong = format!("sha256:{}", "0".repeat(64));
    let fault = Fault::none().header("Docker-Content-Digest", &wrong);
    destination.script(Rule::on(Kind::ManifestPut), fault);
    let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains(&format!("it stored {wrong} where")), "{done}");
}

both_modes!(blobs_that_were_there_and_are_gone_are_sent_after_all);
async fn blobs_that_were_there_and_are_gone_are_sent_after_all() {
    let sample = image("app");
    for code in ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"] {
        let (source, destination) = pair(&sample);
        destination.store().push("app", "v0", &sample);
        // A collector of garbage comes between the look and the manifest.
        let collect = Fault::instead(move |request, store| {
            let is_there = store.blobs(request.repository()).is_empty();
            store.remove_blobs(request.repository());
            (!is_there).then(|| Answer::error(404, code, "gone"))
        });
        destination.script(Rule::on(Kind::ManifestPut).nth(1), collect);
        mirror(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
        let log = destination.log();
        assert_eq!(log.kind(Kind::BlobHead).count(), 3, "{log}");
        assert_eq!(log.kind(Kind::UploadPut).count(), 3, "nobody asks again: {log}");
        assert_eq!(log.kind(Kind::ManifestPut).count(), 2, "{log}");
        destination.store().untag("app", "v0");
        destination.store().assert_holds("app", "v1", &sample);
    }
}

both_modes!(a_registry_that_denies_what_it_affirms_fails_the_tag_alone);
async fn a_registry_that_denies_what_it_affirms_fails_the_tag_alone() {
    let (source, destination) = pair(&image("app"));
    source.store().push("app", "v2", &image("app2"));
    let unknown = Fault::error(404, "MANIFEST_BLOB_UNKNOWN");
    let denied = destination.script(Rule::on(Kind::ManifestPut).reference("v1"), unknown);
    let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    assert_eq!(denied.fired(), 2, "{}", destination.log());
    destination.store().assert_holds("app", "v2", &image("app2"));
    assert_eq!(destination.store().tags("app"), ["v2"]);
}

both_modes!(a_blob_larger_than_a_snapshot_goes_on_from_the_last_one);
async fn a_blob_larger_than_a_snapshot_goes_on_from_the_last_one() {
    // 40 MiB: the hash is kept each 16 MiB, and the rest is read from there.
    const SIZE: usize = 40 << 20;
    let sample = Image::new().layer(noise("huge", SIZE)).build();
    let (source, destination) = pair(&sample);
    let put = Rule::on(Kind::UploadPut).with_header("content-length", &SIZE.to_string());
    let stop = Fault::none().stop_reading(35 << 20, Stop::Reset);
    destination.script(put.nth(1), stop);
    mirror(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
    let gets = source.log().kind(Kind::BlobGet);
    let ranges: Vec<_> = gets.entries().iter().filter_map(|get| get.range.clone()).collect();
    let [range] = ranges.as_slice() else { panic!("one more GET: {gets}") };
    let from: usize = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap();
    assert!((32 << 20..=36 << 20).contains(&from), "{range}");
    assert!(destination.store().blob("app", &sha256(&noise("huge", SIZE))).is_some());
}
