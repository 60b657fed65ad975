//! Which jobs are taken: alone, not ours, no jobs at all, and those that hang.

use std::time::Duration;

use mirror_proto::encode_job;
use mirror_proto::wire;
use mirror_proto::wire::worker::v1::ReleaseReason;
use mirror_proto::wire::worker::v1::from_worker::What as Heard;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};
use prost::Message;

use crate::coordinator::MOMENT;
use crate::fleet::{Fleet, SHORT, Setup};

#[tokio::test]
async fn a_job_that_wants_to_be_alone_is() {
    let setup = Setup { slots: 3, beat: SHORT, ..Setup::default() };
    let (mut fleet, mut link) = Fleet::linked(setup).await;
    let gate = Gate::closed();
    let held = Rule::on(Kind::UploadPut).repository("before");
    fleet.destination.script(held, Fault::none().hold(&gate));
    fleet.publish("before").await;
    let before = link.started().await;
    gate.reached(1).await;
    let (job, _) = fleet.job("alone");
    let alone = encode_job(&job).unwrap();
    fleet.publish_message(alone, true).await;
    // Taken, and kept for longer than a message is without a sign.
    fleet.assert_depth((0, 2)).await;
    fleet.publish("after").await;
    assert_eq!(link.hear_within(Duration::from_secs(4)).await, None, "it waits for the other");
    assert_eq!(fleet.depth().await.0, 1, "and nothing else is taken");
    gate.resume();
    let commit = link.commit().await;
    assert_eq!(commit.attempt, Some(before));
    let row = link.row_of(&commit).await;
    link.ack(&row).await;
    let alone = link.started().await;
    assert_eq!(alone.job.as_ref().unwrap().row, 1);
    let commit = link.commit().await;
    assert_eq!(link.hear_within(MOMENT).await, None, "nothing beside it");
    let row = link.row_of(&commit).await;
    link.ack(&row).await;
    assert_eq!(link.started().await.job.unwrap().row, 2);
    link.settle().await;
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_destination_that_is_not_allowed_is_left_to_others() {
    let setup = Setup { allowed: vec!["team"], beat: SHORT, ..Setup::default() };
    let (mut fleet, mut link) = Fleet::linked(setup).await;
    fleet.publish("teams/app").await;
    link.released(1, ReleaseReason::NotAllowed).await;
    fleet.publish("team/app").await;
    link.started().await;
    assert_eq!(link.settle().await, "copied", "what is ours is found behind it");
    // One that was heard of late is followed too soon by the next, but not by the one after.
    let released = link.released(3, ReleaseReason::NotAllowed).await;
    assert!(released[2] - released[0] >= SHORT, "it comes and goes without end");
    assert_eq!(fleet.destination.store().tags("teams/app"), [""; 0]);
    fleet.shutdown.cancel();
    (&mut fleet.worker).await.unwrap().unwrap();
    fleet.take(1).await;
}

#[tokio::test]
async fn work_of_another_kind_is_left_to_others_and_rubbish_ends() {
    let (mut fleet, mut link) = Fleet::linked(Setup { beat: SHORT, ..Setup::default() }).await;
    fleet.publish_message(b"rubbish".to_vec(), false).await;
    fleet.assert_empty().await;
    let (job, _) = fleet.job("app");
    let mut unknown = wire::job::v1::Job::decode(&encode_job(&job).unwrap()[..]).unwrap();
    unknown.work = None;
    fleet.publish_message(unknown.encode_to_vec(), false).await;
    let released = link.released(3, ReleaseReason::Unsupported).await;
    assert!(released[2] - released[0] >= SHORT);
    fleet.end().await;
}

#[tokio::test]
async fn a_job_that_hangs_is_given_to_others() {
    let setup = Setup { slots: 1, beat: SHORT, ..Setup::default() };
    let (mut fleet, mut link) = Fleet::linked(setup).await;
    let gate = Gate::closed();
    fleet.destination.script(Rule::on(Kind::UploadPut), Fault::none().hold(&gate));
    fleet.publish("app").await;
    link.started().await;
    gate.reached(1).await;
    // Nobody keeps it.
    let again = fleet.take(1).await;
    gate.resume();
    assert_eq!(link.settle().await, "copied");
    drop(again);
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn no_more_jobs_are_taken_than_there_are_slots() {
    let (mut fleet, mut link) = Fleet::linked(Setup { slots: 2, ..Setup::default() }).await;
    for name in ["a", "b", "c"] {
        fleet.publish(name).await;
    }
    let (mut started, mut asked) = (0, 0);
    while asked < 2 {
        match link.hear().await {
            Heard::Started(_) => started += 1,
            Heard::Commit(_) => asked += 1,
            heard => panic!("{heard:?}"),
        }
    }
    assert_eq!(started, 2);
    assert_eq!(link.hear_within(MOMENT).await, None);
    assert_eq!(fleet.depth().await, (1, 2));
    fleet.worker.abort();
}
