//! Losses: workers that go, jobs that NATS forgets, jobs that nobody does, runs that are cancelled.

use mirror_model::{FailureKind, Seen, Status};
use mirror_proto::Record;
use mirror_proto::wire::worker::v1::{Draining, Progress, Release, ReleaseReason};

use super::*;

impl World {
    /// A worker takes the job, and is lost with it.
    fn lose_one(&mut self, session: u64) {
        self.attach(session, session, &[]);
        let attempt = attempt(OLD, 0, "x", Seen::Absent, session);
        self.start(session, attempt);
        self.handle(Input::Detached(session));
        self.pass(4 * SECOND);
        assert!(self.published.is_empty(), "it may come back");
        self.pass(2 * SECOND);
    }

    fn losses(&self) -> usize {
        self.records(OLD).iter().filter(|record| matches!(record, Record::Lost(_))).count()
    }
}

#[test]
fn a_job_whose_worker_is_lost_goes_again_then_alone_then_fails() {
    let mut world = World::new();
    world.begin(OLD, "x", Seen::Absent);
    for (loss, alone) in [(1, false), (2, true)] {
        world.lose_one(loss);
        assert_eq!(world.losses() as u64, loss);
        assert_eq!(world.removed as u64, loss, "nobody gets the message that was lost");
        assert_eq!(world.published.len(), 1);
        assert_eq!(world.published[0].alone, alone);
        assert_eq!(u64::from(world.published[0].number), loss + 1);
        world.take();
    }
    world.lose_one(3);
    assert!(world.published.is_empty());
    let rows = world.rows(OLD);
    let Status::Failed(failure) = &rows[0].status else { panic!("{rows:?}") };
    assert_eq!(failure.kind, FailureKind::Internal);
    assert!(failure.message.contains("3 workers were lost"), "{}", failure.message);
}

#[test]
fn a_third_loss_beside_others_is_not_the_last() {
    let mut world = World::new();
    world.begin(OLD, "x", Seen::Absent);
    world.lose_one(1);
    world.take();
    world.lose_one(2);
    world.take();
    world.begin(NEW, "y", Seen::Absent);
    world.attach(3, 3, &[]);
    world.start(3, attempt(OLD, 0, "x", Seen::Absent, 3));
    world.start(3, attempt(NEW, 1, "y", Seen::Absent, 4));
    world.plan_other(3);
    world.handle(Input::Detached(3));
    world.pass(6 * SECOND);
    assert!(world.rows(OLD).is_empty());
}

impl World {
    /// Something else that the worker has: a job of a run of its own.
    fn plan_other(&mut self, session: u64) {
        let other = RunId(7);
        self.submit(other, "").unwrap();
        self.plan(other, &["p", "q"]);
        self.dispatch(other, 1, "q", Seen::Absent);
        self.take();
        self.start(session, attempt(other, 1, "q", Seen::Absent, 5));
    }
}

#[test]
fn a_worker_that_comes_back_in_time_is_no_loss() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let held = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, held);
    world.handle(Input::Detached(1));
    world.pass(4 * SECOND);
    world.attach(2, 1, &[held]);
    world.pass(6 * SECOND);
    assert_eq!((world.losses(), world.published.len()), (0, 0));
    world.row(2, held, Status::Copied, "x");
    assert_eq!(world.words(2), ["ack"]);
}

#[test]
fn a_worker_that_says_nothing_is_lost() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    world.start(1, attempt(OLD, 0, "x", Seen::Absent, 10));
    world.pass(29 * SECOND);
    assert_eq!(world.losses(), 0);
    world.pass(2 * SECOND);
    assert_eq!(world.losses(), 1);
}

#[test]
fn a_drain_is_no_loss() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let held = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, held);
    world.say(1, from_worker::What::Draining(Draining {}));
    let reason = ReleaseReason::Drain.into();
    let release = Release { attempt: Some(attempt_to(&held)), reason };
    world.say(1, from_worker::What::Release(release));
    world.handle(Input::Detached(1));
    world.pass(40 * SECOND);
    assert_eq!((world.losses(), world.rows(OLD).len()), (0, 0));
}

