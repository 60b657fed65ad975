//! Workers that were stopped on their way to a name, and go on once their permission is over.

use mirror_proto::Record;
use mirror_tests::binary::{Running, eventually};
use mirror_tests::proxy::{Proxy, ProxyOptions};
use mirror_tests::sample::image;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use super::{Fleet, Mirrored, PATIENCE, SETTLED};
use crate::requests::pair::assert_rows;

/// Starts a run on one worker, whose link goes through a proxy, and stops the worker after it was allowed
/// to write the tag: while the registry holds its last look. The answer waits for it.
async fn stopped() -> (Mirrored, Proxy, Running) {
    let mut mirrored = Mirrored::by(Fleet::new(1).await);
    mirrored.fleet.coordinator(0, &[]);
    let proxy = Proxy::start(&mirrored.fleet.host(0), ProxyOptions::default());
    mirrored.fleet.worker_of(0, &format!("http://{}", proxy.host()), &["--concurrency=2"]);
    mirrored.push("app", &["1.0.0"]);
    mirrored.config("mirror.yaml", &["app"], "");
    let gate = Gate::closed();
    // The first look is the coordinator's.
    let last = Rule::on(Kind::ManifestHead).repository("app").reference("1.0.0").nth(2);
    mirrored.destination.script(last, Fault::none().hold_answer(&gate));
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    gate.reached(1).await;
    assert_eq!(intents(&mirrored).await, 1);
    mirrored.fleet.the_worker(0).freeze();
    gate.resume();
    (mirrored, proxy, running)
}

async fn intents(mirrored: &Mirrored) -> usize {
    mirrored.records(|record| matches!(record, Record::Intent(_))).await.len()
}

/// Lets the worker go on: at first with what it knew, then with what it is told.
async fn go_on(mirrored: &Mirrored, proxy: &Proxy) {
    let writes = mirrored.writes("app", "1.0.0");
    mirrored.fleet.the_worker(0).thaw();
    tokio::time::sleep(SETTLED).await;
    assert_eq!(mirrored.writes("app", "1.0.0"), writes, "nobody has told it anything");
    proxy.resume();
    let ended = || mirrored.fleet.said("worker-0", "job ended");
    eventually("the worker is told", PATIENCE, || ended() > 0).await;
    tokio::time::sleep(SETTLED).await;
    assert_eq!(mirrored.writes("app", "1.0.0"), writes);
}

#[tokio::test]
async fn a_worker_that_was_replaced_writes_no_name() {
    let (mut mirrored, proxy, running) = stopped().await;
    // What the coordinator says meanwhile does not reach it.
    proxy.pause();
    mirrored.fleet.worker(1, &["--concurrency=2"]);
    assert_rows(running.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);
    assert_eq!(mirrored.writes("app", "1.0.0"), 1);
    go_on(&mirrored, &proxy).await;
    mirrored.assert_mirrored("app", &["1.0.0"]);
    mirrored.assert_one_row_each().await;
}

#[tokio::test]
async fn what_a_newer_run_wrote_meanwhile_stays() {
    let (mut mirrored, proxy, running) = stopped().await;
    // What the coordinator says meanwhile does not reach it.
    proxy.pause();
    mirrored.fleet.worker(1, &["--concurrency=2"]);
    assert_rows(running.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);
    let newer = image("newer");
    mirrored.source.store().push("app", "1.0.0", &newer);
    let newer_run = mirrored.fleet.sync("mirror.yaml").arg("--overwrite").arg("-o").arg("json");
    assert_rows(newer_run.run().await.assert_code(0), 0, &[("1.0.0", "overwritten")]);
    go_on(&mirrored, &proxy).await;
    mirrored.destination.store().assert_holds("app", "1.0.0", &newer);
    assert_eq!(mirrored.writes("app", "1.0.0"), 2);
    mirrored.assert_one_row_each().await;
}

#[tokio::test]
async fn a_permission_that_is_over_is_asked_for_anew() {
    let (mirrored, _proxy, running) = stopped().await;
    // A permission lasts 2.5 beats; a worker is lost after 7.5.
    tokio::time::sleep(mirrored.fleet.beat * 4).await;
    assert_eq!(mirrored.writes("app", "1.0.0"), 0);
    mirrored.fleet.the_worker(0).thaw();
    assert_rows(running.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);
    assert_eq!(mirrored.writes("app", "1.0.0"), 1);
    assert!(intents(&mirrored).await >= 2);
    mirrored.assert_mirrored("app", &["1.0.0"]);
    mirrored.assert_one_row_each().await;
}
