//! Permissions: after the intent is in the log, to one at a time, never to an older run after a newer.

use mirror_model::{FirstLook, Seen, SkipReason, Status};
use mirror_proto::Record;

use super::*;

#[test]
fn a_job_is_published_once_what_was_seen_is_in_the_log() {
    let mut world = World::new();
    world.submit(OLD, "").unwrap();
    world.plan(OLD, &["x"]);
    world.stores = false;
    world.dispatch(OLD, 0, "x", Seen::Absent);
    assert!(world.published.is_empty());
    world.store();
    assert_eq!(world.published.len(), 1);
    let look = FirstLook { seen: Seen::Absent, referrers: Vec::new() };
    assert!(world.records(OLD).contains(&Record::Seen { job: id(0), look }));
}

#[test]
fn a_name_may_be_written_once_the_intent_is_in_the_log() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let attempt = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, attempt);
    world.stores = false;
    world.ask(1, attempt, Seen::Absent);
    assert_eq!(world.words(1), [] as [&str; 0]);
    world.store();
    assert_eq!(world.words(1), ["go"]);
}

#[test]
fn a_name_is_one_attempts_at_a_time() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.attach(2, 2, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let (first, second) =
        (attempt(OLD, 0, "x", Seen::Absent, 10), attempt(OLD, 0, "x", Seen::Absent, 20));
    world.ask(1, first, Seen::Absent);
    world.ask(2, second, Seen::Absent);
    assert_eq!((world.words(1), world.words(2)), (vec!["go"], vec!["hold"]));
    // Even before the intent is in the log.
    world.stores = false;
    world.pass(26 * SECOND);
    world.words(1);
    world.ask(2, second, Seen::Absent);
    world.ask(1, first, Seen::Absent);
    assert_eq!(world.words(1), ["hold"]);
}

#[test]
fn a_turn_ends_with_its_row_or_its_time_and_not_with_anothers_row() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.attach(2, 2, &[]);
    world.begin(OLD, "x", Seen::Absent);
    world.begin(NEW, "x", Seen::Absent);
    let holder = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, holder);
    world.ask(1, holder, Seen::Absent);
    world.words(1);
    // Another attempt of the same job tells its row: the holder may still be writing.
    let other = attempt(OLD, 0, "x", Seen::Absent, 20);
    let failure = mirror_model::Failure::cancelled();
    world.row(2, other, Status::Failed(failure), "x");
    assert_eq!(world.words(2), ["ack"]);
    assert!(matches!(world.answer(NEW, 0), Some(Dispatched::LookAgain)));
    world.dispatch(NEW, 0, "x", Seen::Absent);
    world.take();
    let newer = attempt(NEW, 0, "x", Seen::Absent, 30);
    world.start(2, newer);
    world.ask(2, newer, Seen::Absent);
    assert_eq!(world.words(2), ["hold"]);
    world.pass(24 * SECOND);
    world.ask(2, newer, Seen::Absent);
    assert_eq!(world.words(2), ["hold"]);
    world.pass(SECOND);
    world.ask(2, newer, Seen::Absent);
    assert_eq!(world.words(2), ["go"]);
}

#[test]
fn an_older_run_does_not_write_after_a_newer_one() {
    for newer_wrote in [false, true] {
        let mut world = World::new();
        world.attach(1, 1, &[]);
        world.attach(2, 2, &[]);
        world.begin(OLD, "x", Seen::Absent);
        let older = attempt(OLD, 0, "x", Seen::Absent, 10);
        world.start(1, older);
        // The older one's worker is lost; its job comes to another who is slow, and the newer run's
        // turn comes by the older one's row of yet another attempt.
        let stray = attempt(OLD, 0, "x", Seen::Absent, 11);
        world.submit(NEW, "").unwrap();
        world.plan(NEW, &["y"]);
        world.dispatch(NEW, 0, "y", Seen::Absent);
        assert!(world.published.is_empty(), "one job at a time for a tag");
        world.say_newer_intent(newer_wrote);
        world.ask(1, older, Seen::Absent);
        assert_eq!(world.words(1), ["superseded"], "{newer_wrote}");
        world.ask(1, stray, Seen::Absent);
        assert_eq!(world.words(1), ["superseded"], "{newer_wrote}");
    }
}

