//! Links that break, and rows that are told until somebody has them.

use std::time::Duration;

use mirror_proto::wire::worker::v1::to_worker::What as Said;
use mirror_proto::wire::worker::v1::{Cancelled, Done, Drop};
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use crate::coordinator::{MOMENT, status};
use crate::fleet::{Fleet, RUN, SHORT, Setup};

#[tokio::test]
async fn a_job_is_copied_and_its_message_goes_with_its_row() {
    let (mut fleet, mut link) = Fleet::linked(Setup::default()).await;
    assert_eq!((link.hello.region.as_str(), link.hello.slots), ("eu", 2));
    assert_eq!(link.hello.version, "1.0.0");
    let sample = fleet.publish("app").await;
    let attempt = link.started().await;
    let commit = link.commit().await;
    assert_eq!(commit.attempt, Some(attempt.clone()));
    assert_eq!(fleet.destination.store().resolve("app", "1.0.0"), None, "nobody said Go");
    let row = link.row_of(&commit).await;
    assert_eq!((row.attempt.clone(), status(&row)), (Some(attempt), "copied"));
    fleet.destination.store().assert_holds("app", "1.0.0", &sample);
    assert_eq!(fleet.depth().await, (0, 1), "nobody has the row");
    link.ack(&row).await;
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_row_is_told_again_on_the_next_link() {
    let (mut fleet, mut link) = Fleet::linked(Setup { beat: SHORT, ..Setup::default() }).await;
    fleet.publish("app").await;
    link.started().await;
    let commit = link.commit().await;
    let row = link.row_of(&commit).await;
    let worker = link.hello.worker;
    drop(link);
    let mut link = fleet.link().await;
    assert_eq!((link.hello.worker, link.hello.held.len()), (worker, 0));
    assert_eq!(link.row().await, row);
    // Longer than NATS waits for a sign. Were there none, the job would still not be done twice.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(fleet.depth().await, (0, 1));
    assert_eq!(link.hear_within(Duration::ZERO).await, None);
    link.ack(&row).await;
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_question_that_was_lost_is_asked_again() {
    let (mut fleet, mut link) = Fleet::linked(Setup::default()).await;
    let sample = fleet.publish("app").await;
    let attempt = link.started().await;
    let first = link.commit().await;
    drop(link);
    let mut link = fleet.link().await;
    assert_eq!(link.hello.held, [attempt]);
    let second = link.commit().await;
    assert_eq!(second.attempt, first.attempt);
    assert_ne!(second.ask, first.ask);
    link.go(&first).await;
    assert_eq!(link.hear_within(MOMENT).await, None, "the older answer is none");
    assert_eq!(fleet.destination.store().resolve("app", "1.0.0"), None);
    let row = link.row_of(&second).await;
    fleet.destination.store().assert_holds("app", "1.0.0", &sample);
    link.ack(&row).await;
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn nothing_is_pulled_while_nobody_leads() {
    // A request for messages lasts longer than this test waits for its end.
    let mut fleet = Fleet::start(Setup { beat: Duration::from_secs(20), ..Setup::default() }).await;
    let unwelcome = fleet.coordinator.unwelcomed().await;
    fleet.publish("one").await;
    tokio::time::sleep(MOMENT).await;
    assert_eq!(fleet.depth().await, (1, 0));
    drop(unwelcome);
    let mut link = fleet.link().await;
    link.started().await;
    link.settle().await;
    fleet.assert_empty().await;
    drop(link);
    let unwelcome = fleet.coordinator.unwelcomed().await;
    // A request that is still there would take the message, and nobody would have it.
    fleet.assert_nobody_pulls().await;
    fleet.publish("two").await;
    tokio::time::sleep(MOMENT).await;
    assert_eq!(fleet.depth().await, (1, 0));
    drop(unwelcome);
    let mut link = fleet.link().await;
    link.started().await;
    assert_eq!(link.settle().await, "copied");
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_job_that_is_not_wanted_ends_without_a_row() {
    let (mut fleet, mut link) = Fleet::linked(Setup::default()).await;
    let gate = Gate::closed();
    fleet.destination.script(Rule::on(Kind::UploadPut), Fault::none().hold(&gate));
    for name in ["done", "dropped"] {
        fleet.publish(name).await;
        let attempt = Some(link.started().await);
        link.say(match name {
            "done" => Said::Done(Done { attempt, outcome: None }),
            _ => Said::Drop(Drop { attempt }),
        })
        .await;
        fleet.assert_empty().await;
    }
    gate.resume();
    fleet.destination.clear_script();
    fleet.publish("wanted").await;
    link.started().await;
    assert_eq!(link.settle().await, "copied", "no row came before, and the slots are free");
    assert_eq!(fleet.destination.store().tags("done"), [""; 0]);
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_cancelled_job_has_a_row() {
    let (mut fleet, mut link) = Fleet::linked(Setup::default()).await;
    let gate = Gate::closed();
    fleet.destination.script(Rule::on(Kind::UploadPut), Fault::none().hold(&gate));
    fleet.publish("app").await;
    link.started().await;
    gate.reached(1).await;
    link.say(Said::Cancelled(Cancelled { run: mirror_proto::run_to(RUN) })).await;
    let row = link.row().await;
    assert_eq!(status(&row), "failed");
    link.ack(&row).await;
    fleet.assert_empty().await;
    fleet.end().await;
}
