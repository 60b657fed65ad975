//! Leaders that die, stand still, or go: another one leads, and the run ends as if nothing had been.

use mirror_proto::Record;

use super::Fleet;
use super::midway::{Midway, assert_blobs_sent_once, assert_undisturbed};
use super::story::Story;

/// Waits until a leader of this many terms leads.
async fn terms(fleet: &Fleet, count: usize) -> Story {
    Story::until(fleet, "another term", |story| story.terms().len() == count).await
}

#[tokio::test]
async fn a_leader_that_is_killed_is_followed_by_the_standby() {
    let mut midway = Midway::of(Fleet::with_standby(2).await).await;
    let leader = midway.mirrored.fleet.take_coordinator(0);
    leader.kill();
    assert_eq!(leader.wait().await.signal(), Some(9));
    terms(&midway.mirrored.fleet, 2).await;
    let (mirrored, finished) = midway.finish().await;
    let story = assert_undisturbed(&mirrored, &finished).await;
    assert_eq!(story.runs().len(), 1, "the stream came back to the same run");
    assert!(!finished.stderr.contains("submitted again"), "{finished}");
    assert_blobs_sent_once(&mirrored);
}

#[tokio::test]
async fn a_leader_that_was_stopped_past_its_term_writes_nothing_more_and_goes() {
    let mut midway = Midway::of(Fleet::with_standby(2).await).await;
    let leader = midway.mirrored.fleet.take_coordinator(0);
    leader.freeze();
    let story = terms(&midway.mirrored.fleet, 2).await;
    let [first, second] = story.terms().try_into().unwrap();
    assert_eq!(second.number, first.number + 1);
    // Commits of the workers, and a run, wait for the one that stands still.
    midway.gate.resume();
    midway.mirrored.push("new", &["1"]);
    midway.mirrored.config("new.yaml", &["new"], "");
    let new = midway.mirrored.fleet.sync("new.yaml").spawn();
    tokio::time::sleep(midway.mirrored.fleet.beat).await;
    leader.thaw();
    let log = midway.mirrored.fleet.binary.folder().join("coordinator-0-0.log");
    leader.wait().await.assert_code(1);
    let log = std::fs::read_to_string(log).unwrap();
    let errors: Vec<&str> = log.lines().filter(|line| line.starts_with('✗')).collect();
    assert_eq!(errors, ["✗ another coordinator leads in its place"]);

    new.wait().await.assert_code(0);
    let (mirrored, finished) = midway.finish().await;
    mirrored.assert_mirrored("new", &["1"]);
    let story = assert_undisturbed(&mirrored, &finished).await;
    let after = story.batches().iter().filter(|batch| batch.sequence > second.sequence);
    let writers: Vec<u64> = after.map(|batch| batch.stamp.writer).collect();
    assert!(!writers.is_empty() && !writers.contains(&first.stamp.writer), "{writers:?}");
    assert_eq!(story.terms().len(), 2, "{:?}", story.terms());
}

#[tokio::test]
async fn a_leader_that_is_asked_to_end_resigns() {
    let mut midway = Midway::of(Fleet::with_standby(2).await).await;
    let leader = midway.mirrored.fleet.take_coordinator(0);
    leader.terminate();
    leader.wait().await.assert_code(0);
    let story = terms(&midway.mirrored.fleet, 2).await;
    let [first, second] = story.terms().try_into().unwrap();
    // Nothing is between the two: the next one has not waited until nothing came any more.
    let last = story.batches().iter().rfind(|batch| batch.sequence < second.sequence).unwrap();
    assert_eq!(last.records, [Record::Resigned { term: first.number }]);
    let (mirrored, finished) = midway.finish().await;
    let story = assert_undisturbed(&mirrored, &finished).await;
    assert_eq!(story.terms().len(), 2);
    assert_blobs_sent_once(&mirrored);
}
