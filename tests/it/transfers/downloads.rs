//! Downloads that break, lie, or do not end.

use mirror_tests::scripted::{Fault, Framing, Kind, Rule, ScriptedRegistry, Stop};

use super::{LARGE, assert_nothing_published, large, layer_get, mirror, pair};

/// The ranges asked for of blobs, in order.
fn ranges(source: &ScriptedRegistry) -> Vec<String> {
    let log = source.log();
    log.kind(Kind::BlobGet).entries().iter().filter_map(|entry| entry.range.clone()).collect()
}

both_modes!(a_broken_download_goes_on_where_it_broke);
async fn a_broken_download_goes_on_where_it_broke() {
    for stop in [Stop::Reset, Stop::Fin] {
        let (source, destination) = pair(&large());
        let cut = source.script(layer_get().nth(1), Fault::none().cut_after(100_000, stop));
        mirror(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
        assert_eq!(cut.fired(), 1);
        assert_eq!(ranges(&source), ["bytes=100000-"], "{}", source.log());
        let entries = source.log().kind(Kind::BlobGet).only(|entry| entry.range.is_some());
        let condition = entries.entries()[0].header("if-range").map(ToOwned::to_owned);
        assert!(condition.is_some_and(|tag| tag.starts_with("\"sha256:")));
        // The upload never noticed.
        destination.log().kind(Kind::UploadPut).assert(&[(Kind::UploadPut, 2)]);
        destination.store().assert_holds("app", "v1", &large());
    }
}

both_modes!(a_body_that_ends_early_by_its_own_length_goes_on_too);
async fn a_body_that_ends_early_by_its_own_length_goes_on_too() {
    for framing in [Framing::Length, Framing::Close, Framing::Chunked] {
        let (source, destination) = pair(&large());
        source.script(layer_get().nth(1), Fault::none().short(200_000).framing(framing));
        mirror(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
        assert_eq!(ranges(&source), ["bytes=200000-"], "{framing:?} {}", source.log());
        destination.store().assert_holds("app", "v1", &large());
    }
}

both_modes!(a_download_goes_on_five_times_and_no_more);
async fn a_download_goes_on_five_times_and_no_more() {
    let (source, destination) = pair(&large());
    let cut = source.script(layer_get(), Fault::none().cut_after(10_000, Stop::Fin));
    let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    assert_eq!(cut.fired(), 6, "{}", source.log());
    assert_nothing_published(&destination, &large());
}

both_modes!(a_download_that_brings_nothing_does_not_go_on);
async fn a_download_that_brings_nothing_does_not_go_on() {
    let (source, destination) = pair(&large());
    source.script(layer_get().nth(1), Fault::none().cut_after(10_000, Stop::Fin));
    let nothing = source.script(layer_get().after(1), Fault::none().cut_after(0, Stop::Fin));
    let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    assert_eq!(nothing.fired(), 1, "{}", source.log());
    assert_nothing_published(&destination, &large());
}

both_modes!(a_server_that_ignores_ranges_is_read_from_the_start_and_skipped);
async fn a_server_that_ignores_ranges_is_read_from_the_start_and_skipped() {
    let (source, destination) = pair(&large());
    source.script(layer_get().nth(1), Fault::none().cut_after(100_000, Stop::Reset));
    let ignore = Fault::instead(|request, store| {
        let blob = store.blob(request.repository(), request.reference())?;
        Some(mirror_tests::scripted::Answer::status(200).body(blob))
    });
    source.script(layer_get().after(1), ignore);
    mirror(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(a_wrong_content_range_is_not_taken);
async fn a_wrong_content_range_is_not_taken() {
    for wrong in ["bytes 150000-299999/300000", "bytes */300000", "nonsense"] {
        let (source, destination) = pair(&large());
        source.script(layer_get().nth(1), Fault::none().cut_after(100_000, Stop::Reset));
        source.script(layer_get().nth(2), Fault::none().header("Content-Range", wrong));
        let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
        done.assert_code(1);
        assert!(done.stdout.contains("another range than the one asked for"), "{done}");
        assert_nothing_published(&destination, &large());
    }
}

both_modes!(a_range_that_begins_earlier_is_skipped_to_its_place);
async fn a_range_that_begins_earlier_is_skipped_to_its_place() {
    let (source, destination) = pair(&large());
    source.script(layer_get().nth(1), Fault::none().cut_after(100_000, Stop::Reset));
    let earlier = Fault::instead(|request, store| {
        let blob = store.blob(request.repository(), request.reference())?;
        let answer = mirror_tests::scripted::Answer::status(206).body(blob.slice(90_000..));
        Some(answer.with("Content-Range", "bytes 90000-299999/300000"))
    });
    source.script(layer_get().nth(2), earlier);
    mirror(&source, &destination).sync(&["--retries", "0"]).run().await.assert_code(0);
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(a_416_to_the_rest_reports_what_broke);
async fn a_416_to_the_rest_reports_what_broke() {
    let (source, destination) = pair(&large());
    source.script(layer_get().nth(1), Fault::none().short(100_000));
    source.script(layer_get().nth(2), Fault::status(416));
    // The next attempt finds it whole.
    let done = mirror(&source, &destination).sync(&["--verbose"]).run().await;
    done.assert_code(0);
    assert!(done.stderr.contains("ended after 100000 of 300000 bytes"), "{done}");
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(corrupt_content_is_fetched_once_more);
async fn corrupt_content_is_fetched_once_more() {
    let (source, destination) = pair(&large());
    let corrupt = source.script(layer_get().nth(1), Fault::none().corrupt(LARGE - 1));
    mirror(&source, &destination).sync(&[]).run().await.assert_code(0);
    assert_eq!(corrupt.fired(), 1);
    destination.store().assert_holds("app", "v1", &large());
}

both_modes!(corrupt_content_is_never_published_and_both_digests_are_named);
async fn corrupt_content_is_never_published_and_both_digests_are_named() {
    // The first byte and the last: nothing gets further than the last chunk.
    for offset in [0, LARGE - 1] {
        let (source, destination) = pair(&large());
        let corrupt = source.script(layer_get(), Fault::none().corrupt(offset));
        let done = mirror(&source, &destination).sync(&[]).run().await;
        done.assert_code(1);
        assert_eq!(corrupt.fired(), 2, "once, and once more: {}", source.log());
        let right = mirror_tests::digest::sha256(&mirror_tests::sample::noise("large", LARGE));
        assert!(done.stdout.contains("content has digest sha256:"), "{done}");
        assert!(done.stdout.contains(&format!("where {right} was expected")), "{done}");
        assert_nothing_published(&destination, &large());
        let puts = destination
            .log()
            .only(|entry| entry.kind == Kind::UploadPut && entry.body_bytes >= LARGE as u64);
        assert_eq!(puts.count(), 0, "the last chunk never leaves: {puts}");
    }
}

both_modes!(a_corrupt_rest_of_a_broken_download_is_not_published_either);
async fn a_corrupt_rest_of_a_broken_download_is_not_published_either() {
    let (source, destination) = pair(&large());
    source.script(layer_get().nth(1), Fault::none().cut_after(100_000, Stop::Reset));
    source.script(layer_get().after(1), Fault::none().corrupt(5));
    let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    assert_nothing_published(&destination, &large());
}

both_modes!(a_body_that_is_too_long_is_cut_off_and_not_published);
async fn a_body_that_is_too_long_is_cut_off_and_not_published() {
    for fault in [Fault::none().long(1), Fault::none().long(1).framing(Framing::Chunked)] {
        let (source, destination) = pair(&large());
        source.script(layer_get(), fault);
        let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
        done.assert_code(1);
        assert!(done.stdout.contains("is longer than its 300000 bytes"), "{done}");
        assert_nothing_published(&destination, &large());
    }
}

both_modes!(a_body_without_an_end_is_cut_off);
async fn a_body_without_an_end_is_cut_off() {
    let (source, destination) = pair(&large());
    let endless = source.script(layer_get(), Fault::none().endless());
    let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    assert_eq!(endless.fired(), 1);
    assert!(done.stdout.contains("is longer than its 300000 bytes"), "{done}");
    assert_nothing_published(&destination, &large());
}

both_modes!(an_empty_blob_is_verified_too);
async fn an_empty_blob_is_verified_too() {
    // Its digest is that of something else: whoever sends nothing for it has not brought it.
    let other = mirror_tests::sample::noise("other", 10);
    let digest = mirror_tests::digest::sha256(&other);
    let config = mirror_tests::sample::describe("application/vnd.oci.empty.v1+json", b"{}");
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": mirror_tests::sample::IMAGE,
        "config": config,
        "layers": [{"mediaType": "a/b", "digest": digest, "size": 0}],
    });
    let sample =
        mirror_tests::sample::Sample::raw(mirror_tests::sample::IMAGE, manifest.to_string());
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().put_blob("app", &b"{}"[..]);
    source.store().put_blob_as("app", &digest, &b""[..]);
    source.store().push("app", "v1", &sample);
    // A destination that believes what it is told.
    let believe = Fault::instead(|request, store| {
        let digest = request.parameter("digest")?;
        store.put_blob_as(request.repository(), digest, request.body.clone());
        Some(mirror_tests::scripted::Answer::status(201))
    });
    destination.script(Rule::on(Kind::UploadPut), believe);
    let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    assert!(destination.store().blob("app", &digest).is_none());
}
