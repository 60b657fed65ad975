//! Links that break: nothing is lost, and nothing is told twice.

use std::time::Duration;

use mirror_tests::binary::eventually;
use mirror_tests::proxy::{Proxy, ProxyOptions};
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use super::processes::BEAT;
use super::{Fleet, Mirrored, PATIENCE, SETTLED};
use crate::requests::pair::assert_rows;

/// A fleet of one worker, whose link goes through a proxy.
async fn linked(beat: Duration) -> (Mirrored, Proxy) {
    let mut mirrored = Mirrored::by(Fleet::new(1).await);
    mirrored.fleet.beat = beat;
    mirrored.fleet.coordinator(0, &[]);
    let proxy = Proxy::start(&mirrored.fleet.host(0), ProxyOptions::default());
    let address = format!("http://{}", proxy.host());
    mirrored.fleet.worker_of(0, &address, &["--concurrency=2"]);
    mirrored.push("app", &["1.0.0"]);
    mirrored.config("mirror.yaml", &["app"], "");
    (mirrored, proxy)
}

impl Mirrored {
    /// Breaks the worker's link, and waits until it is back.
    async fn break_link(&self, proxy: &Proxy) {
        let links = || self.fleet.said("worker-0", "link up");
        let before = links();
        proxy.break_connections();
        eventually("the link is back", PATIENCE, || links() > before).await;
    }
}

#[tokio::test]
async fn a_job_goes_on_while_its_link_breaks() {
    // A link that breaks has 5 s to come back, and does within 2: those are no part of the protocol's times.
    let (mirrored, proxy) = linked(Duration::from_secs(4)).await;
    let gate = Gate::closed();
    let upload = Rule::on(Kind::UploadPut).first(1);
    mirrored.destination.script(upload, Fault::none().hold(&gate));
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    gate.reached(1).await;
    for _ in 0..3 {
        mirrored.break_link(&proxy).await;
    }
    gate.resume();
    assert_rows(running.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);
    mirrored.assert_mirrored("app", &["1.0.0"]);
    mirrored.assert_one_row_each().await;
    assert_eq!(mirrored.losses().await, 0);
    let uploads = mirrored.destination.log().kind(Kind::UploadPut).count();
    assert_eq!((uploads, mirrored.writes("app", "1.0.0")), (3, 1), "done once");
}

#[tokio::test]
async fn a_question_that_breaks_with_its_link_is_asked_again() {
    let (mirrored, proxy) = linked(BEAT).await;
    let gate = Gate::closed();
    let last = Rule::on(Kind::UploadPut).first(3);
    mirrored.destination.script(last, Fault::none().hold_answer(&gate));
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    gate.reached(1).await;
    // The question reaches the coordinator, and the answer nobody: the log does not take the intent.
    mirrored.fleet.nats.freeze(true);
    gate.resume();
    let pushed = || mirrored.destination.log().kind(Kind::ManifestPut).count();
    let uploaded = || mirrored.destination.log().kind(Kind::UploadPut).only(|it| it.end.is_some());
    eventually("all blobs are there", PATIENCE, || uploaded().count() == 3).await;
    tokio::time::sleep(SETTLED).await;
    mirrored.break_link(&proxy).await;
    assert_eq!((pushed(), mirrored.writes("app", "1.0.0")), (0, 0), "nobody said Go");
    mirrored.fleet.nats.freeze(false);
    assert_rows(running.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);
    mirrored.assert_mirrored("app", &["1.0.0"]);
    mirrored.assert_one_row_each().await;
    assert_eq!(mirrored.writes("app", "1.0.0"), 1);
}

#[tokio::test]
async fn a_row_that_is_told_twice_is_one() {
    let (mirrored, proxy) = linked(BEAT).await;
    let gate = Gate::closed();
    let tag = Rule::on(Kind::ManifestPut).reference("1.0.0").first(1);
    mirrored.destination.script(tag, Fault::none().hold_answer(&gate));
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    gate.reached(1).await;
    // The row reaches the coordinator three times, before the log takes any.
    mirrored.fleet.nats.freeze(true);
    gate.resume();
    eventually("the job ends", PATIENCE, || mirrored.fleet.said("worker-0", "job ended") == 1)
        .await;
    for _ in 0..2 {
        tokio::time::sleep(SETTLED / 3).await;
        mirrored.break_link(&proxy).await;
    }
    tokio::time::sleep(SETTLED / 3).await;
    mirrored.fleet.nats.freeze(false);
    assert_rows(running.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);
    mirrored.assert_mirrored("app", &["1.0.0"]);
    mirrored.assert_one_row_each().await;
    assert_eq!(mirrored.writes("app", "1.0.0"), 1);
}

#[tokio::test]
async fn a_job_that_is_delivered_twice_has_one_row() {
    let mut mirrored = Mirrored::by(Fleet::start(1).await);
    mirrored.push("app", &["1.0.0"]);
    mirrored.config("mirror.yaml", &["app"], "");
    // Nothing happens for so long that NATS delivers the job again, to the other worker too.
    let gate = Gate::closed();
    mirrored.source.script(Rule::on(Kind::ManifestGet), Fault::none().hold(&gate));
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    gate.reached(1).await;
    mirrored.fleet.worker(1, &["--concurrency=1"]);
    gate.reached(2).await;
    gate.resume();
    assert_rows(running.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);
    mirrored.assert_mirrored("app", &["1.0.0"]);
    tokio::time::sleep(SETTLED).await;
    mirrored.assert_one_row_each().await;
    assert_eq!(mirrored.writes("app", "1.0.0"), 1);
    assert_eq!(mirrored.losses().await, 0);
}