#[test]
fn what_nats_forgot_goes_again_unless_a_worker_has_it() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    world.handle(Input::Missing(OLD, id(0), 7));
    assert!(world.published.is_empty(), "of another publishing");
    world.handle(Input::Missing(OLD, id(0), 1));
    assert_eq!(world.published.len(), 1);
    assert_eq!(world.published[0].number, 2);
    world.take();
    world.start(1, attempt(OLD, 0, "x", Seen::Absent, 10));
    world.handle(Input::Missing(OLD, id(0), 2));
    assert!(world.published.is_empty());
}

#[test]
fn a_job_that_nats_does_not_take_goes_again_with_the_same_number() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.submit(OLD, "").unwrap();
    world.plan(OLD, &["x"]);
    world.dispatch(OLD, 0, "x", Seen::Absent);
    let publish = world.published.pop().unwrap();
    world.handle(Input::Published(OLD, id(0), publish.number, Err("full".to_owned())));
    assert!(world.published.is_empty());
    world.pass(SECOND);
    assert_eq!(world.published[0].number, publish.number);
}

#[test]
fn a_region_without_workers_fails_its_jobs_after_a_while() {
    let mut world = World::new();
    world.begin(OLD, "x", Seen::Absent);
    world.pass(599 * SECOND);
    world.pass(599 * SECOND);
    assert!(world.rows(OLD).is_empty(), "the time is counted from the first look");
    world.attach(1, 1, &[]);
    world.pass(SECOND);
    world.handle(Input::Detached(1));
    world.pass(SECOND);
    world.pass(599 * SECOND);
    assert!(world.rows(OLD).is_empty(), "somebody was there meanwhile");
    world.pass(SECOND);
    let rows = world.rows(OLD);
    let Status::Failed(failure) = &rows[0].status else { panic!("{rows:?}") };
    assert_eq!(failure.message, "no worker for region default");
    world.pass(SECOND);
    assert_eq!(world.rows(OLD).len(), 1);
}

#[test]
fn a_job_that_no_worker_takes_fails_after_a_while() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let held = attempt(OLD, 0, "x", Seen::Absent, 10);
    let reason = ReleaseReason::NotAllowed.into();
    world.say(1, from_worker::What::Release(Release { attempt: Some(attempt_to(&held)), reason }));
    for _ in 0..40 {
        world.pass(20 * SECOND);
        world.say(1, from_worker::What::Progress(Progress::default()));
    }
    let rows = world.rows(OLD);
    let Status::Failed(failure) = &rows[0].status else { panic!("{rows:?}") };
    assert!(failure.message.contains("takes this job"), "{}", failure.message);
}

#[test]
fn a_cancelled_run_ends_what_nobody_has_and_waits_for_what_somebody_has() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.submit(OLD, "").unwrap();
    world.plan(OLD, &["x", "y"]);
    world.dispatch(OLD, 0, "x", Seen::Absent);
    world.dispatch(OLD, 1, "y", Seen::Absent);
    world.take();
    let held = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, held);
    let (reply, mut answer) = oneshot::channel();
    world.handle(Input::Cancel(OLD, Caller::default(), reply));
    assert!(answer.try_recv().unwrap().unwrap().cancelled);
    assert_eq!(world.words(1), ["cancelled"]);
    world.handle(Input::Unwant(OLD, id(0)));
    world.handle(Input::Unwant(OLD, id(1)));
    assert_eq!(world.rows(OLD).len(), 1);
    assert_eq!(world.removed, 1);
    world.pass(20 * SECOND);
    assert_eq!(world.rows(OLD).len(), 1);
    // No name is written from now on; who asks hears that nobody wants it, and has it no more.
    world.ask(1, held, Seen::Absent);
    assert_eq!(world.words(1), ["drop"]);
    assert_eq!(world.rows(OLD).len(), 2);
}

#[test]
fn of_a_cancelled_run_a_worker_that_says_nothing_is_not_waited_for_long() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    world.start(1, attempt(OLD, 0, "x", Seen::Absent, 10));
    let (reply, _answer) = oneshot::channel();
    world.handle(Input::Cancel(OLD, Caller::default(), reply));
    world.handle(Input::Unwant(OLD, id(0)));
    world.pass(29 * SECOND);
    world.say(1, from_worker::What::Progress(Progress::default()));
    assert_eq!(world.rows(OLD).len(), 0);
    world.pass(SECOND);
    assert_eq!(world.rows(OLD).len(), 1);
}

