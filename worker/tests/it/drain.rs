//! Draining: what is handed back, what is finished, what is told.

use std::time::Duration;

use mirror_proto::wire::worker::v1 as wire;
use mirror_proto::wire::worker::v1::from_worker::What as Heard;
use mirror_proto::wire::worker::v1::to_worker::What as Said;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use crate::coordinator::{LinkEnd, MOMENT, status};
use crate::fleet::{Fleet, Setup};

/// Hears of a drain, and of one job that is given back.
async fn hear_drain(link: &mut LinkEnd) -> Option<wire::Attempt> {
    assert_eq!(link.hear().await, Heard::Draining(wire::Draining {}));
    match link.hear().await {
        Heard::Release(release) => {
            assert_eq!(release.reason, i32::from(wire::ReleaseReason::Drain));
            release.attempt
        }
        heard => panic!("not Release: {heard:?}"),
    }
}

#[tokio::test]
async fn a_drain_gives_back_at_once_what_writes_no_name() {
    // Long permissions: the job that has one is not given back while the test looks.
    let setup = Setup { beat: Duration::from_secs(20), ..Setup::default() };
    let (mut fleet, mut link) = Fleet::linked(setup).await;
    let (copying, writing) = (Gate::closed(), Gate::closed());
    let rule = Rule::on(Kind::ManifestPut).repository("writing").reference("1.0.0");
    fleet.destination.script(rule, Fault::none().hold(&writing));
    let rule = Rule::on(Kind::UploadPut).repository("copying");
    fleet.destination.script(rule, Fault::none().hold(&copying));

    let sample = fleet.publish("writing").await;
    link.started().await;
    let commit = link.commit().await;
    link.go(&commit).await;
    writing.reached(1).await;
    fleet.publish("copying").await;
    let lost = link.started().await;
    copying.reached(1).await;

    fleet.shutdown.cancel();
    assert_eq!(hear_drain(&mut link).await, Some(lost));
    // Somebody else gets it at once: long before a message comes again that nobody gave back.
    let back = fleet.take(1).await;
    back[0].ack().await.unwrap();
    assert!(fleet.pull.next(1, MOMENT).await.unwrap().is_empty());
    assert!(!fleet.worker.is_finished());
    writing.resume();
    let row = link.row().await;
    assert_eq!(status(&row), "copied");
    fleet.destination.store().assert_holds("writing", "1.0.0", &sample);
    assert!(!fleet.worker.is_finished(), "the row is not acknowledged");
    link.ack(&row).await;
    fleet.worker.await.unwrap().unwrap();
    assert_eq!(fleet.jobs.depth().await.unwrap(), mirror_queue::Depth::default());
}

#[tokio::test]
async fn the_coordinator_may_ask_for_a_drain() {
    let (mut fleet, mut link) = Fleet::linked(Setup { slots: 1, ..Setup::default() }).await;
    let gate = Gate::closed();
    fleet.destination.script(Rule::on(Kind::UploadPut), Fault::none().hold(&gate));
    fleet.publish("one").await;
    fleet.publish("two").await;
    let attempt = link.started().await;
    link.say(Said::Drain(wire::Drain {})).await;
    assert_eq!(hear_drain(&mut link).await, Some(attempt));
    (&mut fleet.worker).await.unwrap().unwrap();
    // One was given back, the other never taken.
    fleet.take(2).await;
}

#[tokio::test]
async fn a_drain_without_a_link_gives_back_too() {
    let (mut fleet, mut link) = Fleet::linked(Setup::default()).await;
    let gate = Gate::closed();
    fleet.destination.script(Rule::on(Kind::UploadPut), Fault::none().hold(&gate));
    fleet.publish("app").await;
    link.started().await;
    gate.reached(1).await;
    drop(link);
    let _unwelcome = fleet.coordinator.unwelcomed().await;
    fleet.shutdown.cancel();
    (&mut fleet.worker).await.unwrap().unwrap();
    fleet.take(1).await;
}
