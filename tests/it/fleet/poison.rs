//! A job that brings every worker down that does it.

use mirror_proto::Record;
use mirror_tests::binary::eventually;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use super::{Fleet, Mirrored, PATIENCE, SETTLED};
use crate::requests::pair::{assert_rows, error_of};

#[tokio::test]
async fn a_job_that_crashes_every_worker_fails_alone() {
    let mut mirrored = Mirrored::by(Fleet::new(1).await);
    mirrored.fleet.coordinator(0, &[]);
    let neighbours = ["a", "b", "c"];
    mirrored.push("poison", &["1.0.0"]);
    for repository in neighbours {
        mirrored.push(repository, &["1.0.0"]);
    }
    mirrored.config("mirror.yaml", &["poison", "a", "b", "c"], "");
    // Whoever asks for this blob is done for; its neighbours are in the middle of theirs then.
    let poison = Gate::closed();
    let bytes = image("poison 1.0.0").all_blobs().remove(0);
    let get = Rule::on(Kind::BlobGet).reference(&mirror_tests::digest::sha256(&bytes));
    mirrored.source.script(get, Fault::none().hold(&poison));
    let beside = Gate::closed();
    let is_beside = |name: Option<&str>| name.is_some_and(|name| name != "poison");
    let puts = Rule::on(Kind::UploadPut).matching(move |it| is_beside(it.repository.as_deref()));
    mirrored.destination.script(puts, Fault::none().hold(&beside));
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    let asked = || mirrored.destination.log().only(|it| is_beside(it.repository.as_deref()));
    for crash in 0..3 {
        // Of the requests of workers that are gone, none ends.
        mirrored.destination.clear_log();
        mirrored.fleet.worker(crash, &["--concurrency=4"]);
        poison.reached(crash + 1).await;
        if crash < 2 {
            let uploads = || asked().kind(Kind::UploadPut).repositories().len();
            eventually("all are under way", PATIENCE, || uploads() == neighbours.len()).await;
        } else {
            let before = asked();
            assert_eq!(before.only(|it| it.end.is_none()).count(), 0, "it runs alone\n{before}");
            tokio::time::sleep(SETTLED).await;
            assert_eq!(asked().count(), before.count(), "it runs alone");
        }
        let worker = mirrored.fleet.take_worker(crash);
        worker.kill();
        worker.wait().await;
        // Its jobs are given out again by the loss alone, and not beside it.
        let losses = || mirrored.fleet.said("coordinator-0", "lost a worker");
        eventually("the worker is lost", PATIENCE, || losses() == crash + 1).await;
        if crash == 1 {
            beside.resume();
        }
    }
    mirrored.fleet.worker(3, &["--concurrency=4"]);
    let done = running.wait().await;
    let error = error_of(done.assert_code(1), 0, "1.0.0");
    assert!(error.contains("3 workers were lost while they had this job"), "{error}");
    for (entry, repository) in neighbours.into_iter().enumerate() {
        assert_rows(&done, entry + 1, &[("1.0.0", "copied")]);
        mirrored.assert_mirrored(repository, &["1.0.0"]);
    }
    assert_eq!(poison.held(), 3, "nobody tried it again");
    mirrored.assert_one_row_each().await;
    let lost = mirrored.records(|record| matches!(record, Record::Lost(job) if job.entry.0 == 0));
    assert_eq!(lost.await.len(), 2);
}
