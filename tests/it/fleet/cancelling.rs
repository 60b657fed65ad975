//! Cancelling: no name is written that was not allowed before, and the report comes once those who
//! copy have answered.

use mirror_proto::Record;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use super::midway::Midway;
use super::story::{Story, text};
use super::{Fleet, Mirrored, statuses};

/// The rows of a run that was cancelled in its middle.
const CANCELLED: [&str; 5] =
    ["0.1.0 failed", "0.2.0 failed", "0.3.0 failed", "1.0.0 copied", "1.1.0 copied"];

/// Returns the names that were asked to be written, in order.
fn names(mirrored: &Mirrored) -> Vec<String> {
    let puts = mirrored.destination.log().kind(Kind::ManifestPut);
    let names = puts.entries().iter().filter_map(|entry| {
        let reference = entry.reference.as_deref().filter(|name| !name.contains(':'))?;
        Some(format!("{}:{reference}", entry.repository.as_deref().unwrap_or_default()))
    });
    names.collect()
}

/// Waits until the workers have ended: whatever they had under way is over.
async fn end_workers(mirrored: &mut Mirrored, workers: usize) {
    for worker in 0..workers {
        let worker = mirrored.fleet.take_worker(worker);
        worker.terminate();
        worker.wait().await.assert_code(0);
    }
}

/// Asserts that nobody was allowed to write a name once the cancellation was in the log.
#[track_caller]
fn assert_nothing_allowed_after(story: &Story) {
    let records: Vec<&Record> = story.of_run(story.runs()[0]).collect();
    let is_cancelled = |record: &&Record| matches!(record, Record::Cancelled);
    let at = records.iter().position(is_cancelled).expect("it was cancelled");
    assert!(!records[at..].iter().any(|record| matches!(record, Record::Intent(_))), "{records:?}");
    assert_eq!(records.into_iter().filter(is_cancelled).count(), 1);
}

#[tokio::test]
async fn a_cancelled_run_reports_at_once_and_writes_no_name_any_more() {
    let midway = Midway::of(Fleet::start(2).await).await;
    let Midway { mut mirrored, gate, sync, run } = midway;
    let id = text(run);
    for _ in 0..2 {
        let cancelled = mirrored.fleet.runs(&["cancel", &id]).run().await;
        cancelled.assert_code(0);
        assert!(cancelled.stdout.starts_with(&format!("run {id} is ")), "{cancelled}");
        assert!(!cancelled.stdout.contains("had ended"), "{cancelled}");
    }
    // Blobs are held still: the report does not wait for them.
    let finished = sync.wait().await;
    finished.assert_code(1);
    assert_eq!(statuses(&finished.json()), CANCELLED);
    assert_eq!(finished.stdout.matches("\"cancelled\"").count(), 3, "{finished}");
    let ended = mirrored.fleet.runs(&["cancel", &id, "-o", "json"]).run().await;
    assert_eq!(ended.assert_code(0).json()["state"], "cancelled");

    gate.resume();
    end_workers(&mut mirrored, 2).await;
    assert!(names(&mirrored).iter().all(|name| name.starts_with("app:")), "{:?}", names(&mirrored));
    let story = Story::of(&mirrored.fleet).await;
    assert_nothing_allowed_after(&story);
    story.assert_whole();
    story.assert_led_by_one();
}