#[test]
fn a_job_that_comes_after_its_run_was_cancelled_ends_at_once() {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.submit(OLD, "").unwrap();
    world.plan(OLD, &["x"]);
    let (reply, _answer) = oneshot::channel();
    world.handle(Input::Cancel(OLD, Caller::default(), reply));
    world.handle(Input::Unwant(OLD, id(0)));
    world.dispatch(OLD, 0, "x", Seen::Absent);
    assert_eq!(world.rows(OLD).len(), 1);
    assert!(matches!(world.answer(OLD, 0), Some(Dispatched::Ended(_))));
}

#[test]
fn jobs_with_one_root_all_end_where_nobody_works() {
    let mut world = World::new();
    world.submit(OLD, "").unwrap();
    world.plan(OLD, &["x", "x", "x"]);
    for row in 0..3 {
        world.dispatch(OLD, row, "x", Seen::Absent);
    }
    world.take();
    world.pass(SECOND);
    world.pass(600 * SECOND);
    assert_eq!(world.rows(OLD).len(), 3);
    for row in 0..3 {
        match world.answer(OLD, row) {
            Some(Dispatched::Ended(_)) => {}
            // It was to look again: whatever it finds, it hears that it has ended.
            Some(Dispatched::LookAgain) => {
                world.dispatch(OLD, row, "x", Seen::Absent);
                assert!(matches!(world.answer(OLD, row), Some(Dispatched::Ended(_))));
            }
            None => panic!("row {row} waits for ever"),
        }
    }
}

#[test]
fn an_attempt_that_is_dropped_or_gone_does_not_hold_its_job() {
    let mut world = World::new();
    world.begin(OLD, "x", Seen::Absent);
    let held = attempt(OLD, 0, "x", Seen::Absent, 10);
    let mut world = world.succeed(SECOND);
    world.attach(1, 1, &[held]);
    world.dispatch(OLD, 0, "x", Seen::Absent);
    assert!(world.published.is_empty(), "a worker has it");
    // It comes back without it: handed back while there was no link.
    world.attach(2, 1, &[]);
    assert_eq!(world.published.len(), 1);
}

#[test]
fn a_worker_with_another_message_does_not_hold_the_job() {
    let mut world = World::new();
    world.begin(OLD, "x", Seen::Absent);
    let other = AttemptRef {
        hash: JobHash::of(b"of an earlier version"),
        ..attempt(OLD, 0, "x", Seen::Absent, 10)
    };
    let mut world = world.succeed(SECOND);
    world.attach(1, 1, &[other]);
    world.dispatch(OLD, 0, "x", Seen::Absent);
    assert_eq!(world.published.len(), 1);
}

#[test]
fn a_stream_that_is_another_one_brings_all_jobs_back() {
    let mut world = World::new();
    world.submit(OLD, "").unwrap();
    let contents: Vec<String> = (0..64).map(|number| format!("c{number}")).collect();
    let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
    world.plan(OLD, &contents);
    for (row, content) in contents.iter().enumerate() {
        world.dispatch(OLD, row, content, Seen::Absent);
    }
    world.take();
    world.handle(Input::Forgotten("default".parse().unwrap()));
    assert_eq!(world.published.len(), 64);
    assert_eq!(world.removed, 0, "at their sequences stand others' messages by now");
}

#[test]
fn nothing_is_promised_before_it_is_in_the_log() {
    let mut world = World::new();
    world.stores = false;
    let ask = |world: &mut World| {
        let (reply, answer) = oneshot::channel();
        let (id, run, caller) = (OLD, submitted("key"), Caller::default());
        let submission = Submission { id, run, body_hash: [0; 32], caller, at: 0 };
        world.handle(Input::Submit(Box::new(submission), reply));
        answer
    };
    let (mut first, mut second) = (ask(&mut world), ask(&mut world));
    assert!(first.try_recv().is_err() && second.try_recv().is_err());
    world.store();
    assert!(!first.try_recv().unwrap().unwrap().known);
    assert!(second.try_recv().unwrap().unwrap().known);
}

#[test]
fn a_key_finds_its_run() {
    let mut world = World::new();
    let first = world.submit(OLD, "key").unwrap();
    assert_eq!(first, Accepted { run: OLD, known: false });
    let again = world.submit(NEW, "key").unwrap();
    assert_eq!(again, Accepted { run: OLD, known: true });
    let other = world.submit(NEW, "other").unwrap();
    assert_eq!(other, Accepted { run: NEW, known: false });
    world.handle(Input::Room(91));
    assert_eq!(world.submit(RunId(3), ""), Err(Refusal::Full));
}
