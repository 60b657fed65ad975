//! Attempts: what can pass is tried again, what cannot is not.

use mirror_tests::digest::sha256;
use mirror_tests::sample::{image, noise, two_platforms};
use mirror_tests::scripted::Kind::{BlobGet, ManifestGet, ManifestPut, UploadPost, UploadPut};
use mirror_tests::scripted::{Fault, Rule, Stop};

use crate::requests::pair::{Pair, assert_rows, error_of};

both_modes!(statuses_that_can_pass_are_tried_again);
async fn statuses_that_can_pass_are_tried_again() {
    let pair = Pair::plain();
    let names = ["s408", "s425", "s500", "s502", "s503", "s504"];
    for name in names {
        let status = name[1..].parse().unwrap();
        pair.source.store().push(name, "1.0.0", &image(name));
        let once = |kind| Rule::on(kind).repository(name).nth(1);
        pair.source.script(once(ManifestGet), Fault::status(status));
        pair.destination.script(once(UploadPut), Fault::status(status));
        pair.destination.script(once(ManifestPut), Fault::status(status));
    }
    pair.mirrors(&names);
    pair.sync([]).run().await.assert_code(0);
    for name in names {
        assert_eq!(pair.asked_source(name).kind(ManifestGet).count(), 2, "{name}");
        assert_eq!(pair.asked(name).kind(ManifestPut).count(), 2, "{name}");
        pair.destination.store().assert_holds(name, "1.0.0", &image(name));
    }
}

both_modes!(statuses_that_cannot_pass_are_not_tried_again);
async fn statuses_that_cannot_pass_are_not_tried_again() {
    let pair = Pair::plain();
    let names = ["s400", "s401", "s403", "s404"];
    let places =
        [("get", ManifestGet), ("blob", BlobGet), ("post", UploadPost), ("put", ManifestPut)];
    let mut repositories = Vec::new();
    for name in names {
        for (place, kind) in places {
            let repository = format!("{name}/{place}");
            let status = name[1..].parse().unwrap();
            pair.source.store().push(&repository, "1.0.0", &image(&repository));
            let code = if status == 404 { "BLOB_UNKNOWN" } else { "UNSUPPORTED" };
            let rule = || Rule::on(kind).repository(&repository);
            // A manifest that is refused for lack of a blob is another matter.
            let code = if kind == ManifestPut { "UNSUPPORTED" } else { code };
            pair.source.script(rule(), Fault::error(status, code));
            pair.destination.script(rule(), Fault::error(status, code));
            repositories.push((repository, kind, status));
        }
    }
    pair.mirrors(&repositories.iter().map(|(name, _, _)| name.as_str()).collect::<Vec<_>>());
    // One blob at once: one that is refused stops the others.
    let done = pair.sync(["--concurrency", "1"]).run().await;
    done.assert_code(1);
    for (entry, (repository, kind, status)) in repositories.iter().enumerate() {
        let is_read = matches!(kind, ManifestGet | BlobGet);
        let asked = if is_read { &pair.source } else { &pair.destination };
        let asked = asked.log().of(repository);
        assert_eq!(asked.kind(*kind).count(), 1, "{repository}\n{asked}");
        error_of(&done, entry, "1.0.0");
        assert!(*status >= 400);
    }
}

both_modes!(no_retries_are_one_attempt_and_each_retry_is_one_more);
async fn no_retries_are_one_attempt_and_each_retry_is_one_more() {
    for (retries, attempts) in [("0", 1), ("2", 3)] {
        let pair = Pair::plain();
        pair.source.store().push("app", "1.0.0", &image("app"));
        pair.source.script(Rule::on(ManifestGet), Fault::error(500, "UNKNOWN"));
        pair.mirrors(&["app"]);
        let done = pair.sync(["--retries", retries]).run().await;
        let error = error_of(done.assert_code(1), 0, "1.0.0");
        assert!(error.contains("answered 500") && error.contains("UNKNOWN"), "{error}");
        assert_eq!(pair.asked_source("app").kind(ManifestGet).count(), attempts);
    }
}

both_modes!(wrong_content_is_fetched_once_more_and_then_believed_to_be_wrong);
async fn wrong_content_is_fetched_once_more_and_then_believed_to_be_wrong() {
    let pair = Pair::plain();
    let sample = image("app");
    pair.source.store().push("app", "1.0.0", &sample);
    let wrong = noise("wrong", sample.blobs[1].len());
    let digest = sha256(&sample.blobs[1]);
    pair.source.store().put_blob_as("app", &digest, wrong.clone());
    pair.mirrors(&["app"]);
    let done = pair.sync([]).run().await;
    let error = error_of(done.assert_code(1), 0, "1.0.0");
    assert!(error.contains(&digest) && error.contains(&sha256(&wrong)), "{error}");
    let gets = pair.asked_source("app").only(|entry| entry.reference.as_ref() == Some(&digest));
    assert_eq!(gets.count(), 2);
    assert_eq!(pair.destination.store().blob("app", &digest), None);
    assert_eq!(pair.asked("app").kind(ManifestPut).count(), 0);
}

both_modes!(content_that_is_right_at_the_second_reading_is_copied);
async fn content_that_is_right_at_the_second_reading_is_copied() {
    let pair = Pair::plain();
    let sample = image("app");
    pair.source.store().push("app", "1.0.0", &sample);
    let corrupt = pair.source.script(Rule::on(BlobGet).nth(1), Fault::none().corrupt(3));
    pair.mirrors(&["app"]);
    pair.sync_well().await;
    assert_eq!(corrupt.fired(), 1);
    pair.destination.store().assert_holds("app", "1.0.0", &sample);
}

