//! What a run may have under way, over all workers.

use mirror_tests::binary::eventually;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use super::{Fleet, Mirrored, PATIENCE, SETTLED};
use crate::requests::pair::assert_rows;

const REPOSITORIES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Returns a fleet of two workers of four slots, and a gate that holds all blobs of eight jobs.
async fn held() -> (Mirrored, Gate) {
    let mut mirrored = Mirrored::by(Fleet::new(1).await);
    mirrored.fleet.coordinator(0, &[]);
    let gate = Gate::closed();
    mirrored.source.script(Rule::on(Kind::BlobGet), Fault::none().hold(&gate));
    for repository in REPOSITORIES {
        mirrored.push(repository, &["1.0.0"]);
    }
    mirrored.config("mirror.yaml", &REPOSITORIES, "");
    for worker in 0..2 {
        mirrored.fleet.worker(worker, &["--concurrency=4"]);
    }
    (mirrored, gate)
}

/// Returns how many jobs are in the middle of their blobs.
fn under_way(mirrored: &Mirrored) -> usize {
    mirrored.source.log().kind(Kind::BlobGet).repositories().len()
}

#[tokio::test]
async fn a_run_has_no_more_copies_under_way_than_it_was_given() {
    let (mirrored, gate) = held().await;
    let sync = mirrored.fleet.sync("mirror.yaml").arg("--concurrency=3").arg("-o").arg("json");
    let running = sync.spawn();
    eventually("three are under way", PATIENCE, || under_way(&mirrored) == 3).await;
    tokio::time::sleep(SETTLED).await;
    assert_eq!(under_way(&mirrored), 3);
    gate.resume();
    let done = running.wait().await;
    for entry in 0..REPOSITORIES.len() {
        assert_rows(done.assert_code(0), entry, &[("1.0.0", "copied")]);
    }
    mirrored.assert_one_row_each().await;
}

#[tokio::test]
async fn without_a_bound_the_slots_of_all_workers_are_one() {
    let (mirrored, gate) = held().await;
    let running = mirrored.fleet.sync("mirror.yaml").spawn();
    eventually("all are under way", PATIENCE, || under_way(&mirrored) == REPOSITORIES.len()).await;
    gate.resume();
    running.wait().await.assert_code(0);
    mirrored.assert_one_row_each().await;
}
