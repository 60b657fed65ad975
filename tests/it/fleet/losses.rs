//! Workers that are lost in the middle of a blob, and those that only seem to be.

use mirror_tests::binary::{Running, eventually};
use mirror_tests::sample::{Image, noise};
use mirror_tests::scripted::{At, Fault, Gate, Kind, Rule, Stop};

use super::{Fleet, Mirrored, PATIENCE};
use crate::requests::pair::assert_rows;

/// A layer that does not leave the source in one piece.
const LARGE: usize = 1 << 20;

/// Loses the worker that is in the middle of a blob; once that is known, another one comes. Returns the
/// losses of the job.
async fn lose(how: impl Fn(&Running)) -> usize {
    let mut mirrored = Mirrored::by(Fleet::start(1).await);
    let layer = noise("large", LARGE);
    let image = Image::new().layer(layer.clone()).build();
    mirrored.source.store().push("app", "1.0.0", &image);
    let digest = mirror_tests::digest::sha256(&layer);
    let get = Rule::on(Kind::BlobGet).reference(&digest).nth(1);
    let half = Fault::none().stop(At::Body(LARGE / 2), Stop::Hang);
    let halted = mirrored.source.script(get, half);
    mirrored.config("mirror.yaml", &["app"], "");
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    let is_upload = |kind| [Kind::UploadPut, Kind::UploadPatch].contains(&kind);
    eventually("the blob is on its way", PATIENCE, || {
        halted.fired() == 1 && mirrored.destination.log().only(|it| is_upload(it.kind)).count() > 0
    })
    .await;
    how(mirrored.fleet.the_worker(0));
    let lost = || mirrored.fleet.said("coordinator-0", "lost a worker");
    eventually("the worker is lost", PATIENCE, || lost() == 1).await;
    mirrored.fleet.worker(1, &["--concurrency=2"]);
    let done = running.wait().await;
    assert_rows(done.assert_code(0), 0, &[("1.0.0", "copied")]);
    mirrored.destination.store().assert_holds("app", "1.0.0", &image);
    mirrored.destination.store().assert_whole();
    mirrored.assert_one_row_each().await;
    assert_eq!(mirrored.writes("app", "1.0.0"), 1);
    assert_eq!(mirrored.fleet.said("coordinator-0", "lost a worker"), 1);
    mirrored.losses().await
}

#[tokio::test]
async fn what_a_killed_worker_had_is_done_elsewhere() {
    assert_eq!(lose(Running::kill).await, 1);
}

#[tokio::test]
async fn what_a_silent_worker_had_is_done_elsewhere() {
    assert_eq!(lose(Running::freeze).await, 1);
}

#[tokio::test]
async fn an_idle_worker_and_one_that_waits_are_not_lost() {
    let mirrored = Mirrored::by(Fleet::start(1).await);
    let links = || mirrored.fleet.said("worker-0", "link up");
    eventually("the worker is there", PATIENCE, || links() == 1).await;
    // Silence for 7.5 beats is a loss.
    tokio::time::sleep(mirrored.fleet.beat * 15).await;
    mirrored.push("app", &["1.0.0"]);
    let gate = Gate::closed();
    mirrored.source.script(Rule::on(Kind::BlobGet), Fault::none().hold(&gate));
    mirrored.config("mirror.yaml", &["app"], "");
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    gate.reached(1).await;
    tokio::time::sleep(mirrored.fleet.beat * 15).await;
    gate.resume();
    assert_rows(running.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);
    mirrored.assert_mirrored("app", &["1.0.0"]);
    mirrored.assert_one_row_each().await;
    assert_eq!(mirrored.fleet.said("coordinator-0", "lost a worker"), 0);
    assert_eq!((mirrored.losses().await, links()), (0, 1));
}
