//! Taking a log over, and writing a lost one again.

use std::collections::HashMap;

use mirror_model::{Seen, Status};

use super::*;

#[test]
fn a_new_leader_holds_names_that_another_may_be_writing() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let first = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, first);
    world.ask(1, first, Seen::Absent);
    let mut world = world.succeed(SECOND);
    world.attach(2, 2, &[]);
    let second = attempt(OLD, 0, "x", Seen::Absent, 20);
    // Its driver has not come to it yet: nothing is known of its message.
    world.ask(2, second, Seen::Absent);
    assert_eq!(world.words(2), ["hold"]);
    world.dispatch(OLD, 0, "x", Seen::Absent);
    world.ask(2, second, Seen::Absent);
    assert_eq!(world.words(2), ["hold"]);
    // Whoever had the permission may go on with it.
    world.attach(1, 1, &[first]);
    world.ask(1, first, Seen::Absent);
    assert_eq!(world.words(1), ["go"]);
    world.pass(25 * SECOND);
    world.ask(2, second, Seen::Absent);
    assert_eq!(world.words(2), ["go"]);
}

#[test]
fn a_new_leader_publishes_what_nobody_has_under_the_number_that_it_had() {
    let mut world = World::new();
    world.submit(OLD, "").unwrap();
    world.plan(OLD, &["x", "y"]);
    world.dispatch(OLD, 0, "x", Seen::Absent);
    world.dispatch(OLD, 1, "y", Seen::Absent);
    let mut world = world.succeed(SECOND);
    let held = attempt(OLD, 1, "y", Seen::Absent, 10);
    world.attach(1, 1, &[held]);
    world.dispatch(OLD, 0, "x", Seen::Absent);
    world.dispatch(OLD, 1, "y", Seen::Absent);
    let published: Vec<(usize, u32)> =
        world.published.iter().map(|one| (one.job.row, one.number)).collect();
    assert_eq!(published, [(0, 1)]);
    // What was seen is in the log already.
    let seen = |record: &Record| matches!(record, Record::Seen { .. });
    assert_eq!(world.records(OLD).iter().filter(|record| seen(record)).count(), 2);
}

#[test]
fn a_new_leader_gives_turns_as_the_last_one_did() {
    let mut world = World::new();
    world.begin(OLD, "x", Seen::Absent);
    world.submit(NEW, "").unwrap();
    world.plan(NEW, &["y"]);
    let mut world = world.succeed(SECOND);
    // The newer run's driver is faster: the older one's job may be under way.
    world.dispatch(NEW, 0, "y", Seen::Absent);
    assert!(world.published.is_empty());
    world.dispatch(OLD, 0, "x", Seen::Absent);
    assert_eq!(world.published.len(), 1);
}

#[test]
fn a_tag_that_looking_found_up_to_date_is_not_made_older() {
    for succeeds in [false, true] {
        let mut world = World::new();
        let theirs = Seen::Present(pin("y").digest);
        world.begin(OLD, "x", theirs);
        world.submit(NEW, "").unwrap();
        world.plan(NEW, &["y"]);
        let (reply, _answer) = oneshot::channel();
        let up_to_date = Status::Skipped(mirror_model::SkipReason::UpToDate);
        let kept = Box::new(outcome(id(0), up_to_date, "y"));
        let name = job(NEW, 0, "y", theirs).destination;
        world.handle(Input::Keep(NEW, Some(name), kept, reply));
        if succeeds {
            world = world.succeed(SECOND);
            world.dispatch(OLD, 0, "x", theirs);
        }
        world.attach(1, 1, &[]);
        let older = attempt(OLD, 0, "x", theirs, 10);
        world.start(1, older);
        world.ask(1, older, theirs);
        assert_eq!(world.words(1), ["superseded"], "{succeeds}");
    }
}

#[test]
fn a_row_that_comes_before_its_driver_is_kept() {
    let mut world = World::new();
    world.begin(OLD, "x", Seen::Absent);
    let mut world = world.succeed(SECOND);
    let held = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.attach(1, 1, &[held]);
    world.row(1, held, Status::Copied, "x");
    assert_eq!(world.words(1), ["ack"]);
    world.dispatch(OLD, 0, "x", Seen::Absent);
    assert!(
        matches!(world.answer(OLD, 0), Some(Dispatched::Ended(row)) if row.status == Status::Copied)
    );
    assert!(world.published.is_empty());
    assert_eq!(world.rows(OLD).len(), 1);
}

#[test]
fn a_log_written_again_keeps_its_order() {
    let mut world = World::new();
    // Beats that nobody writes again: what stood after them stands earlier in the new log.
    for _ in 0..10 {
        world.pass(4 * SECOND);
    }
    world.attach(1, 1, &[]);
    world.attach(2, 2, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let older = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, older);
    let memory = world.leader.memory();
    assert!(memory.is_sorted_by_key(|(sequence, _, _)| *sequence));
    let of_runs = world.log.iter().filter(|(subject, _)| *subject != LogSubject::Leader);
    let before: Vec<Bytes> = of_runs.map(|(_, payload)| payload.clone()).collect();
    let again: Vec<Bytes> = memory.iter().map(|(_, _, payload)| payload.clone()).collect();
    assert_eq!(before, again);
    // The log was lost; it begins with a batch of the leader's own.
    world.log.clear();
    world.log.push((LogSubject::Leader, Bytes::new()));
    let mut sequences = HashMap::new();
    for (sequence, subject, payload) in memory {
        world.log.push((subject, payload));
        sequences.insert(sequence, world.log.len() as u64);
    }
    let last = world.log.len() as u64;
    let effects = world.leader.rebase(&sequences, last, 9);
    world.carry_out(effects);
    // A run that is planned from now on is newer, although its sequence may be lower than the older's was.
    world.submit(NEW, "").unwrap();
    world.plan(NEW, &["y"]);
    world.dispatch(NEW, 0, "y", Seen::Absent);
    let newer = attempt(NEW, 0, "y", Seen::Absent, 20);
    world.start(2, newer);
    world.ask(2, newer, Seen::Absent);
    assert_eq!(world.words(2), ["go"]);
    world.ask(1, older, Seen::Absent);
    assert_eq!(world.words(1), ["superseded"]);
}

#[test]
fn what_was_under_way_when_the_log_was_lost_goes_again() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let held = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, held);
    world.stores = false;
    world.row(1, held, Status::Copied, "x");
    world.append = None;
    let memory = world.leader.memory();
    world.log.clear();
    world.log.push((LogSubject::Leader, Bytes::new()));
    world.log.extend(memory.into_iter().map(|(_, subject, payload)| (subject, payload)));
    let effects = world.leader.rebase(&HashMap::new(), world.log.len() as u64, 9);
    world.carry_out(effects);
    world.store();
    assert_eq!(world.words(1), ["ack"]);
    assert_eq!(world.rows(OLD).len(), 1);
}