#[tokio::test]
async fn a_name_that_was_allowed_before_the_cancellation_is_the_last() {
    let mut mirrored = Mirrored::by(Fleet::start(1).await);
    mirrored.push("app", &["1.0.0", "1.1.0", "2.0.0", "2.1.0"]);
    mirrored.config("mirror.yaml", &["app"], "");
    let gate = Gate::closed();
    let is_name = |request: &mirror_tests::scripted::Request| !request.reference().contains(':');
    let puts = Rule::on(Kind::ManifestPut).matching(is_name);
    mirrored.destination.script(puts, Fault::none().hold(&gate));
    let sync = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    gate.reached(2).await;
    let run = text(Story::of(&mirrored.fleet).await.runs()[0]);
    mirrored.fleet.runs(&["cancel", &run]).run().await.assert_code(0);
    let finished = sync.wait().await;
    finished.assert_code(1);
    let story = Story::of(&mirrored.fleet).await;
    assert_nothing_allowed_after(&story);
    story.assert_whole();

    // Whoever had them has answered: what comes now would come too late.
    let before = names(&mirrored);
    gate.resume();
    end_workers(&mut mirrored, 1).await;
    assert_eq!(names(&mirrored), before);
    let allowed = story.count(|record| matches!(record, Record::Intent(_)));
    assert!(before.len() <= allowed, "{before:?}, {allowed} allowed");
}

#[tokio::test]
async fn a_cancellation_outlives_its_leader() {
    let Midway { mut mirrored, gate, sync, run } = Midway::of(Fleet::with_standby(2).await).await;
    // The workers stand still: nobody answers before there is another leader.
    (0..2).for_each(|worker| mirrored.fleet.the_worker(worker).freeze());
    mirrored.fleet.runs(&["cancel", &text(run)]).run().await.assert_code(0);
    let leader = mirrored.fleet.take_coordinator(0);
    leader.kill();
    leader.wait().await;
    Story::until(&mirrored.fleet, "another term", |story| story.terms().len() == 2).await;
    (0..2).for_each(|worker| mirrored.fleet.the_worker(worker).thaw());
    gate.resume();
    let finished = sync.wait().await;
    finished.assert_code(1);
    assert_eq!(statuses(&finished.json()), CANCELLED);
    end_workers(&mut mirrored, 2).await;
    assert!(names(&mirrored).iter().all(|name| name.starts_with("app:")), "{:?}", names(&mirrored));
    let story = Story::of(&mirrored.fleet).await;
    assert_nothing_allowed_after(&story);
    story.assert_whole();
    story.assert_led_by_one();
}

#[tokio::test]
async fn what_cannot_be_cancelled_is_said() {
    let mirrored = Mirrored::by(Fleet::start(1).await);
    mirrored.push("app", &["1.0.0"]);
    mirrored.config("mirror.yaml", &["app"], "");
    mirrored.fleet.sync("mirror.yaml").run().await.assert_code(0);
    let run = text(Story::of(&mirrored.fleet).await.runs()[0]);
    let ended = mirrored.fleet.runs(&["cancel", &run]).run().await;
    ended.assert_code(0);
    assert_eq!(ended.stdout, format!("run {run} had ended before, nothing was cancelled\n"));
    let unknown = "01JZ8Q4T7M3V5X9B2C6D8E0F1G";
    let unknown = mirrored.fleet.runs(&["cancel", unknown]).run().await;
    unknown.assert_code(1);
    assert!(unknown.stderr.contains("is not known"), "{unknown}");
    let wrong = mirrored.fleet.runs(&["cancel", "nonsense"]).run().await;
    assert!(wrong.code().is_some_and(|code| code != 0), "{wrong}");
    assert!(wrong.stderr.contains("nonsense"), "{wrong}");
    let story = Story::of(&mirrored.fleet).await;
    assert_eq!(story.count(|record| matches!(record, Record::Cancelled)), 0);
}

#[tokio::test]
async fn ctrl_c_cancels_what_the_process_has_submitted() {
    let Midway { mut mirrored, gate, sync, .. } = Midway::of(Fleet::start(2).await).await;
    sync.interrupt();
    let finished = sync.wait().await;
    finished.assert_code(1);
    assert_eq!(statuses(&finished.json()), CANCELLED);
    gate.resume();
    end_workers(&mut mirrored, 2).await;
    assert_nothing_allowed_after(&Story::of(&mirrored.fleet).await);
    assert!(names(&mirrored).iter().all(|name| name.starts_with("app:")), "{:?}", names(&mirrored));
}