impl World {
    /// The newer run, which is second in line, writes the name all the same: as it does where an earlier
    /// leader let it.
    fn say_newer_intent(&mut self, by_row: bool) {
        let newer = attempt(NEW, 0, "y", Seen::Absent, 30);
        self.start(2, newer);
        if by_row {
            self.row(2, newer, Status::Copied, "y");
        } else {
            self.ask(2, newer, Seen::Absent);
        }
        self.words(2);
    }
}

#[test]
fn the_first_row_counts_and_both_are_told() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.attach(2, 2, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let (first, second) =
        (attempt(OLD, 0, "x", Seen::Absent, 10), attempt(OLD, 0, "x", Seen::Absent, 20));
    world.start(1, first);
    world.start(2, second);
    // Both rows are on their way to the log at once.
    world.stores = false;
    world.row(1, first, Status::Copied, "x");
    world.row(2, second, Status::Drifted, "x");
    world.row(1, first, Status::Copied, "x");
    world.stores = true;
    world.store();
    assert_eq!(world.rows(OLD), [outcome(id(0), Status::Copied, "x")]);
    assert!(world.words(1).contains(&"ack"));
    let told = world.words(2);
    assert!(told.contains(&"ack") || told.contains(&"done"), "{told:?}");
    assert!(
        matches!(world.answer(OLD, 0), Some(Dispatched::Ended(row)) if row.status == Status::Copied)
    );
    // And whoever asks later is told that it is done.
    world.ask(2, second, Seen::Absent);
    assert_eq!(world.words(2), ["done"]);
}

#[test]
fn a_row_follows_from_what_was_seen_first_whoever_looked() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.attach(2, 2, &[]);
    world.begin(OLD, "x", Seen::Unknown);
    let (first, second) =
        (attempt(OLD, 0, "x", Seen::Unknown, 10), attempt(OLD, 0, "x", Seen::Unknown, 20));
    world.start(1, first);
    world.ask(1, first, Seen::Absent);
    assert_eq!(world.words(1), ["go"]);
    // It writes and dies; the next finds its work, and would call it up to date.
    let up_to_date = Status::Skipped(SkipReason::UpToDate);
    world.row(2, second, up_to_date, "x");
    assert_eq!(world.rows(OLD), [outcome(id(0), Status::Copied, "x")]);
}

#[test]
fn what_is_not_planned_or_not_the_same_is_dropped() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let forged = attempt(OLD, 0, "forged", Seen::Absent, 10);
    world.start(1, forged);
    assert_eq!(world.words(1), ["drop"]);
    world.ask(1, forged, Seen::Absent);
    assert_eq!(world.words(1), ["drop"]);
    let unknown_row = attempt(OLD, 7, "x", Seen::Absent, 10);
    world.start(1, unknown_row);
    assert_eq!(world.words(1), ["drop"]);
    let unknown_run = attempt(RunId(99), 0, "x", Seen::Absent, 10);
    world.ask(1, unknown_run, Seen::Absent);
    assert_eq!(world.words(1), ["drop"]);
    // A row of a run that nobody keeps is acknowledged, or it would be told for ever.
    world.row(1, unknown_run, Status::Copied, "x");
    assert_eq!(world.words(1), ["ack"]);
}

#[test]
fn whoever_asks_later_is_told_what_was_seen_first() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.attach(2, 2, &[]);
    world.begin(OLD, "x", Seen::Unknown);
    let first = attempt(OLD, 0, "x", Seen::Unknown, 10);
    world.start(1, first);
    world.ask(1, first, Seen::Absent);
    world.pass(25 * SECOND);
    world.heard(2);
    let second = attempt(OLD, 0, "x", Seen::Unknown, 20);
    world.ask(2, second, Seen::Present(pin("x").digest));
    let told = world.heard(2);
    let seen = told.iter().find_map(|what| match what {
        to_worker::What::Go(go) => Some(mirror_proto::seen_from(go.seen.clone()).unwrap()),
        _ => None,
    });
    assert_eq!(seen, Some(Seen::Absent));
}
