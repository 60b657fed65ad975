//! NATS goes and comes back, with what it stored or without: runs end, with the rows that they would
//! have had.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::midway::{Midway, assert_undisturbed};
use super::story::{Story, text};
use super::{Fleet, statuses};

/// Deletes a stream, as an operator's mistake does.
async fn delete(fleet: &Fleet, stream: &str) {
    let connection = TcpStream::connect(fleet.nats.host()).await.expect("NATS listens");
    let mut connection = BufReader::new(connection);
    let call = format!(
        "CONNECT {{\"verbose\":false}}\r\nSUB answer 1\r\nPUB $JS.API.STREAM.DELETE.{stream} answer 0\r\n\r\n"
    );
    connection.write_all(call.as_bytes()).await.expect("NATS reads");
    let mut line = String::new();
    while !line.contains("\"success\"") {
        line.clear();
        connection.read_line(&mut line).await.expect("NATS answers");
        assert!(!line.is_empty() && !line.contains("\"error\""), "{line}");
    }
}

#[tokio::test]
async fn a_run_goes_on_when_nats_is_back() {
    let mut midway = Midway::of(Fleet::start(2).await).await;
    midway.mirrored.fleet.nats.kill();
    midway.gate.resume();
    tokio::time::sleep(midway.mirrored.fleet.beat).await;
    midway.mirrored.fleet.nats.restart().await;
    let (mirrored, finished) = midway.finish().await;
    let story = assert_undisturbed(&mirrored, &finished).await;
    assert_eq!(story.terms().len(), 1, "the leader stayed");
}

#[tokio::test]
async fn a_job_stream_that_is_lost_is_made_and_filled_again() {
    let midway = Midway::of(Fleet::start(2).await).await;
    delete(&midway.mirrored.fleet, "FM_JOBS_default").await;
    let (mirrored, finished) = midway.finish().await;
    let story = assert_undisturbed(&mirrored, &finished).await;
    assert_eq!(story.terms().len(), 1, "the leader stayed");
}

#[tokio::test]
async fn a_log_that_is_lost_is_written_again_from_memory() {
    let midway = Midway::of(Fleet::start(2).await).await;
    let before = midway.mirrored.fleet.log().await;
    delete(&midway.mirrored.fleet, "FM_RUNLOG").await;
    let run = midway.run;
    let (mirrored, finished) = midway.finish().await;
    let story = assert_undisturbed(&mirrored, &finished).await;
    assert_eq!(story.runs(), [run], "it is the same run");
    assert!(!finished.stderr.contains("submitted again"), "{finished}");
    let writers = [&before, story.batches()].map(|batches| batches[0].stamp.writer);
    assert_eq!(writers[0], writers[1], "the leader stayed");
}

#[tokio::test]
async fn a_store_that_is_lost_is_filled_again_by_the_leader() {
    let mut midway = Midway::of(Fleet::start(2).await).await;
    midway.mirrored.fleet.nats.wipe().await;
    let run = midway.run;
    let (mirrored, finished) = midway.finish().await;
    let story = assert_undisturbed(&mirrored, &finished).await;
    assert_eq!(story.runs(), [run], "it is the same run");
    assert!(!finished.stderr.contains("submitted again"), "{finished}");
}

#[tokio::test]
async fn a_run_that_was_lost_with_its_leader_is_submitted_again() {
    let mut midway = Midway::of(Fleet::start(2).await).await;
    let leader = midway.mirrored.fleet.take_coordinator(0);
    leader.kill();
    leader.wait().await;
    midway.mirrored.fleet.nats.wipe().await;
    midway.mirrored.fleet.coordinator(0, &[]);
    let run = midway.run;
    let (mirrored, finished) = midway.finish().await;
    finished.assert_code(0);
    let story = Story::of(&mirrored.fleet).await;
    let [again] = story.runs().try_into().unwrap();
    assert_ne!(run, again);
    let said = format!("the fleet has lost run {}, it is submitted again: run {}", text(run), text(again));
    assert!(finished.stderr.contains(&said), "{finished}");
    story.assert_whole();
    story.assert_led_by_one();
    // What the lost run had written is there already.
    let expected = [
        "0.1.0 copied",
        "0.2.0 copied",
        "0.3.0 copied",
        "1.0.0 skipped",
        "1.1.0 skipped",
    ];
    assert_eq!(statuses(&finished.json()), expected);
    mirrored.assert_mirrored("app", &["1.0.0", "1.1.0"]);
    mirrored.assert_mirrored("lib", &["0.1.0", "0.2.0", "0.3.0"]);
}
