//! Names beside a job's own tag: cosign's old tags, which are values, and fallback tags, which are sets.

use mirror_model::{Failure, FirstLook, Naming, Sight, SkipReason, Status};

use super::*;

/// Two runs with a signed job each: under tags of their own, with what is attached in common.
fn two_runs() -> (World, AttemptRef, AttemptRef) {
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.attach(2, 2, &[]);
    world.begin(OLD, "signed x", Seen::Absent);
    world.submit(NEW, "").unwrap();
    world.plan(NEW, &["z", "signed y"]);
    world.dispatch(NEW, 1, "signed y", Seen::Absent);
    world.take();
    let older = attempt(OLD, 0, "signed x", Seen::Absent, 10);
    let newer = attempt(NEW, 1, "signed y", Seen::Absent, 20);
    world.start(1, older);
    world.start(2, newer);
    (world, older, newer)
}

/// What the permissions say that a worker got since it was last asked.
fn permitted(world: &mut World, session: u64) -> Vec<Seen> {
    let seen = |what| match what {
        to_worker::What::Go(go) => Some(mirror_proto::seen_from(go.seen).unwrap()),
        _ => None,
    };
    world.heard(session).into_iter().filter_map(seen).collect()
}

#[test]
fn what_was_seen_of_all_that_is_attached_is_in_the_log() {
    let (world, ..) = two_runs();
    let referrers = vec![Sight::UNKNOWN; 2];
    let look = FirstLook { seen: Seen::Absent, referrers };
    assert!(world.records(NEW).contains(&Record::Seen { job: id(1), look }));
}

#[test]
fn a_job_may_write_its_tag_and_the_names_of_what_is_attached_and_no_other() {
    for (tag, expected) in
        [(tag(1), "go"), (old_tag(), "go"), (set(), "go"), (tag(0), "drop"), (tag(9), "drop")]
    {
        let (mut world, _, newer) = two_runs();
        world.ask_for(2, newer, &tag, Seen::Absent);
        assert_eq!(world.words(2), [expected], "{tag}");
    }
    let mut world = World::new();
    world.attach(1, 1, &[]);
    world.begin(OLD, "x", Seen::Absent);
    let bare = attempt(OLD, 0, "x", Seen::Absent, 10);
    world.start(1, bare);
    world.ask_for(1, bare, &set(), Seen::Absent);
    assert_eq!(world.words(1), ["drop"]);
}

#[test]
fn a_set_has_one_writer_at_a_time_and_the_older_run_is_not_superseded() {
    let (mut world, older, newer) = two_runs();
    world.ask_for(2, newer, &set(), Seen::Absent);
    world.ask_for(1, older, &set(), Seen::Absent);
    assert_eq!((world.words(2), world.words(1)), (vec!["go"], vec!["hold"]));
    let naming = world.records(NEW).into_iter().find_map(|record| match record {
        Record::Intent(intent) => Some(intent.naming),
        _ => None,
    });
    assert_eq!(naming, Some(Naming::Set));
    world.tell(2, newer, &signed(id(1), "signed y", Status::Copied, Status::Copied));
    world.ask_for(1, older, &set(), Seen::Absent);
    assert_eq!(world.words(1), ["go"]);
}

#[test]
fn an_old_tag_is_not_written_by_an_older_run_after_a_newer_one() {
    let (mut world, older, newer) = two_runs();
    world.ask_for(2, newer, &old_tag(), Seen::Absent);
    assert_eq!(world.words(2), ["go"]);
    world.ask_for(1, older, &old_tag(), Seen::Absent);
    assert_eq!(world.words(1), ["superseded"]);
    // Its own tag is nobody else's.
    world.ask(1, older, Seen::Absent);
    assert_eq!(world.words(1), ["go"]);
}

#[test]
fn one_attempt_has_several_names_until_its_row() {
    let (mut world, older, newer) = two_runs();
    for tag in [tag(0), set(), old_tag()] {
        world.ask_for(1, older, &tag, Seen::Absent);
        assert_eq!(world.words(1), ["go"]);
    }
    world.ask_for(2, newer, &set(), Seen::Absent);
    world.ask_for(2, newer, &old_tag(), Seen::Absent);
    assert_eq!(world.words(2), ["hold", "hold"]);
    world.tell(1, older, &signed(id(0), "signed x", Status::Copied, Status::Copied));
    world.words(1);
    world.ask_for(2, newer, &set(), Seen::Absent);
    world.ask_for(2, newer, &old_tag(), Seen::Absent);
    assert_eq!(world.words(2), ["go", "go"]);
}