both_modes!(a_later_attempt_does_not_send_again_what_is_there);
async fn a_later_attempt_does_not_send_again_what_is_there() {
    let pair = Pair::plain();
    let sample = two_platforms("app");
    pair.source.store().push("app", "1.0.0", &sample);
    let tag = Rule::on(ManifestPut).reference("1.0.0");
    pair.destination.script(tag.nth(1), Fault::status(500));
    pair.mirrors(&["app"]);
    pair.sync_well().await;
    assert_eq!(pair.asked_source("app").kind(ManifestGet).count(), 3);
    assert_eq!(pair.asked_source("app").kind(BlobGet).count(), 4);
    // Two children once, the index twice.
    assert_eq!(pair.asked("app").kind(ManifestPut).count(), 4);
    pair.destination.store().assert_holds("app", "1.0.0", &sample);
}

both_modes!(what_lies_at_the_destination_from_a_broken_run_is_used);
async fn what_lies_at_the_destination_from_a_broken_run_is_used() {
    let pair = Pair::plain();
    let sample = two_platforms("app");
    pair.source.store().push("app", "1.0.0", &sample);
    pair.destination.store().push("app", "0.9.0", &image("old"));
    for blob in sample.all_blobs() {
        pair.destination.store().put_blob("app", blob);
    }
    pair.mirrors(&["app"]);
    pair.sync_well().await;
    assert_eq!(pair.asked_source("app").kind(BlobGet).count(), 0);
    assert_eq!(pair.asked("app").kind(UploadPost).count(), 0);
    pair.destination.store().assert_holds("app", "1.0.0", &sample);
}

both_modes!(a_request_on_a_kept_connection_that_broke_is_sent_again_once_and_is_no_attempt);
async fn a_request_on_a_kept_connection_that_broke_is_sent_again_once_and_is_no_attempt() {
    for (breaks, code) in [(1, 0), (2, 1)] {
        let pair = Pair::plain();
        // The child comes by the connection of its index, whoever had none before.
        let child = image("app");
        let sample = mirror_tests::sample::index(std::slice::from_ref(&child));
        pair.source.store().push("app", "1.0.0", &sample);
        let kept = Rule::on(ManifestGet).reference(&child.digest()).first(breaks);
        let broke = pair.source.script(kept, Fault::close(Stop::Reset));
        pair.mirrors(&["app"]);
        pair.sync(["--retries", "0"]).run().await.assert_code(code);
        assert_eq!(broke.fired(), breaks);
        assert_eq!(pair.asked_source("app").kind(ManifestGet).count(), 3);
    }
}

both_modes!(content_that_the_destination_denies_after_all_is_sent_in_the_same_attempt);
async fn content_that_the_destination_denies_after_all_is_sent_in_the_same_attempt() {
    let pair = Pair::plain();
    let (old, new) = (image("old"), image("new"));
    pair.destination.store().push("app", "1.0.0", &old);
    pair.source.store().push("app", "1.0.1", &new);
    for blob in new.all_blobs() {
        pair.destination.store().put_blob("app", blob);
    }
    // A garbage collection between the last look at a blob and the manifest.
    let collect = Fault::none().before(|_, store| store.remove_blobs("app"));
    let collected = pair.destination.script(Rule::on(ManifestPut).nth(1), collect);
    pair.mirrors(&["app"]);
    let done = pair.sync(["--retries", "0"]).run().await;
    assert_rows(done.assert_code(0), 0, &[("1.0.1", "copied")]);
    assert_eq!(collected.fired(), 1);
    pair.destination.store().assert_holds("app", "1.0.1", &new);
}

#[tokio::test]
async fn a_child_that_an_earlier_tag_had_put_is_sent_again_where_it_is_lost() {
    use mirror_tests::sample::index;
    let pair = Pair::plain();
    let (shared, own) = (image("shared"), image("own"));
    let first = index(std::slice::from_ref(&shared));
    let second = index(&[shared.clone(), own]);
    pair.source.store().push("app", "1.0.1", &first);
    pair.source.store().push("app", "1.0.0", &second);
    // The second tag is read when the first is there, and put when what it shares is gone.
    let lost = shared.digest();
    let collect = Fault::none().before(move |_, store| {
        store.untag("app", "1.0.1");
        store.remove_manifest("app", &lost);
        store.remove_blobs("app");
    });
    let wait = mirror_tests::scripted::Gate::closed();
    let root = Rule::on(ManifestGet).reference(&second.digest());
    pair.source.script(root, Fault::none().hold(&wait));
    let tag = Rule::on(ManifestPut).reference("1.0.0");
    let collected = pair.destination.script(tag.nth(1), collect);
    pair.mirrors(&["app"]);
    let running = pair.sync(["--retries", "0"]).spawn();
    let put = || pair.destination.store().resolve("app", "1.0.1").is_some();
    mirror_tests::binary::eventually("the first tag", std::time::Duration::from_secs(20), put)
        .await;
    // What the first job held in memory is gone with it.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    wait.resume();
    let done = running.wait().await;
    assert_rows(done.assert_code(0), 0, &[("1.0.1", "copied"), ("1.0.0", "copied")]);
    assert_eq!(collected.fired(), 1);
    pair.destination.store().assert_holds("app", "1.0.0", &second);
}
