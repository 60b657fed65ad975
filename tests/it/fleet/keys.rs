//! Keys that find a run again, and runs that are left to the fleet.

use mirror_proto::Record;
use mirror_tests::binary::{Call, eventually};

use super::midway::{Midway, assert_undisturbed};
use super::story::{Story, text};
use super::{Fleet, Mirrored, PATIENCE, comparable};

/// The key, as it is given.
const KEY: [&str; 2] = ["--idempotency-key", "nightly"];

#[tokio::test]
async fn a_key_finds_the_run_and_no_other_body() {
    let midway = Midway::with(Fleet::start(2).await, &KEY).await;
    let fleet = &midway.mirrored.fleet;
    let again = |config: &str| KEY.iter().fold(fleet.sync(config), Call::arg);
    let second = again("mirror.yaml").arg("-o").arg("json").spawn();
    midway.mirrored.config("other.yaml", &["app"], "");
    let other = again("other.yaml").run().await;
    other.assert_code(1);
    let said = format!("the idempotency key belongs to run {}", text(midway.run));
    assert!(other.stderr.contains(&said), "{other}");

    // Whoever found the run by its key does not end it.
    let third = again("mirror.yaml").spawn();
    let is_known = || third.stderr_so_far().contains("the idempotency key is known");
    eventually("it has found the run", PATIENCE, is_known).await;
    third.interrupt();
    let third = third.wait().await;
    third.assert_code(130);
    assert!(third.stderr.contains("the run goes on"), "{third}");

    let (mirrored, finished) = midway.finish().await;
    let second = second.wait().await;
    second.assert_code(0);
    assert!(second.stderr.contains("the idempotency key is known"), "{second}");
    assert_eq!(comparable(&second.json()), comparable(&finished.json()));
    // Also a while after its end.
    let fleet = &mirrored.fleet;
    let late = KEY.iter().fold(fleet.sync("mirror.yaml"), Call::arg);
    let late = late.arg("-o").arg("json").run().await;
    late.assert_code(0);
    assert_eq!(comparable(&late.json()), comparable(&finished.json()));
    let story = assert_undisturbed(&mirrored, &finished).await;
    assert_eq!(story.runs().len(), 1);
}

#[tokio::test]
async fn a_run_that_was_left_to_the_fleet_goes_on() {
    let mirrored = Mirrored::by(Fleet::start(1).await);
    mirrored.push("app", &["1.0.0", "1.1.0"]);
    mirrored.config("mirror.yaml", &["app"], "");
    let detached = mirrored.fleet.sync("mirror.yaml").arg("--detach").run().await;
    detached.assert_code(0);
    let run = detached.stdout.trim();
    let watched = mirrored.fleet.runs(&["watch", run, "--no-progress"]).run().await;
    watched.assert_code(0);
    assert!(watched.stdout.contains("Summary: 2 copied in "), "{watched}");
    mirrored.assert_mirrored("app", &["1.0.0", "1.1.0"]);
    let story = Story::of(&mirrored.fleet).await;
    assert_eq!(story.runs().into_iter().map(text).collect::<Vec<_>>(), [run]);
    assert_eq!(story.count(|record| matches!(record, Record::Cancelled)), 0);
    story.assert_whole();
}