#[test]
fn writes_of_a_job_that_failed_may_be_on_their_way() {
    let (mut world, older, newer) = two_runs();
    world.ask_for(1, older, &set(), Seen::Absent);
    let failed = Status::Failed(Failure::cancelled());
    world.tell(1, older, &signed(id(0), "signed x", failed, Status::Drifted));
    world.ask_for(2, newer, &set(), Seen::Absent);
    assert_eq!(world.words(2), ["hold"]);
    world.pass(25 * SECOND);
    world.ask_for(2, newer, &set(), Seen::Absent);
    assert_eq!(world.words(2), ["go"]);
}

#[test]
fn an_old_tag_that_a_row_says_is_written_counts_and_one_that_drifted_does_not() {
    let up_to_date = Status::Skipped(SkipReason::UpToDate);
    for (old, expected) in
        [(Status::Copied, "superseded"), (up_to_date, "superseded"), (Status::Drifted, "go")]
    {
        for succeeds in [false, true] {
            for by_looking in [false, true] {
                let (mut world, older, newer) = two_runs();
                let outcome = signed(id(1), "signed y", Status::Copied, old.clone());
                if by_looking {
                    let (reply, _answer) = oneshot::channel();
                    let name = job(NEW, 1, "signed y", Seen::Absent).destination;
                    world.handle(Input::Keep(NEW, Some(name), Box::new(outcome), reply));
                } else {
                    world.tell(2, newer, &outcome);
                }
                if succeeds {
                    world = world.succeed(SECOND);
                    world.attach(1, 1, &[older]);
                    world.dispatch(OLD, 0, "signed x", Seen::Absent);
                }
                world.ask_for(1, older, &old_tag(), Seen::Absent);
                assert_eq!(world.words(1), [expected], "{old:?} {succeeds} {by_looking}");
            }
        }
    }
}

#[test]
fn a_row_says_nothing_of_names_that_are_not_its_jobs() {
    for succeeds in [false, true] {
        let (mut world, older, newer) = two_runs();
        let mut outcome = signed(id(1), "signed y", Status::Copied, Status::Copied);
        outcome.referrers[0].name = Some(tag(0));
        world.tell(2, newer, &outcome);
        if succeeds {
            world = world.succeed(SECOND);
            world.attach(1, 1, &[older]);
            world.dispatch(OLD, 0, "signed x", Seen::Absent);
        }
        world.ask(1, older, Seen::Absent);
        assert_eq!(world.words(1), ["go"], "{succeeds}");
    }
}

#[test]
fn each_name_has_a_first_look_of_its_own() {
    for succeeds in [false, true] {
        let (mut world, _, newer) = two_runs();
        let (first, later) =
            (Seen::Present(pin("first").digest), Seen::Present(pin("later").digest));
        world.ask(2, newer, Seen::Absent);
        world.ask_for(2, newer, &old_tag(), first);
        world.ask_for(2, newer, &set(), first);
        if succeeds {
            world = world.succeed(SECOND);
            world.attach(2, 2, &[newer]);
            world.dispatch(NEW, 1, "signed y", Seen::Absent);
        }
        world.heard(2);
        world.ask(2, newer, later);
        world.ask_for(2, newer, &old_tag(), later);
        // Whoever adds to a set looks again, each time.
        world.ask_for(2, newer, &set(), later);
        assert_eq!(permitted(&mut world, 2), [Seen::Absent, first, later], "{succeeds}");
    }
}

#[test]
fn a_tags_row_follows_from_the_first_look_at_the_tag_alone() {
    for asks in [false, true] {
        let (mut world, _, newer) = two_runs();
        world.ask_for(2, newer, &old_tag(), Seen::Absent);
        if asks {
            world.ask(2, newer, Seen::Absent);
        }
        // Whoever asked is lost; the next one finds everything there.
        world = world.succeed(SECOND);
        world.attach(2, 2, &[newer]);
        let up_to_date = Status::Skipped(SkipReason::UpToDate);
        world.tell(2, newer, &signed(id(1), "signed y", up_to_date.clone(), up_to_date.clone()));
        let expected = if asks { Status::Copied } else { up_to_date };
        assert_eq!(world.rows(NEW)[0].status, expected);
    }
}

#[test]
fn a_new_leader_holds_sets_that_another_may_be_writing_and_supersedes_nobody() {
    let (mut world, older, newer) = two_runs();
    world.ask_for(2, newer, &set(), Seen::Absent);
    let mut world = world.succeed(SECOND);
    world.attach(1, 1, &[older]);
    world.dispatch(OLD, 0, "signed x", Seen::Absent);
    world.ask_for(1, older, &set(), Seen::Absent);
    assert_eq!(world.words(1), ["hold"]);
    world.pass(25 * SECOND);
    world.ask_for(1, older, &set(), Seen::Absent);
    assert_eq!(world.words(1), ["go"]);
}
