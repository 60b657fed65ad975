//! Limits of registries, which all workers of a fleet share.

use std::time::Duration;

use mirror_proto::wire::worker::v1::HostPause;
use mirror_proto::wire::worker::v1::from_worker::What as Heard;
use mirror_proto::wire::worker::v1::to_worker::What as Said;
use mirror_tests::scripted::{Fault, Kind, Rule};
use tokio::time::Instant;

use crate::fleet::{Fleet, Setup};

#[tokio::test]
async fn a_registry_that_asks_for_peace_is_told_of() {
    let (mut fleet, mut link) = Fleet::linked(Setup::default()).await;
    let busy = Fault::status(429).header("Retry-After", "1");
    fleet.destination.script(Rule::on(Kind::UploadPost).first(1), busy);
    fleet.publish("app").await;
    link.started().await;
    match link.hear().await {
        Heard::HostSignal(signal) => {
            assert_eq!(signal.host, fleet.destination.host());
            assert!((900_000_000..=1_000_000_000).contains(&signal.pause_nanos), "{signal:?}");
        }
        heard => panic!("not HostSignal: {heard:?}"),
    }
    assert_eq!(link.settle().await, "copied");
    fleet.assert_empty().await;
    fleet.end().await;
}

#[tokio::test]
async fn a_pause_that_another_was_asked_for_is_kept() {
    let (mut fleet, mut link) = Fleet::linked(Setup::default()).await;
    fleet.publish("before").await;
    link.started().await;
    let commit = link.commit().await;
    let before = link.row_of(&commit).await;
    let (host, pause_nanos) = (fleet.destination.host(), 2_000_000_000);
    let begin = Instant::now();
    link.say(Said::HostPause(HostPause { host, pause_nanos })).await;
    // The pause is there before the job is: the worker has heard what was said after it.
    link.ack(&before).await;
    fleet.assert_empty().await;
    fleet.publish("app").await;
    link.started().await;
    let commit = link.commit().await;
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
    let row = link.row_of(&commit).await;
    link.ack(&row).await;
    fleet.assert_empty().await;
    fleet.end().await;
}
