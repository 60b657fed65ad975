//! The tag itself: when it may be written, what its row says, and what others do to it meanwhile.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use mirror_engine::{Commits, Verdict};
use mirror_model::Seen;
use mirror_oci::TagRef;
use mirror_tests::binary::Call;
use mirror_tests::sample::{image, two_platforms};
use mirror_tests::scripted::Kind::{ManifestGet, ManifestPut};
use mirror_tests::scripted::{Fault, Gate, Rule, Store, habits};

use crate::requests::pair::{Pair, assert_rows, error_of, rows};

/// Four tags: new, unchanged, and two that differ.
fn four_tags(pair: &Pair) {
    for tag in ["1.0.3", "1.0.2", "1.0.1"] {
        pair.source.store().push("app", tag, &image(tag));
    }
    pair.destination.store().push("app", "1.0.2", &image("1.0.2"));
    pair.destination.store().push("app", "1.0.1", &image("another"));
}

both_modes!(what_differs_is_left_alone_unless_it_may_be_overwritten);
async fn what_differs_is_left_alone_unless_it_may_be_overwritten() {
    for (more, flags, status, code) in [
        ("", vec![], "drifted", 2),
        ("overwrite: false", vec!["--drift-exit-code", "7"], "drifted", 7),
        ("overwrite: true", vec![], "overwritten", 0),
        ("", vec!["--overwrite"], "overwritten", 0),
    ] {
        let pair = Pair::plain();
        four_tags(&pair);
        pair.entries(&[("app", "app", more)]);
        let call = flags.iter().fold(pair.sync([]), Call::arg);
        let done = call.run().await;
        let rows = [("1.0.3", "copied"), ("1.0.2", "skipped"), ("1.0.1", status)];
        assert_rows(done.assert_code(code), 0, &rows);
        let expected = if status == "drifted" { image("another") } else { image("1.0.1") };
        pair.destination.store().assert_holds("app", "1.0.1", &expected);
        let reason = &done.json()["report"]["results"][0]["tags"][1]["reason"];
        assert_eq!(reason, "up-to-date");
    }
}

both_modes!(a_dry_run_reads_everything_and_writes_nothing);
async fn a_dry_run_reads_everything_and_writes_nothing() {
    for (more, status, code) in
        [("overwrite: false", "drifted", 2), ("overwrite: true", "would-overwrite", 0)]
    {
        let pair = Pair::plain();
        four_tags(&pair);
        pair.entries(&[("app", "app", more)]);
        let done = pair.sync(["--dry-run"]).run().await;
        let rows = [("1.0.3", "would-copy"), ("1.0.2", "skipped"), ("1.0.1", status)];
        assert_rows(done.assert_code(code), 0, &rows);
        let log = pair.destination.log();
        let writes = log.only(|entry| !matches!(&*entry.method, "GET" | "HEAD"));
        assert_eq!(writes.count(), 0, "{writes}");
    }
}

both_modes!(what_was_planned_is_copied_though_the_tag_moved);
async fn what_was_planned_is_copied_though_the_tag_moved() {
    let pair = Pair::plain();
    let (planned, moved) = (two_platforms("planned"), two_platforms("moved"));
    pair.source.store().push("app", "1.0.0", &planned);
    let gate = Gate::closed();
    pair.source.script(Rule::on(ManifestGet).nth(1), Fault::none().hold(&gate));
    pair.mirrors(&["app"]);
    let running = pair.sync([]).spawn();
    gate.reached(1).await;
    pair.source.store().push("app", "1.0.0", &moved);
    gate.resume();
    let done = running.wait().await;
    let row = &done.assert_code(0).json()["report"]["results"][0]["tags"][0];
    assert_eq!(row["digest"], planned.digest());
    pair.destination.store().assert_holds("app", "1.0.0", &planned);

    let done = pair.sync(["--overwrite"]).run().await;
    assert_rows(done.assert_code(0), 0, &[("1.0.0", "overwritten")]);
    pair.destination.store().assert_holds("app", "1.0.0", &moved);
}

both_modes!(a_pinned_digest_that_is_gone_is_a_failed_row_that_says_so);
async fn a_pinned_digest_that_is_gone_is_a_failed_row_that_says_so() {
    let pair = Pair::plain();
    let sample = image("app");
    pair.source.store().push("app", "1.0.0", &sample);
    let gate = Gate::closed();
    pair.source.script(Rule::on(ManifestGet).nth(1), Fault::none().hold(&gate));
    pair.mirrors(&["app"]);
    let running = pair.sync([]).spawn();
    gate.reached(1).await;
    pair.source.store().untag("app", "1.0.0");
    pair.source.store().remove_manifest("app", &sample.digest());
    gate.resume();
    let done = running.wait().await;
    let error = error_of(done.assert_code(1), 0, "1.0.0");
    assert!(error.contains("moved or deleted") && error.contains("MANIFEST_UNKNOWN"), "{error}");
    assert_eq!(pair.asked_source("app").kind(ManifestGet).count(), 1);
    assert!(pair.destination.store().repositories().is_empty());
}

/// Runs with immutable tags at the destination, where somebody puts `theirs` just before us.
fn immutable(status: u16, code: &'static str, theirs: &str, overwrite: bool) -> Pair {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("ours"));
    if overwrite {
        pair.destination.store().push("app", "1.0.0", &image("old"));
    } else {
        pair.destination.store().push("app", "0.9.0", &image("old"));
        let theirs = image(theirs);
        let meddle =
            Fault::none().before(move |_, store| drop(store.push("app", "1.0.0", &theirs)));
        pair.destination.script(Rule::on(ManifestPut).reference("1.0.0"), meddle);
    }
    habits::immutable_tags(&pair.destination, status, code);
    let more = if overwrite { "overwrite: true" } else { "" };
    pair.entries(&[("app", "app", more)]);
    pair
}

