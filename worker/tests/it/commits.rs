//! Permissions to write a name: held back, refused, late.

use mirror_proto::wire::worker::v1::to_worker::What as Said;
use mirror_proto::wire::worker::v1::{Commit, Hold, Superseded};
use mirror_tests::scripted::Kind;
use tokio::time::Instant;

use crate::coordinator::status;
use crate::fleet::{Fleet, SHORT, Setup};

#[tokio::test]
async fn a_permission_that_comes_late_writes_nothing() {
    let (mut fleet, mut link) = Fleet::linked(Setup { beat: SHORT, ..Setup::default() }).await;
    let sample = fleet.publish("app").await;
    link.started().await;
    let late = link.commit().await;
    // A permission lasts 2.5 beats from when it was asked for.
    tokio::time::sleep(SHORT * 3).await;
    link.go(&late).await;
    let timely = link.commit().await;
    assert_ne!(timely.ask, late.ask);
    let names = |fleet: &Fleet| {
        let puts = fleet.destination.log().of("app").kind(Kind::ManifestPut);
        puts.only(|entry| entry.target.ends_with("/1.0.0")).count()
    };
    assert_eq!(names(&fleet), 0);
    let row = link.row_of(&timely).await;
    assert_eq!((status(&row), names(&fleet)), ("copied", 1));
    fleet.destination.store().assert_holds("app", "1.0.0", &sample);
    link.ack(&row).await;
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_name_that_is_held_is_asked_for_again() {
    let (mut fleet, mut link) = Fleet::linked(Setup { beat: SHORT, ..Setup::default() }).await;
    fleet.publish("app").await;
    link.started().await;
    let mut commit = link.commit().await;
    for _ in 0..3 {
        let Commit { attempt, ask, .. } = commit;
        let held = Instant::now();
        link.say(Said::Hold(Hold { attempt, ask })).await;
        commit = link.commit().await;
        assert!(held.elapsed() >= SHORT / 2, "{:?}", held.elapsed());
    }
    let row = link.row_of(&commit).await;
    assert_eq!(status(&row), "copied");
    link.ack(&row).await;
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_name_of_a_newer_run_is_left_alone() {
    let (mut fleet, mut link) = Fleet::linked(Setup::default()).await;
    fleet.publish("app").await;
    link.started().await;
    let Commit { attempt, ask, .. } = link.commit().await;
    link.say(Said::Superseded(Superseded { attempt, ask })).await;
    let row = link.row().await;
    assert_eq!(status(&row), "drifted");
    assert_eq!(fleet.destination.store().resolve("app", "1.0.0"), None);
    link.ack(&row).await;
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_question_without_an_answer_is_asked_again() {
    let (mut fleet, mut link) = Fleet::linked(Setup { beat: SHORT, ..Setup::default() }).await;
    fleet.publish("app").await;
    link.started().await;
    // Much longer than a message is kept without a sign: waiting for an answer is one, and no other
    // attempt begins.
    let mut asks: Vec<u32> = Vec::new();
    for _ in 0..3 {
        asks.push(link.commit().await.ask);
    }
    assert!(asks.is_sorted_by(|one, other| one < other), "{asks:?}");
    assert_eq!(link.settle().await, "copied");
    fleet.assert_empty().await;
    fleet.end().await;
}
