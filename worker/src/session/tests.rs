//! What a session decides, message by message.

use std::sync::Arc;

use mirror_model::{EntryIndex, Failure, JobId, Status};
use mirror_proto::JobHash;
use tokio::sync::oneshot::Receiver;
use tokio_util::sync::CancellationToken;
use wire::to_worker::What as Said;

use super::*;
use crate::pulse::Pulse;

const SECOND: Duration = Duration::from_secs(1);

fn session() -> Session<u32> {
    let (region, version) = ("eu".to_owned(), "1".to_owned());
    let mut session = Session::new(Identity { worker: 1, region, slots: 4, version });
    session.welcome(Timing::default());
    session
}

fn attempt(number: u64) -> AttemptRef {
    let job = JobId { entry: EntryIndex(0), row: usize::try_from(number).unwrap() };
    AttemptRef { run: RunId(7), job, attempt: number, hash: JobHash([0; 32]) }
}

/// Begins attempt `number`, whose message is called by the same number.
fn begin(session: &mut Session<u32>, number: u64) -> Option<(CancellationToken, Arc<Pulse>)> {
    let (cancel, pulse) = (CancellationToken::new(), Arc::new(Pulse::default()));
    let begun = Beginning {
        attempt: attempt(number),
        delivery: u32::try_from(number).unwrap(),
        cancel: cancel.clone(),
        pulse: Arc::clone(&pulse),
        hosts: ["source".to_owned(), format!("destination{}", number / 10)],
    };
    session.begin(begun).then_some((cancel, pulse))
}

fn ask(session: &mut Session<u32>, number: u64, ask: u32) -> Receiver<Answer> {
    let (reply, answer) = oneshot::channel();
    let place = mirror_oci::Place::Registry("r.io/a".parse().unwrap());
    let name = TagRef { place, tag: "1".parse().unwrap() };
    session.ask(Ask { attempt: number, number: ask, name, seen: Seen::Absent, reply });
    answer
}

fn outcome(number: u64) -> Outcome {
    Outcome {
        job: attempt(number).job,
        attempts: 1,
        elapsed: SECOND,
        bytes: 1,
        status: Status::Failed(Failure::cancelled()),
        digest: None,
        referrers: Vec::new(),
    }
}

fn hear(session: &mut Session<u32>, said: Said, now: Instant) -> Option<Order> {
    session.hear(wire::ToWorker { what: Some(said) }, now)
}

fn go(session: &mut Session<u32>, number: u64, ask: u32, now: Instant) {
    let (attempt, seen) = (Some(attempt_to(&attempt(number))), Some(seen_to(Seen::Absent)));
    hear(session, Said::Go(wire::Go { attempt, ask, seen }), now);
}

/// What was said since, a word each.
fn said(session: &mut Session<u32>) -> Vec<String> {
    let number = |attempt: Option<wire::Attempt>| attempt.unwrap().attempt;
    let word = |what: What| match what {
        What::Hello(hello) => format!("hello {}", hello.held.len()),
        What::Started(started) => format!("started {}", number(started.attempt)),
        What::Commit(commit) => format!("commit {} {}", number(commit.attempt), commit.ask),
        What::Progress(progress) if progress == wire::Progress::default() => "beat".to_owned(),
        What::Progress(_) => "progress".to_owned(),
        What::Rows(rows) => {
            let rows = rows.rows.into_iter().map(|row| number(row.attempt).to_string());
            format!("rows {}", rows.collect::<Vec<_>>().join(" "))
        }
        What::Release(release) => format!("release {}", number(release.attempt)),
        What::HostSignal(signal) => format!("signal {}", signal.host),
        What::Draining(_) => "draining".to_owned(),
    };
    std::iter::from_fn(|| session.next_message())
        .map(|message| word(message.what.unwrap()))
        .collect()
}

