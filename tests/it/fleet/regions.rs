//! Jobs that no worker takes: their rows say why, and all others go on.

use mirror_tests::scripted::ScriptedRegistry;

use super::{Fleet, Mirrored};
use crate::requests::pair::{assert_rows, error_of};

#[tokio::test]
async fn a_region_without_a_worker_fails_and_others_go_on() {
    let far = ScriptedRegistry::plain();
    let mut mirrored = Mirrored::by(Fleet::new(1).await);
    let region = format!("--region-for={}=far-away", far.host());
    mirrored.fleet.coordinator(0, &["--schedule-timeout=2s", &region]);
    mirrored.fleet.worker(0, &["--concurrency=2"]);
    mirrored.push("app", &["1.0.0", "1.1.0"]);
    mirrored.config("mirror.yaml", &["app", "app"], "");
    let config = mirrored.fleet.binary.folder().join("mirror.yaml");
    let config = std::fs::read_to_string(config).unwrap();
    // The first of the two entries goes to the other region.
    let moved = config.replacen(&mirrored.destination.host(), &far.host(), 1);
    mirrored.fleet.binary.write("mirror.yaml", moved);
    mirrored.fleet.linked(0).await;
    let done = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").run().await;
    done.assert_code(1);
    for tag in ["1.0.0", "1.1.0"] {
        let error = error_of(&done, 0, tag);
        assert!(error.contains("no worker for region far-away"), "{error}");
    }
    assert_rows(&done, 1, &[("1.1.0", "copied"), ("1.0.0", "copied")]);
    mirrored.assert_mirrored("app", &["1.0.0", "1.1.0"]);
    assert_eq!(far.store().tags("app"), [""; 0]);
    mirrored.assert_one_row_each().await;
}

#[tokio::test]
async fn a_worker_that_comes_in_time_does_what_waits() {
    let mut mirrored = Mirrored::by(Fleet::new(1).await);
    let region = format!("--region-for={}=far-away", mirrored.destination.host());
    mirrored.fleet.coordinator(0, &["--schedule-timeout=1m", &region]);
    mirrored.fleet.worker(0, &["--concurrency=2"]);
    mirrored.push("app", &["1.0.0"]);
    mirrored.config("mirror.yaml", &["app"], "");
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    tokio::time::sleep(super::SETTLED).await;
    assert_eq!(mirrored.destination.store().tags("app"), [""; 0], "its region has no worker");
    mirrored.fleet.worker(1, &["--region=far-away"]);
    assert_rows(running.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);
    mirrored.assert_one_row_each().await;
}

#[tokio::test]
async fn a_job_that_no_worker_may_write_fails_and_others_go_on() {
    let mut mirrored = Mirrored::by(Fleet::new(1).await);
    mirrored.fleet.coordinator(0, &["--schedule-timeout=2s"]);
    let allowed = format!("--allow-destination={}/ours", mirrored.destination.host());
    mirrored.fleet.worker(0, &["--concurrency=2", &allowed]);
    mirrored.fleet.worker(1, &["--concurrency=2", &allowed]);
    mirrored.fleet.linked(0).await;
    mirrored.fleet.linked(1).await;
    mirrored.push("theirs/app", &["1.0.0"]);
    mirrored.push("ours/app", &["1.0.0"]);
    mirrored.config("mirror.yaml", &["theirs/app", "ours/app"], "");
    let done = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").run().await;
    let error = error_of(done.assert_code(1), 0, "1.0.0");
    let expected = "no worker for region default takes this job: none may write there";
    assert!(error.contains(expected), "{error}");
    assert_rows(&done, 1, &[("1.0.0", "copied")]);
    mirrored.assert_mirrored("ours/app", &["1.0.0"]);
    assert_eq!(mirrored.destination.store().tags("theirs/app"), [""; 0]);
    mirrored.assert_one_row_each().await;
}

#[tokio::test]
async fn a_job_goes_to_the_worker_that_may_write_it() {
    let mut mirrored = Mirrored::by(Fleet::new(1).await);
    mirrored.fleet.coordinator(0, &["--schedule-timeout=20s"]);
    let host = mirrored.destination.host();
    for (index, team) in ["red", "blue"].into_iter().enumerate() {
        let allowed = format!("--allow-destination={host}/{team}");
        mirrored.fleet.worker(index, &["--concurrency=2", &allowed]);
        mirrored.push(&format!("{team}/app"), &["1.0.0"]);
    }
    mirrored.config("mirror.yaml", &["red/app", "blue/app"], "");
    let done = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").run().await;
    for entry in 0..2 {
        assert_rows(done.assert_code(0), entry, &[("1.0.0", "copied")]);
    }
    mirrored.assert_one_row_each().await;
    assert_eq!(mirrored.losses().await, 0);
}
