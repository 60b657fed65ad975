//! The log of runs, against a real server.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod insist;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use mirror_model::RunId;
use mirror_queue::{
    Appended, LogOptions, LogSubject, Logged, Nats, NatsOptions, QueueError, RunLog, Stamp,
};
use mirror_tests::nats;

use insist::insist;

const OPTIONS: LogOptions = LogOptions { replicas: 1, max_bytes: 64 * 1024 * 1024 };

async fn connect(url: &str) -> Nats {
    let options =
        NatsOptions { servers: url.to_owned(), name: "test".to_owned(), ..NatsOptions::default() };
    Nats::connect(options).await.unwrap()
}

async fn open(server: &nats::Nats) -> RunLog {
    RunLog::open(&connect(&server.url()).await, OPTIONS).await.unwrap()
}

fn stamp(writer: u64, number: u64) -> Stamp {
    Stamp { writer, number }
}

#[track_caller]
fn stored(appended: &Appended) -> u64 {
    let Appended::Stored(sequence) = appended else { panic!("{appended:?}") };
    *sequence
}

async fn read(log: &RunLog, first: u64, subject: Option<LogSubject>) -> Vec<Logged> {
    log.read(first, subject).try_collect().await.unwrap()
}

#[tokio::test]
async fn of_two_writers_one_wins() {
    let server = nats::Nats::start().await;
    let (one, two) = (open(&server).await, open(&server).await);
    let tail = one.tail().await.unwrap().unwrap();
    assert_eq!((tail.first, tail.last, tail.stamp), (0, 0, None));
    let appended = one.append(0, stamp(1, 1), LogSubject::Leader, Bytes::from_static(b"a")).await;
    assert_eq!(stored(&appended), 1);
    let late =
        two.append(0, stamp(2, 1), LogSubject::Run(RunId(1)), Bytes::from_static(b"b")).await;
    assert!(matches!(late, Appended::Refused), "{late:?}");
    let tail = two.tail().await.unwrap().unwrap();
    assert_eq!((tail.first, tail.last, tail.stamp), (1, 1, Some(stamp(1, 1))));
    let appended =
        two.append(1, stamp(2, 2), LogSubject::Run(RunId(5)), Bytes::from_static(b"b")).await;
    assert_eq!(stored(&appended), 2);
    let all = read(&one, 1, None).await;
    assert_eq!(all[1].subject, LogSubject::Run(RunId(5)));
    assert_eq!((all[1].sequence, all[1].stamp, &all[1].payload[..]), (2, stamp(2, 2), &b"b"[..]));
}

/// As large as the leader makes a batch.
const LARGE: usize = 1_000_000;

#[tokio::test]
async fn a_batch_that_is_nearly_a_message_is_kept_and_one_that_is_more_is_told_from_others() {
    let server = nats::Nats::start().await;
    let log = open(&server).await;
    let bytes = |size: usize| Bytes::from((0..=250_u8).cycle().take(size).collect::<Vec<_>>());
    let run = LogSubject::Run(RunId(1));
    assert_eq!(stored(&log.append(0, stamp(1, 1), run, bytes(LARGE)).await), 1);
    assert_eq!(log.tail().await.unwrap().unwrap().stamp, Some(stamp(1, 1)));
    let too_much = log.append(1, stamp(1, 2), run, bytes(1 << 20)).await;
    let Appended::Unknown(QueueError::TooLarge { most_bytes: 1_048_576, .. }) = too_much else {
        panic!("{too_much:?}")
    };
    assert_eq!(stored(&log.append(1, stamp(1, 3), run, bytes(LARGE)).await), 2);
    let all = read(&log, 1, Some(run)).await;
    assert!(all.iter().map(|logged| logged.sequence).eq(1..=2));
    assert!(all.iter().all(|logged| logged.payload == bytes(LARGE)));
}

#[tokio::test]
async fn it_is_read_whole_over_gaps_and_by_subject() {
    let server = nats::Nats::start().await;
    let log = open(&server).await;
    let subject = |n: u64| {
        if n.is_multiple_of(100) {
            LogSubject::Leader
        } else {
            LogSubject::Run(RunId(u128::from(n % 3)))
        }
    };
    for n in 0..1500 {
        stored(&log.append(n, stamp(7, n), subject(n + 1), Bytes::from(vec![b'x'; 300])).await);
    }
    let all = read(&log, 1, None).await;
    assert!(all.iter().map(|logged| logged.sequence).eq(1..=1500));
    assert!(read(&log, 1200, None).await.iter().map(|logged| logged.sequence).eq(1200..=1500));
    let leader = read(&log, 150, Some(LogSubject::Leader)).await;
    assert!(leader.iter().map(|logged| logged.sequence).eq((200..=1500).step_by(100)));
    assert_eq!(log.read(1501, None).count().await, 0);

    log.purge(RunId(0)).await.unwrap();
    let tail = log.tail().await.unwrap().unwrap();
    assert_eq!((tail.last, tail.stamp), (1500, Some(stamp(7, 1499))));
    let rest = read(&log, 1, None).await;
    assert!(rest.iter().all(|logged| logged.subject != LogSubject::Run(RunId(0))));
    assert!(
        rest.iter()
            .map(|logged| logged.sequence)
            .eq((1..=1500).filter(|n| n % 3 != 0 || n % 100 == 0))
    );
    for run in [1, 2] {
        log.purge(RunId(run)).await.unwrap();
    }
    let rest = read(&log, 1, None).await;
    assert!(rest.iter().map(|logged| logged.sequence).eq((100..=1500).step_by(100)));
}