#[test]
fn a_row_is_told_until_it_is_acknowledged() {
    let mut session = session();
    begin(&mut session, 1).unwrap();
    assert!(session.finish(1, outcome(1)));
    assert!(!session.finish(1, outcome(1)), "it has ended");
    assert_eq!(said(&mut session), ["started 1", "rows 1"]);
    session.break_off();
    begin(&mut session, 2).unwrap();
    assert_eq!(said(&mut session), [""; 0], "nobody is there");
    let hello = session.hello();
    assert!(matches!(hello.what, Some(What::Hello(hello)) if hello.held.len() == 1));
    begin(&mut session, 3).unwrap();
    session.welcome(Timing::default());
    assert_eq!(said(&mut session), ["rows 1", "started 3"], "attempt 2 was in the greeting");
    assert_eq!(session.settled(), []);
    let ack = wire::RowsAck { attempts: vec![attempt_to(&attempt(1)), attempt_to(&attempt(9))] };
    hear(&mut session, Said::RowsAck(ack), Instant::now());
    assert_eq!(session.settled(), [(1, Settle::Ack)]);
    session.break_off();
    session.hello();
    session.welcome(Timing::default());
    assert_eq!(said(&mut session), [""; 0]);
}

#[test]
fn a_message_that_comes_again_waits_with_its_row() {
    let mut session = session();
    begin(&mut session, 1).unwrap();
    session.finish(1, outcome(1));
    let begun = Beginning {
        attempt: AttemptRef { attempt: 5, ..attempt(1) },
        delivery: 50,
        cancel: CancellationToken::new(),
        pulse: Arc::default(),
        hosts: [String::new(), String::new()],
    };
    assert!(!session.begin(begun));
    let ack = wire::RowsAck { attempts: vec![attempt_to(&attempt(1))] };
    hear(&mut session, Said::RowsAck(ack), Instant::now());
    assert_eq!(session.settled(), [(1, Settle::Ack), (50, Settle::Ack)]);
}

#[test]
fn only_the_answer_to_the_last_question_counts() {
    let mut session = session();
    begin(&mut session, 1).unwrap();
    let mut first = ask(&mut session, 1, 1);
    session.break_off();
    assert!(first.try_recv().is_err(), "lost with its link");
    session.hello();
    session.welcome(Timing::default());
    let mut second = ask(&mut session, 1, 2);
    go(&mut session, 1, 1, Instant::now());
    assert!(second.try_recv().is_err());
    go(&mut session, 1, 2, Instant::now());
    assert_eq!(second.try_recv(), Ok(Answer::Go(Seen::Absent)));
}

#[test]
fn what_nobody_wants_ends_without_a_row() {
    let mut session = session();
    let (done, _) = begin(&mut session, 1).unwrap();
    let (dropped, _) = begin(&mut session, 2).unwrap();
    begin(&mut session, 3).unwrap();
    session.finish(3, outcome(3));
    let attempt = |number| Some(attempt_to(&attempt(number)));
    let now = Instant::now();
    hear(&mut session, Said::Done(wire::Done { attempt: attempt(1), outcome: None }), now);
    hear(&mut session, Said::Drop(wire::Drop { attempt: attempt(2) }), now);
    hear(&mut session, Said::Done(wire::Done { attempt: attempt(3), outcome: None }), now);
    assert!(done.is_cancelled() && dropped.is_cancelled());
    assert_eq!(session.settled(), [(1, Settle::Ack), (2, Settle::End), (3, Settle::Ack)]);
    assert!(!session.finish(1, outcome(1)) && !session.finish(2, outcome(2)));
    assert!(session.is_empty());
    assert_eq!(ask(&mut session, 1, 1).try_recv(), Ok(Answer::Drop));
}

