//! The work queue of a region, from both ends, against a real server.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod insist;

use std::time::Duration;

use bytes::Bytes;
use mirror_model::{EntryIndex, JobId, RunId};
use mirror_queue::{
    Delivery, Depth, JobStream, JobStreamOptions, Nats, NatsOptions, Pull, QueueError, Region,
};
use mirror_tests::nats;

use insist::insist;

const OPTIONS: JobStreamOptions =
    JobStreamOptions { replicas: 1, ack_wait: Duration::from_secs(30) };
const SOON: Duration = Duration::from_millis(300);
const LATER: Duration = Duration::from_secs(15);

fn region() -> Region {
    "eu".parse().unwrap()
}

fn job(row: usize) -> JobId {
    JobId { entry: EntryIndex(0), row }
}

async fn connect(server: &nats::Nats) -> Nats {
    let options =
        NatsOptions { servers: server.url(), name: "test".to_owned(), ..NatsOptions::default() };
    Nats::connect(options).await.unwrap()
}

/// Opens both ends.
async fn open(server: &nats::Nats, options: JobStreamOptions) -> (JobStream, Pull) {
    let nats = connect(server).await;
    let queue = JobStream::open(&nats, &region(), options).await.unwrap();
    let pull = Pull::open(&connect(server).await, &region()).await.unwrap();
    (queue, pull)
}

async fn publish(queue: &JobStream, row: usize) -> u64 {
    let message = Bytes::from(format!("job {row}"));
    queue.publish(RunId(1), job(row), 1, row == 0, message).await.unwrap().sequence
}

/// Pulls until so many have come.
async fn pulled(pull: &Pull, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    while all.len() < count {
        let more = insist(async || pull.next(count - all.len(), LATER).await).await;
        assert!(!more.is_empty(), "{} of {count} came", all.len());
        all.extend(more);
    }
    all
}

async fn depth(queue: &JobStream) -> (u64, u64) {
    let Depth { pending, ack_pending } = queue.depth().await.unwrap();
    (pending, ack_pending)
}

#[tokio::test]
async fn a_job_is_published_pulled_and_done() {
    let server = nats::Nats::start().await;
    let (queue, pull) = open(&server, OPTIONS).await;
    assert!(pull.next(3, SOON).await.unwrap().is_empty());
    assert!(pull.next(0, SOON).await.unwrap().is_empty());
    for row in 0..5 {
        assert_eq!(publish(&queue, row).await, row as u64 + 1);
    }
    let taken = pulled(&pull, 3).await;
    let texts: Vec<_> = taken.iter().map(|one| (&one.message[..], one.alone)).collect();
    assert_eq!(texts, [(&b"job 0"[..], true), (&b"job 1"[..], false), (&b"job 2"[..], false)]);
    assert_eq!(depth(&queue).await, (2, 3));
    for one in &taken {
        one.in_progress().await.unwrap();
        one.ack().await.unwrap();
    }
    assert_eq!(depth(&queue).await, (2, 0));
    // An ack of what is acknowledged already is answered too.
    taken[0].ack().await.unwrap();
    pulled(&pull, 2).await;
    assert_eq!(depth(&queue).await, (0, 2));
}

