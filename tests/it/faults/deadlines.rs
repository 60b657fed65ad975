//! Deadlines: a job's budget covers all its attempts, and runs only while the job works.

use std::time::Duration;

use mirror_tests::sample::{Image, image, noise};
use mirror_tests::scripted::Kind::{
    BlobGet, ManifestGet, ManifestHead, ManifestPut, MountPost, Tags, UploadPut,
};
use mirror_tests::scripted::{Fault, Rule};

use crate::requests::pair::{Pair, assert_rows, error_of};

/// A budget that a job without faults keeps however busy the machine is.
const BUDGET: &str = "5s";
/// How long a slow step takes: it leaves the budget seconds to spare, and three of them are more than it.
const SLOW: Duration = Duration::from_secs(2);

both_modes!(at_the_deadline_the_row_names_the_last_cause);
async fn at_the_deadline_the_row_names_the_last_cause() {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("app"));
    let get = || Rule::on(ManifestGet);
    pair.source.script(get().nth(1), Fault::error(500, "UNKNOWN"));
    pair.source.script(get().after(1), Fault::hang());
    pair.mirrors(&["app"]);
    let done = pair.sync(["--timeout", BUDGET]).run().await;
    let error = error_of(done.assert_code(1), 0, "1.0.0");
    assert!(error.starts_with("timed out after 5s, last error: "), "{error}");
    assert!(error.contains("answered 500"), "{error}");
}

both_modes!(a_job_that_hangs_ends_at_its_deadline_and_the_others_go_on);
async fn a_job_that_hangs_ends_at_its_deadline_and_the_others_go_on() {
    let pair = Pair::plain();
    for tag in ["1.0.1", "1.0.0"] {
        pair.source.store().push("app", tag, &image(tag));
    }
    let hanging = image("1.0.1").digest();
    pair.source.script(Rule::on(ManifestGet).reference(&hanging), Fault::hang());
    pair.mirrors(&["app"]);
    let done = pair.sync(["--timeout", BUDGET]).run().await;
    assert_eq!(error_of(done.assert_code(1), 0, "1.0.1"), "timed out after 5s");
    assert_rows(&done, 0, &[("1.0.1", "failed"), ("1.0.0", "copied")]);
}

both_modes!(the_budget_covers_all_attempts_and_no_wait_outlasts_it);
async fn the_budget_covers_all_attempts_and_no_wait_outlasts_it() {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("app"));
    // The registry says how long the waits are: two end within the budget, and a third does not, with
    // more than a second to spare on either side.
    let busy = Fault::error(503, "UNAVAILABLE").header("Retry-After", "3");
    pair.source.script(Rule::on(ManifestGet), busy);
    pair.mirrors(&["app"]);
    let done = pair.sync(["--timeout", "7500ms", "--retries", "1000"]).run().await;
    let error = error_of(done.assert_code(1), 0, "1.0.0");
    // The wait for the next attempt would have been longer than what was left.
    assert!(
        error.starts_with("rate limited by ") && error.ends_with(" asks to wait 3 s"),
        "{error}"
    );
    assert_eq!(pair.asked_source("app").kind(ManifestGet).count(), 3);
}

both_modes!(waiting_for_the_permit_uses_no_budget);
async fn waiting_for_the_permit_uses_no_budget() {
    let pair = Pair::plain();
    let tags = ["1.0.2", "1.0.1", "1.0.0"];
    for tag in tags {
        pair.source.store().push("app", tag, &image("app"));
    }
    // One after the other: the last is done when three times as long is over.
    pair.destination.script(Rule::on(ManifestPut), Fault::none().delay(SLOW));
    pair.mirrors(&["app"]);
    let done = pair.sync(["--concurrency", "1", "--timeout", BUDGET, "--retries", "0"]).run().await;
    assert_rows(done.assert_code(0), 0, &tags.map(|tag| (tag, "copied")));
}

both_modes!(waiting_for_a_slot_of_a_host_uses_no_budget);
async fn waiting_for_a_slot_of_a_host_uses_no_budget() {
    let pair = Pair::plain();
    for tag in 0..100 {
        pair.source.store().push("app", &format!("1.{tag}.0"), &image("app"));
        pair.destination.store().push("app", &format!("1.{tag}.0"), &image("app"));
    }
    // 16, then 32, then the rest: who waited for two rounds has his answer after a third.
    pair.source.script(Rule::on(ManifestHead), Fault::none().delay(SLOW));
    pair.mirrors(&["app"]);
    let done = pair.sync(["--timeout", BUDGET, "--retries", "0"]).run().await;
    done.assert_code(0);
    assert_eq!(done.json()["report"]["summary"]["skipped"], 100);
}

#[tokio::test]
async fn waiting_for_a_blob_that_another_job_sends_uses_no_budget() {
    let pair = Pair::plain();
    let names = ["a", "b", "c"];
    for name in names {
        let layered = Image::new().layer(noise("shared", 5000)).platform("linux", name).build();
        pair.source.store().push(name, "1.0.0", &layered);
    }
    let sends_layer = |request: &mirror_tests::scripted::Request| {
        request.header("content-length").is_some_and(|length| length == "5000")
    };
    let put = Rule::on(UploadPut).matching(sends_layer);
    let slow = Fault::none().delay(SLOW * 3 / 2);
    let sent = pair.destination.script(put, slow.clone());
    let mount = Rule::on(MountPost);
    let mounted = pair.destination.script(mount, slow);
    pair.mirrors(&names);
    // Waiting and mounting take more than the budget together.
    let done = pair.sync(["--timeout", BUDGET, "--retries", "0"]).run().await;
    done.assert_code(0);
    assert_eq!((sent.fired(), mounted.fired()), (1, 2));
    assert_eq!(pair.source.log().kind(BlobGet).count(), 4);
}

both_modes!(each_step_of_the_plan_has_the_same_deadline);
async fn each_step_of_the_plan_has_the_same_deadline() {
    let pair = Pair::plain();
    for name in ["app", "lost"] {
        for tag in ["1.0.1", "1.0.0"] {
            pair.source.store().push(name, tag, &image(tag));
        }
    }
    pair.source.script(Rule::on(Tags).repository("lost"), Fault::hang());
    let head = Rule::on(ManifestHead).repository("app").reference("1.0.1");
    pair.source.script(head, Fault::hang());
    pair.mirrors(&["lost", "app"]);
    let done = pair.sync(["--timeout", BUDGET]).run().await;
    done.assert_code(1);
    let lost = &done.json()["report"]["results"][0];
    assert_eq!(lost["status"], "failed");
    assert_eq!(lost["error"], "timed out after 5s");
    assert_eq!(error_of(&done, 1, "1.0.1"), "timed out after 5s");
    assert_rows(&done, 1, &[("1.0.1", "failed"), ("1.0.0", "copied")]);
}