#[test]
fn a_cancelled_run_reports_its_rows() {
    let mut session = session();
    let (cancel, _) = begin(&mut session, 1).unwrap();
    let other = Said::Cancelled(wire::Cancelled { run: mirror_proto::run_to(RunId(8)) });
    hear(&mut session, other, Instant::now());
    assert!(!cancel.is_cancelled());
    let run = Said::Cancelled(wire::Cancelled { run: mirror_proto::run_to(RunId(7)) });
    hear(&mut session, run, Instant::now());
    assert!(cancel.is_cancelled() && session.finish(1, outcome(1)));
}

#[test]
fn a_drain_hands_back_all_but_what_writes_a_name() {
    let mut session = session();
    let now = Instant::now();
    let cancels: Vec<CancellationToken> =
        (1..=3).map(|number| begin(&mut session, number).unwrap().0).collect();
    let _asked = ask(&mut session, 2, 1);
    let _permitted = ask(&mut session, 3, 1);
    go(&mut session, 3, 1, now);
    said(&mut session);
    session.hand_back(now, 60 * SECOND);
    assert_eq!(said(&mut session), [""; 0], "nothing drains");
    session.drain(now);
    session.hand_back(now, 60 * SECOND);
    assert_eq!(said(&mut session), ["draining", "release 1"]);
    assert_eq!(session.settled(), [(1, Settle::GiveBack)]);
    assert!(begin(&mut session, 4).is_none());
    assert_eq!(session.settled(), [(4, Settle::GiveBack)]);
    let hold = wire::Hold { attempt: Some(attempt_to(&attempt(2))), ask: 1 };
    hear(&mut session, Said::Hold(hold), now);
    session.hand_back(now + 19 * SECOND, 60 * SECOND);
    assert_eq!(said(&mut session), ["release 2"]);
    session.hand_back(now + 20 * SECOND, 60 * SECOND);
    assert_eq!(said(&mut session), ["release 3"], "the permission is over");
    assert!(session.is_empty() && cancels.iter().all(CancellationToken::is_cancelled));
}

#[test]
fn a_drain_ends_with_its_grace_and_asks_nothing() {
    let mut session = session();
    let now = Instant::now();
    begin(&mut session, 1).unwrap();
    begin(&mut session, 2).unwrap();
    for number in [1, 2] {
        let _asked = ask(&mut session, number, 1);
        go(&mut session, number, 1, now);
    }
    session.drain(now);
    assert!(ask(&mut session, 2, 2).try_recv().is_err());
    session.hand_back(now, 2 * SECOND);
    assert_eq!(said(&mut session).last().unwrap(), "release 2", "what it wrote is over");
    session.hand_back(now + 2 * SECOND, 2 * SECOND);
    assert_eq!(said(&mut session), ["release 1"]);
}

#[test]
fn only_what_goes_on_is_kept() {
    let mut session = session();
    let now = Instant::now();
    let kept = |session: &mut Session<u32>, now| {
        session.keep(now);
        let mut kept: Vec<u32> =
            session.settled().into_iter().map(|(message, _)| message).collect();
        kept.sort_unstable();
        kept
    };
    let (_, pulse) = begin(&mut session, 1).unwrap();
    begin(&mut session, 2).unwrap();
    begin(&mut session, 11).unwrap();
    begin(&mut session, 21).unwrap();
    assert_eq!(kept(&mut session, now), [0; 0], "nothing has happened");
    pulse.beat();
    assert_eq!(
        kept(&mut session, now),
        [1, 2],
        "2 may wait for what 1 brings to the same registry"
    );
    assert_eq!(kept(&mut session, now), [0; 0]);
    session.signal("destination1".to_owned(), SECOND, now);
    assert_eq!(kept(&mut session, now), [11], "it is to wait");
    assert_eq!(kept(&mut session, now + SECOND), [0; 0]);
    let _asked = ask(&mut session, 21, 1);
    assert_eq!(kept(&mut session, now + SECOND), [21]);
    let hold = wire::Hold { attempt: Some(attempt_to(&attempt(21))), ask: 1 };
    hear(&mut session, Said::Hold(hold), now);
    assert_eq!(kept(&mut session, now + SECOND), [21], "it waits to ask again");
    assert_eq!(kept(&mut session, now + SECOND), [0; 0]);
    let _asked = ask(&mut session, 21, 2);
    session.break_off();
    assert_eq!(kept(&mut session, now + SECOND), [0; 0], "nobody will answer");
    session.finish(21, outcome(21));
    assert_eq!(kept(&mut session, now + SECOND), [21], "its row waits");
}

