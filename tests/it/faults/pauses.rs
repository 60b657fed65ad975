//! Registries that ask for peace: pauses belong to the host, cost no attempt, and stay in the budget.

use std::time::Duration;

use mirror_tests::sample::image;
use mirror_tests::scripted::Kind::{ManifestGet, ManifestHead, UploadPut};
use mirror_tests::scripted::{Answer, Fault, Gate, Log, Rule};

use crate::requests::pair::{Pair, assert_rows, error_of};

/// Long enough for whoever would come too early to have come.
const SETTLED: Duration = Duration::from_millis(300);

/// Returns the time from the first request that was answered with that status to the next.
///
/// From its coming, and not from the answer: whatever happens on a busy machine between the two, or
/// until whoever asked has read it, only makes the time longer.
fn waited(log: &Log, status: u16) -> Duration {
    let mut entries = log.entries().iter().skip_while(|entry| entry.status != Some(status));
    let refused = entries.next().expect("one was refused");
    entries.next().expect("it was asked again").start - refused.start
}

both_modes!(retry_after_is_obeyed_and_is_no_attempt);
async fn retry_after_is_obeyed_and_is_no_attempt() {
    let pair = Pair::plain();
    let date = |_: &mirror_tests::scripted::Request, answer: &mut Answer| {
        // Dates have no fractions: of two seconds, one at the least is left.
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
        answer.set("Retry-After", until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    };
    let cases = [
        ("seconds", 429, Fault::status(429).header("Retry-After", "1")),
        ("unavailable", 503, Fault::status(503).header("Retry-After", "1")),
        ("date", 429, Fault::status(429).edit(date)),
    ];
    for (name, status, fault) in cases {
        pair.source.clear_script();
        pair.source.store().push(name, "1.0.0", &image(name));
        let refused = pair.source.script(Rule::on(ManifestGet).repository(name).nth(1), fault);
        pair.mirrors(&[name]);
        let done = pair.sync(["--retries", "0"]).run().await;
        assert_rows(done.assert_code(0), 0, &[("1.0.0", "copied")]);
        assert_eq!(refused.fired(), 1);
        let waited = waited(&pair.source.log().of(name), status);
        assert!(waited >= Duration::from_millis(950), "{name}: {waited:?}");
    }
}

both_modes!(a_pause_holds_back_all_requests_to_the_host);
async fn a_pause_holds_back_all_requests_to_the_host() {
    let pair = Pair::plain();
    for name in ["a", "b"] {
        for tag in ["1.0.0", "1.0.1", "1.0.2"] {
            pair.source.store().push(name, tag, &image(tag));
        }
    }
    // Nothing else is under way when one of six is told to wait; the others have their answers, and
    // something to ask next, in the middle of the pause.
    let (first, others) = (Gate::closed(), Gate::closed());
    let busy = Fault::status(429).header("Retry-After", "4").hold_answer(&first);
    pair.source.script(Rule::on(ManifestHead).nth(1), busy);
    pair.source.script(Rule::on(ManifestHead).after(1), Fault::none().hold(&others));
    pair.mirrors(&["a", "b"]);
    let running = pair.sync(["--retries", "0"]).spawn();
    first.reached(1).await;
    others.reached(5).await;
    first.resume();
    tokio::time::sleep(Duration::from_secs(2)).await;
    others.resume();
    running.wait().await.assert_code(0);
    let log = pair.source.log();
    let refused = log.only(|entry| entry.status == Some(429));
    let told = refused.entries()[0].answering.unwrap();
    let early =
        log.only(|entry| entry.start > told && entry.start < told + Duration::from_millis(3950));
    assert_eq!(early.count(), 0, "{early}");
}

both_modes!(a_pause_that_does_not_fit_the_budget_is_not_begun_and_the_row_says_why);
async fn a_pause_that_does_not_fit_the_budget_is_not_begun_and_the_row_says_why() {
    let pair = Pair::plain();
    pair.source.store().push("read", "1.0.0", &image("read"));
    let busy = || Fault::error(429, "TOOMANYREQUESTS").header("Retry-After", "100");
    pair.mirrors(&["read"]);
    pair.source.script(Rule::on(ManifestGet).repository("read"), busy());
    let done = pair.sync(["--timeout", "20s"]).run().await;
    let error = error_of(done.assert_code(1), 0, "1.0.0");
    assert!(error.contains("rate limited by") && error.contains("wait 100 s"), "{error}");
    assert_eq!(pair.asked_source("read").kind(ManifestGet).count(), 1);

    // A body that streams cannot be sent again inline; the row says the same. Of other registries: a
    // fleet leaves those alone for as long as they asked for.
    let pair = Pair::plain();
    pair.source.store().push("sent", "1.0.0", &image("sent"));
    pair.mirrors(&["sent"]);
    pair.destination.script(Rule::on(UploadPut).repository("sent"), busy());
    let done = pair.sync(["--timeout", "20s", "--concurrency", "1"]).run().await;
    let error = error_of(done.assert_code(1), 0, "1.0.0");
    assert!(error.contains("rate limited"), "{error}");
}

both_modes!(a_storm_of_429_is_weathered_within_the_budget);
async fn a_storm_of_429_is_weathered_within_the_budget() {
    let pair = Pair::plain();
    for tag in 0..40 {
        pair.source.store().push("app", &format!("1.{tag}.0"), &image("app"));
    }
    // Every third request is refused at first; without a word of when to come again once.
    let busy = Fault::status(429).header("Retry-After", "0");
    for nth in [2, 5, 8, 11, 14, 17, 20] {
        pair.source.script(Rule::on(ManifestHead).nth(nth), busy.clone());
    }
    pair.destination.script(Rule::on(UploadPut).nth(1), busy);
    pair.mirrors(&["app"]);
    let done = pair.sync(["--retries", "1"]).run().await;
    assert_eq!(done.assert_code(0).json()["report"]["summary"]["copied"], 40);
    assert_eq!(pair.asked_source("app").kind(ManifestHead).count(), 47);
}

#[tokio::test]
async fn a_host_is_asked_sixteen_questions_at_once_at_first_and_sixty_four_at_most() {
    let pair = Pair::plain();
    for name in ["a", "b", "c"] {
        for tag in 0..150 {
            pair.source.store().push(name, &format!("1.{tag}.0"), &image("app"));
            pair.destination.store().push(name, &format!("1.{tag}.0"), &image("app"));
        }
    }
    let gate = Gate::closed();
    let head = || Rule::on(ManifestHead);
    pair.source.script(head().first(16), Fault::none().hold(&gate));
    let late = Gate::closed();
    pair.source.script(head().after(200), Fault::none().hold(&late));
    pair.mirrors(&["a", "b", "c"]);
    let running = pair.sync([]).spawn();
    gate.reached(16).await;
    tokio::time::sleep(SETTLED).await;
    assert_eq!(pair.source.log().kind(ManifestHead).count(), 16);
    gate.resume();
    late.reached(64).await;
    tokio::time::sleep(SETTLED).await;
    assert_eq!(late.held(), 64);
    late.resume();
    running.wait().await.assert_code(0);
    assert_eq!(pair.source.log().in_flight(), 64);
    assert!(pair.destination.log().in_flight() <= 64);
}

#[tokio::test]
async fn a_host_that_says_429_is_asked_half_as_much_at_once() {
    let pair = Pair::plain();
    for tag in 0..60 {
        pair.source.store().push("app", &format!("1.{tag}.0"), &image("app"));
        pair.destination.store().push("app", &format!("1.{tag}.0"), &image("app"));
    }
    // All sixteen of the first round are refused together: that is one complaint.
    let together = Gate::closed();
    let busy = Fault::status(429).header("Retry-After", "1").hold_answer(&together);
    pair.source.script(Rule::on(ManifestHead).first(16), busy);
    let next = Gate::closed();
    pair.source.script(Rule::on(ManifestHead).after(16), Fault::none().hold(&next));
    pair.mirrors(&["app"]);
    let running = pair.sync(["--retries", "0"]).spawn();
    together.reached(16).await;
    together.resume();
    next.reached(8).await;
    tokio::time::sleep(SETTLED).await;
    assert_eq!(next.held(), 8);
    next.resume();
    running.wait().await.assert_code(0);
    // Whoever waited for a slot meanwhile waits for the end of the pause too.
    let heads = pair.source.log().kind(ManifestHead);
    let (refused, later) = heads.entries().split_at(16);
    let told = refused.iter().filter_map(|entry| entry.answering).min().unwrap();
    assert!(later[0].start - told >= Duration::from_millis(950), "{heads}");
}