#[tokio::test]
async fn a_waiting_worker_gets_a_job_and_those_beside_it() {
    let server = nats::Nats::start().await;
    let (queue, pull) = open(&server, OPTIONS).await;
    let waiting = tokio::spawn(async move { pull.next(4, LATER).await.unwrap().len() });
    tokio::time::sleep(SOON).await;
    publish(&queue, 0).await;
    assert_eq!(waiting.await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_given_back_comes_again_and_what_is_ended_does_not() {
    let server = nats::Nats::start().await;
    let (queue, pull) = open(&server, OPTIONS).await;
    publish(&queue, 0).await;
    publish(&queue, 1).await;
    let taken = pulled(&pull, 2).await;
    taken[0].give_back().await.unwrap();
    taken[1].end().await.unwrap();
    let again = pulled(&pull, 1).await;
    assert_eq!(again[0].message, taken[0].message);
    again[0].ack().await.unwrap();
    assert_eq!(depth(&queue).await, (0, 0));
}

#[tokio::test]
async fn a_silent_workers_job_comes_again() {
    let server = nats::Nats::start().await;
    let options = JobStreamOptions { ack_wait: Duration::from_secs(1), ..OPTIONS };
    let (queue, pull) = open(&server, options).await;
    publish(&queue, 0).await;
    let first = pulled(&pull, 1).await;
    let again = pulled(&pull, 1).await;
    assert_eq!(again[0].message, first[0].message);
}

#[tokio::test]
async fn a_number_is_stored_once() {
    let server = nats::Nats::start().await;
    let (queue, _pull) = open(&server, OPTIONS).await;
    let text = Bytes::from_static(b"job");
    let first = queue.publish(RunId(1), job(0), 1, false, text.clone()).await.unwrap();
    let other = queue.publish(RunId(1), job(0), 2, false, text.clone()).await.unwrap();
    let again = queue.publish(RunId(1), job(0), 1, false, text).await.unwrap();
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert_eq!(depth(&queue).await, (2, 0));
}

#[tokio::test]
async fn the_queue_knows_what_it_holds() {
    let mut server = nats::Nats::start().await;
    let (queue, pull) = open(&server, OPTIONS).await;
    let text = Bytes::from_static(b"job");
    let done = queue.publish(RunId(1), job(0), 1, false, text.clone()).await.unwrap();
    let kept = queue.publish(RunId(1), job(1), 1, false, text).await.unwrap();
    pulled(&pull, 1).await[0].ack().await.unwrap();
    assert!(!queue.holds(done).await.unwrap());
    assert!(queue.holds(kept).await.unwrap());
    queue.remove(kept).await.unwrap();
    queue.remove(kept).await.unwrap();
    assert!(!queue.holds(kept).await.unwrap());

    let created = queue.created().await.unwrap().unwrap();
    server.wipe().await;
    assert!(!insist(async || queue.holds(kept).await).await);
    assert_eq!(queue.created().await.unwrap(), None);
    let lost = queue.depth().await.unwrap_err();
    assert!(matches!(lost, QueueError::Absent { .. }), "{lost}");
    let text = Bytes::from_static(b"job");
    let lost = queue.publish(RunId(1), job(2), 1, false, text).await.unwrap_err();
    assert!(matches!(lost, QueueError::Absent { .. }), "{lost}");
    let lost = pull.next(1, SOON).await.unwrap_err();
    assert!(lost.retry(), "{lost}");
    queue.make().await.unwrap();
    assert_ne!(queue.created().await.unwrap().unwrap(), created);
    publish(&queue, 0).await;
    pulled(&pull, 1).await;
}

#[tokio::test]
async fn a_restarted_server_goes_on_with_all_of_it() {
    let mut server = nats::Nats::start().await;
    let (queue, pull) = open(&server, OPTIONS).await;
    publish(&queue, 0).await;
    publish(&queue, 1).await;
    let taken = pulled(&pull, 1).await;
    let waiting = {
        let pull = pull.clone();
        // Takes the other message, and waits for a third.
        pulled(&pull, 1).await;
        tokio::spawn(async move { pull.next(1, LATER).await })
    };
    tokio::time::sleep(SOON).await;
    server.kill();
    let broken = waiting.await.unwrap().unwrap_err();
    assert!(broken.retry(), "{broken}");
    assert!(taken[0].give_back().await.is_err());
    server.restart().await;
    insist(async || taken[0].ack().await).await;
    insist(async || queue.created().await).await;
    publish(&queue, 2).await;
    // What a server knew of who has what may be lost in a crash: then that comes again.
    loop {
        let next = pulled(&pull, 1).await;
        match &next[0].message[..] {
            b"job 1" => {}
            message => break assert_eq!(message, b"job 2"),
        }
    }
    assert_eq!(depth(&queue).await, (0, 2));
}

#[tokio::test]
async fn a_message_that_is_too_long_is_told_from_others() {
    let server = nats::Nats::start().await;
    let (queue, _pull) = open(&server, OPTIONS).await;
    let long = Bytes::from(vec![b'x'; 2 * 1024 * 1024]);
    let error = queue.publish(RunId(1), job(0), 1, false, long).await.unwrap_err();
    assert!(matches!(error, QueueError::TooLarge { size_bytes: 2_097_152, .. }), "{error}");
    let allowed = Bytes::from(vec![b'x'; 1_000_000]);
    queue.publish(RunId(1), job(0), 2, true, allowed).await.unwrap();
}

#[tokio::test]
async fn a_full_server_is_told_from_others() {
    let config = "jetstream { store_dir: $STORE, max_file: 1MB, max_mem: 1MB }";
    let server = nats::Nats::start_with(config).await;
    let (queue, _pull) = open(&server, OPTIONS).await;
    let text = Bytes::from(vec![b'x'; 300_000]);
    let mut full = None;
    for row in 0..10 {
        full = queue.publish(RunId(1), job(row), 1, false, text.clone()).await.err();
        if full.is_some() {
            break;
        }
    }
    let full = full.unwrap();
    assert!(matches!(full, QueueError::Full { .. }), "{full}");
}