#[test]
fn a_full_outbox_takes_no_more_jobs() {
    let mut session = session();
    for number in 0..4_096 {
        assert!(session.has_room(), "{number}");
        begin(&mut session, number).unwrap();
        session.finish(number, outcome(number));
    }
    assert!(!session.has_room());
    let ack = wire::RowsAck { attempts: vec![attempt_to(&attempt(77))] };
    hear(&mut session, Said::RowsAck(ack), Instant::now());
    assert!(session.has_room());
    session.hello();
    assert_eq!(said(&mut session).len(), 64, "many rows a message");
}

#[test]
fn pauses_and_shares_are_orders() {
    let mut session = session();
    let now = Instant::now();
    session.signal("r.io".to_owned(), 5 * SECOND, now);
    session.signal("r.io".to_owned(), 5 * SECOND, now);
    assert_eq!(said(&mut session), ["signal r.io"]);
    let pause = wire::HostPause { host: "o.io".to_owned(), pause_nanos: 7_000_000_000 };
    let order = hear(&mut session, Said::HostPause(pause), now);
    assert_eq!(order, Some(Order::Pause("o.io".to_owned(), 7 * SECOND)));
    session.signal("o.io".to_owned(), 7 * SECOND, now);
    assert_eq!(said(&mut session), [""; 0], "who told us knows");
    let order = hear(&mut session, Said::Share(wire::Share { requests: 3 }), now);
    assert_eq!(order, Some(Order::Share(3)));
    assert_eq!(hear(&mut session, Said::Drain(wire::Drain {}), now), Some(Order::Drain));
}

#[test]
fn a_beat_is_said_where_nothing_else_is() {
    let mut session = session();
    session.beat();
    session.beat();
    assert_eq!(said(&mut session), ["beat"]);
    begin(&mut session, 1).unwrap();
    session.beat();
    assert_eq!(said(&mut session), ["started 1"]);
    session.break_off();
    session.beat();
    session.hello();
    session.welcome(Timing::default());
    assert_eq!(said(&mut session), [""; 0], "nobody was there");
}

#[test]
fn an_attempt_asks_for_one_name_after_the_other() {
    let mut session = session();
    begin(&mut session, 1).unwrap();
    let now = Instant::now();
    let mut tag = ask(&mut session, 1, 1);
    go(&mut session, 1, 1, now);
    assert_eq!(tag.try_recv(), Ok(Answer::Go(Seen::Absent)));
    // The tag is written; now for a name of what is attached.
    let mut set = ask(&mut session, 1, 2);
    go(&mut session, 1, 1, now);
    assert!(set.try_recv().is_err(), "that was the answer to the first question");
    let hold = wire::Hold { attempt: Some(attempt_to(&attempt(1))), ask: 2 };
    hear(&mut session, Said::Hold(hold), now);
    assert_eq!(set.try_recv(), Ok(Answer::Hold));
    // While it drains, an attempt that waits for no answer and writes no name is handed back.
    let mut again = ask(&mut session, 1, 3);
    go(&mut session, 1, 3, now);
    assert_eq!(again.try_recv(), Ok(Answer::Go(Seen::Absent)));
    session.drain(now);
    session.hand_back(now + SECOND, 300 * SECOND);
    assert_eq!(session.settled(), [], "the second name may be being written");
    session.hand_back(now + 21 * SECOND, 300 * SECOND);
    assert_eq!(session.settled(), [(1, Settle::GiveBack)]);
}