#[tokio::test]
async fn it_ends_where_it_ended_when_the_reading_began() {
    let server = nats::Nats::start().await;
    let log = open(&server).await;
    for n in 0..40 {
        stored(&log.append(n, stamp(7, n), LogSubject::Leader, Bytes::new()).await);
    }
    let mut reading = Box::pin(log.read(1, None));
    assert_eq!(reading.next().await.unwrap().unwrap().sequence, 1);
    stored(&log.append(40, stamp(7, 41), LogSubject::Leader, Bytes::new()).await);
    assert_eq!(reading.count().await, 39);
}

#[tokio::test]
async fn a_purge_keeps_where_it_ends() {
    let server = nats::Nats::start().await;
    let log = open(&server).await;
    stored(&log.append(0, stamp(7, 0), LogSubject::Run(RunId(1)), Bytes::new()).await);
    log.purge(RunId(1)).await.unwrap();
    let tail = log.tail().await.unwrap().unwrap();
    assert_eq!((tail.first, tail.last, tail.stamp), (0, 1, None));
    let refused = log.append(0, stamp(7, 1), LogSubject::Leader, Bytes::new()).await;
    assert!(matches!(refused, Appended::Refused), "{refused:?}");
    assert_eq!(stored(&log.append(1, stamp(7, 2), LogSubject::Leader, Bytes::new()).await), 2);
}

#[tokio::test]
async fn a_lost_stream_is_seen_and_made_again() {
    let mut server = nats::Nats::start().await;
    let log = open(&server).await;
    stored(&log.append(0, stamp(7, 0), LogSubject::Leader, Bytes::new()).await);
    let before = log.tail().await.unwrap().unwrap();
    server.wipe().await;
    assert_eq!(insist(async || log.tail().await).await, None);
    let lost = log.append(1, stamp(7, 1), LogSubject::Leader, Bytes::new()).await;
    assert!(matches!(lost, Appended::Unknown(QueueError::Absent { .. })), "{lost:?}");
    let after = log.make().await.unwrap();
    assert_ne!(before.created, after.created);
    assert_eq!(after.last, 0);
    let refused = log.append(1, stamp(7, 2), LogSubject::Leader, Bytes::new()).await;
    assert!(matches!(refused, Appended::Refused), "{refused:?}");
}

#[tokio::test]
async fn a_cluster_goes_on_when_one_of_three_is_killed() {
    let mut servers = nats::Nats::cluster().await;
    let nats = connect(&servers[0].url()).await;
    let options = LogOptions { replicas: 3, ..OPTIONS };
    // Right after its start, not every member has its place yet.
    let log = insist(async || RunLog::open(&nats, options).await).await;
    for n in 0..100 {
        append_surely(&log, n, stamp(7, n)).await;
    }
    let read = async || log.read(1, None).try_collect::<Vec<_>>().await;
    assert_eq!(insist(read).await.len(), 100);
    // The client is connected to it, and learnt of the others from it.
    servers[0].kill();
    let tail = insist(async || log.tail().await).await.unwrap();
    assert_eq!(tail.stamp, Some(stamp(7, 99)));
    append_surely(&log, 100, stamp(7, 100)).await;
    assert_eq!(insist(read).await.len(), 101);
}

/// Appends after `last`. Where nobody knows whether that went well, it is tried again: a second time is
/// refused, and the tail says by whom the first was.
async fn append_surely(log: &RunLog, last: u64, stamp: Stamp) {
    loop {
        match log.append(last, stamp, LogSubject::Leader, Bytes::new()).await {
            Appended::Stored(sequence) => return assert_eq!(sequence, last + 1),
            Appended::Refused => {
                let tail = insist(async || log.tail().await).await.unwrap();
                return assert_eq!((tail.last, tail.stamp), (last + 1, Some(stamp)));
            }
            Appended::Unknown(error) => assert!(error.retry(), "{error}"),
        }
    }
}

#[tokio::test]
async fn it_outlives_its_server() {
    let mut server = nats::Nats::start().await;
    let log = open(&server).await;
    stored(&log.append(0, stamp(7, 0), LogSubject::Leader, Bytes::new()).await);
    let before = log.tail().await.unwrap();
    server.restart().await;
    assert_eq!(insist(async || log.tail().await).await, before);
    assert_eq!(stored(&log.append(1, stamp(7, 1), LogSubject::Leader, Bytes::new()).await), 2);
}