both_modes!(an_immutable_tag_is_looked_at_once_and_never_tried_again);
async fn an_immutable_tag_is_looked_at_once_and_never_tried_again() {
    for (status, code) in [(400, "TAG_INVALID"), (412, "PRECONDITION"), (403, "DENIED")] {
        for (theirs, overwrite, expected) in
            [("ours", false, "copied"), ("theirs", false, "drifted"), ("-", true, "failed")]
        {
            let pair = immutable(status, code, theirs, overwrite);
            let done = pair.sync([]).run().await;
            let found = rows(&done, 0)[0].clone();
            assert_eq!(found.1, expected, "{code} {theirs}: {done}");
            let put = pair.asked("app").kind(ManifestPut);
            assert_eq!(put.count(), 1, "{code} {theirs}: {put}");
            if expected == "failed" {
                assert!(found.2.contains("overwritten") && found.2.contains(code), "{}", found.2);
                pair.destination.store().assert_holds("app", "1.0.0", &image("old"));
            }
        }
    }
}

both_modes!(a_refusal_where_no_tag_stands_is_no_immutable_tag);
async fn a_refusal_where_no_tag_stands_is_no_immutable_tag() {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("app"));
    let put = Rule::on(ManifestPut);
    pair.destination.script(put, Fault::error(403, "DENIED"));
    pair.mirrors(&["app"]);
    let done = pair.sync([]).run().await;
    let error = error_of(done.assert_code(1), 0, "1.0.0");
    assert!(error.contains("denies") && error.contains("DENIED"), "{error}");
}

/// Writes into the destination at the last moment, and then says what it is told to say.
struct Meddler {
    act: Box<dyn Fn(&TagRef) -> Verdict + Send + Sync>,
}

impl Commits for Meddler {
    fn commit<'c>(&'c self, name: &'c TagRef, _: Seen) -> BoxFuture<'c, Verdict> {
        Box::pin(std::future::ready((self.act)(name)))
    }
}

/// Runs with these commits over one tag; returns its status and error.
async fn with_commits(
    pair: &Pair,
    act: impl Fn(&TagRef) -> Verdict + Send + Sync + 'static,
) -> (&'static str, String) {
    pair.source.store().push("app", "1.0.0", &image("ours"));
    let mut run = pair.run(&["app"]);
    run.commits = Some(Box::new(|_| Arc::new(Meddler { act: Box::new(act) })));
    let mut rows = run.rows().await;
    assert_eq!(rows.len(), 1);
    let (_, status, error) = rows.remove(0);
    (status, error)
}

const LOOK: Verdict = Verdict::Go { seen: Seen::Absent, look: true, validity: None };

#[tokio::test]
async fn what_somebody_else_put_meanwhile_is_left_alone() {
    let pair = Pair::plain();
    let store: Store = pair.destination.store().clone();
    let act = move |_: &TagRef| {
        store.push("app", "1.0.0", &image("theirs"));
        LOOK
    };
    assert_eq!(with_commits(&pair, act).await, ("drifted", String::new()));
    pair.destination.store().assert_holds("app", "1.0.0", &image("theirs"));
    assert_eq!(pair.asked("app").kind(ManifestPut).count(), 0);
}

#[tokio::test]
async fn what_somebody_else_brought_about_meanwhile_is_done() {
    let pair = Pair::plain();
    let store: Store = pair.destination.store().clone();
    let act = move |_: &TagRef| {
        store.push("app", "1.0.0", &image("ours"));
        LOOK
    };
    assert_eq!(with_commits(&pair, act).await, ("copied", String::new()));
    assert_eq!(pair.asked("app").kind(ManifestPut).count(), 0);
}

#[tokio::test]
async fn a_name_is_written_only_where_and_while_it_may_be() {
    let pair = Pair::plain();
    let newer = with_commits(&pair, |_| Verdict::Superseded).await;
    assert_eq!(newer, ("drifted", String::new()));
    let dropped = with_commits(&pair, |_| Verdict::Drop).await;
    assert_eq!(dropped, ("failed", "cancelled".to_owned()));
    assert_eq!(pair.asked("app").kind(ManifestPut).count(), 0);
}

#[tokio::test]
async fn each_try_of_a_put_is_asked_for_anew() {
    let pair = Pair::plain();
    pair.source.store().push("app", "1.0.0", &image("ours"));
    pair.destination.script(Rule::on(ManifestPut).first(2), Fault::status(500));
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mut run = pair.run(&["app"]);
    run.limits.attempts = 3.try_into().unwrap();
    run.commits = Some(Box::new(|_| {
        let act = move |_: &TagRef| {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            LOOK
        };
        Arc::new(Meddler { act: Box::new(act) })
    }));
    assert_eq!(run.rows().await[0].1, "copied");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_panic_in_a_job_is_its_failed_row_and_no_other() {
    let pair = Pair::plain();
    for tag in ["1.0.1", "1.0.0"] {
        pair.source.store().push("app", tag, &image(tag));
    }
    let mut run = pair.run(&["app"]);
    run.commits = Some(Box::new(|_| {
        let act = |name: &TagRef| {
            assert_ne!(name.tag.as_str(), "1.0.1", "scripted");
            LOOK
        };
        Arc::new(Meddler { act: Box::new(act) })
    }));
    let rows = run.rows().await;
    assert_eq!((rows[0].1, rows[1].1), ("failed", "copied"));
    assert!(
        rows[0].2.starts_with("internal error: ") && rows[0].2.contains("scripted"),
        "{rows:?}"
    );
}
