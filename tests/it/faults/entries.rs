//! Entries beside each other: order of rows and lines, and who writes the same tag.

use std::time::Duration;

use mirror_tests::binary::eventually;
use mirror_tests::sample::image;
use mirror_tests::scripted::Kind::{ManifestHead, ManifestPut, UploadPut};
use mirror_tests::scripted::{Fault, Gate, Rule};

use crate::requests::pair::{Pair, assert_rows, error_of};

const PATIENCE: Duration = Duration::from_secs(20);

both_modes!(the_report_is_in_plan_order_and_lines_are_in_order_of_ending);
async fn the_report_is_in_plan_order_and_lines_are_in_order_of_ending() {
    for text in [true, false] {
        let pair = Pair::plain();
        for name in ["a", "b"] {
            for tag in ["1.0.0", "2.0.0"] {
                pair.source.store().push(name, tag, &image(&format!("{name}{tag}")));
            }
        }
        // Only the last in plan order may end at first; then the one before it, and so on.
        let order = [("b", "1.0.0"), ("b", "2.0.0"), ("a", "1.0.0"), ("a", "2.0.0")];
        let gates = order.map(|(name, tag)| {
            let gate = Gate::closed();
            let put = Rule::on(ManifestPut).repository(name).reference(tag);
            pair.destination.script(put, Fault::none().hold(&gate));
            gate
        });
        pair.mirrors(&["a", "b"]);
        let form = if text { "text" } else { "json" };
        let running = pair.mirror.call(["sync", "mirror.yaml", "-o", form]).spawn();
        for gate in &gates {
            gate.reached(1).await;
        }
        for (gate, (name, tag)) in gates.iter().zip(order) {
            gate.resume();
            // A report comes at the end alone; there the tags themselves are one after the other.
            let line = format!("/{name}:{tag} (copied)");
            let is_done = || {
                if text {
                    running.stdout_so_far().contains(&line)
                } else {
                    pair.destination.store().resolve(name, tag).is_some()
                }
            };
            eventually("the tag", PATIENCE, is_done).await;
        }
        let done = running.wait().await;
        done.assert_code(0);
        if text {
            let source = pair.source.host();
            let lines: Vec<_> = done.stdout.lines().filter(|line| line.starts_with('✓')).collect();
            let expected = order.map(|(name, tag)| format!("✓ {source}/{name}:{tag} (copied)"));
            assert_eq!(lines, expected);
        } else {
            for entry in [0, 1] {
                assert_rows(&done, entry, &[("2.0.0", "copied"), ("1.0.0", "copied")]);
            }
        }
    }
}

both_modes!(the_same_tag_with_the_same_digest_is_up_to_date_in_the_second_entry);
async fn the_same_tag_with_the_same_digest_is_up_to_date_in_the_second_entry() {
    for repository_exists in [false, true] {
        let pair = Pair::plain();
        for name in ["a", "b", "c"] {
            pair.source.store().push(name, "1.0.0", &image("same"));
        }
        if repository_exists {
            pair.destination.store().push("app", "0.9.0", &image("old"));
        }
        pair.entries(&[("a", "app", ""), ("b", "app", ""), ("c", "app", "")]);
        let done = pair.sync_well().await;
        assert_rows(&done, 0, &[("1.0.0", "copied")]);
        assert_rows(&done, 1, &[("1.0.0", "skipped")]);
        assert_rows(&done, 2, &[("1.0.0", "skipped")]);
        assert_eq!(pair.asked("app").kind(ManifestPut).count(), 1);
    }
}

both_modes!(where_the_first_fails_the_second_brings_the_tag_and_the_third_finds_it);
async fn where_the_first_fails_the_second_brings_the_tag_and_the_third_finds_it() {
    let pair = Pair::plain();
    for name in ["a", "b", "c"] {
        pair.source.store().push(name, "1.0.0", &image("same"));
    }
    let put = Rule::on(ManifestPut).nth(1);
    pair.destination.script(put, Fault::error(400, "UNSUPPORTED"));
    pair.entries(&[("a", "app", ""), ("b", "app", ""), ("c", "app", "")]);
    let done = pair.sync([]).run().await;
    error_of(done.assert_code(1), 0, "1.0.0");
    assert_rows(&done, 1, &[("1.0.0", "copied")]);
    assert_rows(&done, 2, &[("1.0.0", "skipped")]);
}

