//! Which jobs are taken: alone, not ours, no jobs at all, and those that hang.

use std::time::Duration;

use mirror_proto::encode_job;
use mirror_proto::wire;
use mirror_proto::wire::worker::v1::ReleaseReason;
use mirror_proto::wire::worker::v1::from_worker::What as Heard;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};
use prost::Message;
use tokio::time::Instant;

use crate::coordinator::LinkEnd;
use crate::fleet::{BEAT, Fleet, Setup};

async fn released(link: &mut LinkEnd, reason: ReleaseReason) {
    match link.hear().await {
        Heard::Release(release) => assert_eq!(release.reason, i32::from(reason)),
        heard => panic!("not Release: {heard:?}"),
    }
}

#[tokio::test]
async fn a_job_that_wants_to_be_alone_is() {
    let (mut fleet, mut link) = Fleet::linked(Setup { slots: 3, ..Setup::default() }).await;
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
    tokio::time::sleep(Duration::from_secs(1)).await;
    fleet.publish("after").await;
    assert_eq!(link.hear_within(Duration::from_secs(4)).await, None, "it waits for the other");
    assert_eq!(fleet.depth().await.0, 1, "and nothing else is taken");
    gate.resume();
    let commit = link.commit().await;
    assert_eq!(commit.attempt, Some(before));
    link.go(&commit).await;
    let row = link.row().await;
    link.ack(&row).await;
    let alone = link.started().await;
    assert_eq!(alone.job.as_ref().unwrap().row, 1);
    let commit = link.commit().await;
    assert_eq!(link.hear_within(BEAT).await, None, "nothing beside it");
    link.go(&commit).await;
    let row = match link.hear().await {
        Heard::Rows(rows) => rows.rows[0].clone(),
        heard => panic!("not Rows: {heard:?}"),
    };
    link.ack(&row).await;
    assert_eq!(link.started().await.job.unwrap().row, 2);
    link.settle().await;
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_destination_that_is_not_allowed_is_left_to_others() {
    let setup = Setup { allowed: vec!["team"], ..Setup::default() };
    let (mut fleet, mut link) = Fleet::linked(setup).await;
    fleet.publish("teams/app").await;
    released(&mut link, ReleaseReason::NotAllowed).await;
    let first = Instant::now();
    fleet.publish("team/app").await;
    link.started().await;
    assert_eq!(link.settle().await, "copied", "what is ours is found behind it");
    released(&mut link, ReleaseReason::NotAllowed).await;
    assert!(first.elapsed() >= BEAT * 9 / 10, "it comes and goes without end");
    assert_eq!(fleet.destination.store().tags("teams/app"), [""; 0]);
    fleet.shutdown.cancel();
    fleet.worker.await.unwrap().unwrap();
    assert_eq!(fleet.pull.next(1, Duration::from_secs(2)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn work_of_another_kind_is_left_to_others_and_rubbish_ends() {
    let (mut fleet, mut link) = Fleet::linked(Setup::default()).await;
    fleet.publish_message(b"rubbish".to_vec(), false).await;
    fleet.assert_empty().await;
    let (job, _) = fleet.job("app");
    let mut unknown = wire::job::v1::Job::decode(&encode_job(&job).unwrap()[..]).unwrap();
    unknown.work = None;
    fleet.publish_message(unknown.encode_to_vec(), false).await;
    released(&mut link, ReleaseReason::Unsupported).await;
    let first = Instant::now();
    released(&mut link, ReleaseReason::Unsupported).await;
    assert!(first.elapsed() >= BEAT * 9 / 10);
    fleet.end().await;
}

#[tokio::test]
async fn a_job_that_hangs_is_given_to_others() {
    let (mut fleet, mut link) = Fleet::linked(Setup { slots: 1, ..Setup::default() }).await;
    let gate = Gate::closed();
    fleet.destination.script(Rule::on(Kind::UploadPut), Fault::none().hold(&gate));
    fleet.publish("app").await;
    link.started().await;
    gate.reached(1).await;
    let again = fleet.pull.next(1, Duration::from_secs(15)).await.unwrap();
    assert_eq!(again.len(), 1, "nobody keeps it");
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
    assert_eq!(link.hear_within(BEAT).await, None);
    assert_eq!(fleet.depth().await, (1, 2));
    fleet.worker.abort();
}
