//! Workers that are asked to go: they finish a name, hand back the rest, and nobody counts them as lost.

use mirror_tests::binary::eventually;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use super::{Fleet, Mirrored, PATIENCE};
use crate::requests::pair::assert_rows;

#[tokio::test]
async fn a_worker_that_goes_hands_over_what_it_has() {
    let mut mirrored = Mirrored::by(Fleet::start(1).await);
    mirrored.push("app", &["1.0.0"]);
    mirrored.push("lib", &["1.0.0"]);
    mirrored.config("mirror.yaml", &["app", "lib"], "");
    let gate = Gate::closed();
    for repository in ["app", "lib"] {
        let upload = Rule::on(Kind::UploadPut).repository(repository).first(1);
        mirrored.destination.script(upload, Fault::none().hold(&gate));
    }
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    gate.reached(2).await;
    mirrored.fleet.worker(1, &["--concurrency=2"]);
    let worker = mirrored.fleet.take_worker(0);
    worker.terminate();
    // It does not wait for its uploads: they are still held.
    worker.wait().await.assert_code(0);
    let done = running.wait().await;
    gate.resume();
    assert_rows(done.assert_code(0), 0, &[("1.0.0", "copied")]);
    assert_rows(&done, 1, &[("1.0.0", "copied")]);
    mirrored.assert_mirrored("app", &["1.0.0"]);
    mirrored.assert_mirrored("lib", &["1.0.0"]);
    mirrored.assert_one_row_each().await;
    assert_eq!(mirrored.losses().await, 0);
}

#[tokio::test]
async fn a_worker_that_goes_finishes_the_name_that_it_writes() {
    let mut mirrored = Mirrored::by(Fleet::start_calm(1).await);
    mirrored.push("app", &["1.0.0"]);
    mirrored.config("mirror.yaml", &["app"], "");
    let gate = Gate::closed();
    let last = Rule::on(Kind::ManifestPut).repository("app").reference("1.0.0").nth(1);
    let held = Fault::none().hold_answer(&gate);
    mirrored.destination.script(last, held);
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    gate.reached(1).await;
    let worker = mirrored.fleet.take_worker(0);
    worker.terminate();
    let fleet = &mirrored.fleet;
    eventually("it goes", PATIENCE, || fleet.said("worker-0", "draining") == 1).await;
    gate.resume();
    worker.wait().await.assert_code(0);
    assert_rows(running.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);
    assert_eq!(mirrored.writes("app", "1.0.0"), 1);
    mirrored.assert_mirrored("app", &["1.0.0"]);
    mirrored.assert_one_row_each().await;
    assert_eq!(mirrored.losses().await, 0);
}