both_modes!(the_same_tag_with_another_digest_fails_in_the_second_entry_of_every_run);
async fn the_same_tag_with_another_digest_fails_in_the_second_entry_of_every_run() {
    for turn in 0..20 {
        let pair = Pair::plain();
        let first = image("first");
        pair.source.store().push("a", "1.0.0", &first);
        pair.source.store().push("b", "1.0.0", &image("second"));
        pair.source.store().push("b", "1.0.1", &image("other"));
        // In every other run the second has its plan first.
        let gate = Gate::closed();
        if turn % 2 == 0 {
            pair.source.script(Rule::on(ManifestHead).repository("a"), Fault::none().hold(&gate));
        }
        pair.entries(&[("a", "app", ""), ("b", "app", "overwrite: true")]);
        let running = pair.sync([]).spawn();
        if turn % 2 == 0 {
            let planned = || pair.source.log().of("b").count() >= 3;
            eventually("the second's plan", PATIENCE, planned).await;
            gate.resume();
        }
        let done = running.wait().await;
        assert_rows(done.assert_code(1), 0, &[("1.0.0", "copied")]);
        assert_rows(&done, 1, &[("1.0.1", "copied"), ("1.0.0", "failed")]);
        let error = error_of(&done, 1, "1.0.0");
        assert!(error.contains("entry 1") && error.contains(&first.digest()), "{error}");
        pair.destination.store().assert_holds("app", "1.0.0", &first);
    }
}

both_modes!(only_entries_of_the_same_destination_wait_for_each_other);
async fn only_entries_of_the_same_destination_wait_for_each_other() {
    let pair = Pair::plain();
    for name in ["a", "b", "c"] {
        pair.source.store().push(name, "1.0.0", &image(name));
    }
    let gate = Gate::closed();
    pair.source.script(Rule::on(ManifestHead).repository("a"), Fault::none().hold(&gate));
    pair.entries(&[("a", "app", ""), ("b", "app", ""), ("c", "other", "")]);
    let running = pair.sync([]).spawn();
    let other = || pair.destination.store().resolve("other", "1.0.0").is_some();
    eventually("the other repository", PATIENCE, other).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The second has its plan, and goes only after the first.
    assert_eq!(pair.asked_source("b").kind(ManifestHead).count(), 1);
    assert_eq!(pair.asked("app").count(), 0);
    gate.resume();
    let done = running.wait().await;
    assert_rows(done.assert_code(1), 0, &[("1.0.0", "copied")]);
    error_of(&done, 1, "1.0.0");
    assert_rows(&done, 2, &[("1.0.0", "copied")]);
}

both_modes!(an_entry_is_copied_while_another_is_planned);
async fn an_entry_is_copied_while_another_is_planned() {
    let pair = Pair::plain();
    for name in ["a", "b"] {
        pair.source.store().push(name, "1.0.0", &image(name));
    }
    let gate = Gate::closed();
    pair.source.script(Rule::on(ManifestHead).repository("a"), Fault::none().hold(&gate));
    pair.mirrors(&["a", "b"]);
    let running = pair.sync([]).spawn();
    let copied = || pair.destination.store().resolve("b", "1.0.0").is_some();
    eventually("the second entry", PATIENCE, copied).await;
    gate.resume();
    running.wait().await.assert_code(0);
}

both_modes!(a_tag_that_fails_stops_no_other);
async fn a_tag_that_fails_stops_no_other() {
    let pair = Pair::plain();
    for tag in ["1.0.0", "1.0.1", "1.0.2"] {
        pair.source.store().push("app", tag, &image(tag));
    }
    let config = mirror_tests::digest::sha256(&image("1.0.1").blobs[0]);
    let rule = Rule::on(UploadPut)
        .matching(move |request| request.parameter("digest") == Some(config.as_str()));
    pair.destination.script(rule, Fault::error(400, "DIGEST_INVALID"));
    pair.mirrors(&["app"]);
    let done = pair.sync([]).run().await;
    let rows = [("1.0.2", "copied"), ("1.0.1", "failed"), ("1.0.0", "copied")];
    assert_rows(done.assert_code(1), 0, &rows);
    assert!(error_of(&done, 0, "1.0.1").contains("DIGEST_INVALID"));
}
