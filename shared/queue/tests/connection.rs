//! Connecting, comparing what is there, permissions, outages.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use mirror_model::{EntryIndex, JobId, RunId};
use mirror_queue::{
    Appended, JobStream, JobStreamOptions, LogOptions, LogSubject, Nats, NatsOptions, Pull,
    QueueError, Region, Right, RunLog, Stamp,
};
use mirror_tests::nats;
use mirror_tests::pki::Pki;
use mirror_tests::proxy::{Proxy, ProxyOptions};
use nkeys::KeyPair;

const LOG: LogOptions = LogOptions { replicas: 1, max_bytes: 64 * 1024 * 1024 };
const JOBS: JobStreamOptions = JobStreamOptions { replicas: 1, ack_wait: Duration::from_secs(30) };
const STAMP: Stamp = Stamp { writer: 3, number: 9 };

fn region() -> Region {
    "eu".parse().unwrap()
}

fn options(url: &str) -> NatsOptions {
    NatsOptions { servers: url.to_owned(), name: "test".to_owned(), ..NatsOptions::default() }
}

#[tokio::test]
async fn a_difference_is_named_and_nothing_is_changed() {
    let server = nats::Nats::start().await;
    let nats = Nats::connect(options(&server.url())).await.unwrap();
    RunLog::open(&nats, LOG).await.unwrap();
    JobStream::open(&nats, &region(), JOBS).await.unwrap();

    let other = LogOptions { max_bytes: 1 << 20, ..LOG };
    let differs = RunLog::open(&nats, other).await.unwrap_err().to_string();
    assert_eq!(differs, "stream FM_RUNLOG has max_bytes = 67108864, but 1048576 is expected");
    let other = JobStreamOptions { ack_wait: Duration::from_secs(1), ..JOBS };
    let differs = JobStream::open(&nats, &region(), other).await.unwrap_err().to_string();
    assert_eq!(
        differs,
        "consumer copy of FM_JOBS_eu has ack_wait = 30000000000, but 1000000000 is expected"
    );
    let other = JobStreamOptions { replicas: 3, ..JOBS };
    let differs = JobStream::open(&nats, &region(), other).await.unwrap_err().to_string();
    assert!(differs.contains("num_replicas"), "{differs}");
    RunLog::open(&nats, LOG).await.unwrap();
    JobStream::open(&nats, &region(), JOBS).await.unwrap();
}

#[tokio::test]
async fn a_full_log_stores_nothing_and_says_so() {
    let server = nats::Nats::start().await;
    let nats = Nats::connect(options(&server.url())).await.unwrap();
    let log = RunLog::open(&nats, LogOptions { max_bytes: 100_000, ..LOG }).await.unwrap();
    let payload = Bytes::from(vec![b'x'; 60_000]);
    let first = log.append(0, STAMP, LogSubject::Leader, payload.clone()).await;
    assert!(matches!(first, Appended::Stored(1)), "{first:?}");
    let full = log.append(1, STAMP, LogSubject::Leader, payload).await;
    assert!(matches!(full, Appended::Unknown(QueueError::Full { .. })), "{full:?}");
    assert_eq!(log.tail().await.unwrap().unwrap().last, 1);
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_shows_in_the_tail() {
    let server = nats::Nats::start().await;
    let proxy = Proxy::start(&server.host(), ProxyOptions::default());
    let far = Nats::connect(options(&format!("nats://{}", proxy.host()))).await.unwrap();
    let log = RunLog::open(&far, LOG).await.unwrap();
    // The message is stored, its answer under way, when all breaks.
    let slow = Proxy::start(&server.host(), ProxyOptions::default());
    let slow_nats = Nats::connect(options(&format!("nats://{}", slow.host()))).await.unwrap();
    let slow_log = RunLog::open(&slow_nats, LOG).await.unwrap();
    slow.hold_answers();
    let appending = tokio::spawn(async move {
        slow_log.append(0, STAMP, LogSubject::Leader, Bytes::from_static(b"x")).await
    });
    while log.tail().await.unwrap().unwrap().last == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    slow.break_connections();
    let unknown = appending.await.unwrap();
    assert!(matches!(unknown, Appended::Unknown(QueueError::Disconnected)), "{unknown:?}");
    assert_eq!(log.tail().await.unwrap().unwrap().stamp, Some(STAMP));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_waited_for_so_long() {
    let server = nats::Nats::start().await;
    let nats = Nats::connect(options(&server.url())).await.unwrap();
    let log = RunLog::open(&nats, LOG).await.unwrap();
    server.freeze(true);
    let unknown = log.append(0, STAMP, LogSubject::Leader, Bytes::from_static(b"x")).await;
    server.freeze(false);
    assert!(matches!(unknown, Appended::Unknown(QueueError::Silent { .. })), "{unknown:?}");
    // It was only late.
    assert_eq!(log.tail().await.unwrap().unwrap().stamp, Some(STAMP));
}

#[tokio::test]
async fn a_broken_connection_comes_back() {
    let server = nats::Nats::start().await;
    let proxy = Proxy::start(&server.host(), ProxyOptions::default());
    let nats = Nats::connect(options(&format!("nats://{}", proxy.host()))).await.unwrap();
    let log = RunLog::open(&nats, LOG).await.unwrap();
    for _ in 0..5 {
        assert!(nats.is_up());
        proxy.break_connections();
        while nats.is_up() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        log.tail().await.unwrap().unwrap();
    }
}

/// Two users with the permissions that `failures.md` gives them; a test may leave some out.
struct Users {
    server: nats::Nats,
}

const COORDINATOR: [&str; 4] = ["fm.v1.>", "$JS.API.>", "$JS.*.API.>", "$JS.ACK.>"];
const WORKER: [&str; 4] = [
    "$JS.API.CONSUMER.MSG.NEXT.FM_JOBS_eu.>",
    "$JS.API.CONSUMER.INFO.FM_JOBS_eu.>",
    "$JS.ACK.FM_JOBS_eu.>",
    "$JS.ACK.*.*.FM_JOBS_eu.>",
];

impl Users {
    async fn start(coordinator: &[&str], worker: &[&str], worker_inbox: &str) -> Self {
        let (first, second) = (KeyPair::new_user(), KeyPair::new_user());
        let user = |pair: &KeyPair, publish: &[&str], subscribe: &str| {
            format!(
                "{{ nkey: {}, permissions: {{ publish: {{ allow: {publish:?} }}, subscribe: {{ \
                 allow: [{subscribe:?}] }} }} }}",
                pair.public_key()
            )
        };
        let config = format!(
            "accounts {{ FM: {{ jetstream: enabled, users: [ {}, {} ] }} }}",
            user(&first, coordinator, "_INBOX_coord.>"),
            user(&second, worker, worker_inbox),
        );
        let server = nats::Nats::start_with(&config).await;
        fs::write(server.folder().join("coord.nk"), first.seed().unwrap()).unwrap();
        fs::write(server.folder().join("eu.nk"), second.seed().unwrap()).unwrap();
        Self { server }
    }

    async fn connect(&self, name: &str) -> Nats {
        Nats::connect(NatsOptions {
            nkey: Some(self.server.folder().join(format!("{name}.nk"))),
            inbox_prefix: Some(format!("_INBOX_{name}")),
            ..options(&self.server.url())
        })
        .await
        .unwrap()
    }
}

#[tokio::test]
async fn both_roles_do_with_their_permissions() {
    let users = Users::start(&COORDINATOR, &WORKER, "_INBOX_eu.>").await;
    let coordinator = users.connect("coord").await;
    let log = RunLog::open(&coordinator, LOG).await.unwrap();
    for expected in 0..30 {
        let appended = log.append(expected, STAMP, LogSubject::Leader, Bytes::new()).await;
        assert!(matches!(appended, Appended::Stored(_)), "{appended:?}");
    }
    assert_eq!(log.read(1, None).count().await, 30);
    log.purge(RunId(4)).await.unwrap();
    let queue = JobStream::open(&coordinator, &region(), JOBS).await.unwrap();
    let job = JobId { entry: EntryIndex(0), row: 0 };
    queue.publish(RunId(1), job, 1, false, Bytes::from_static(b"job")).await.unwrap();

    let worker = users.connect("eu").await;
    let pull = Pull::open(&worker, &region()).await.unwrap();
    let taken = pull.next(2, Duration::from_secs(1)).await.unwrap();
    taken[0].in_progress().await.unwrap();
    taken[0].give_back().await.unwrap();
    let taken = pull.next(2, Duration::from_secs(5)).await.unwrap();
    taken[0].ack().await.unwrap();

    // The worker may not be more than that.
    let denied = JobStream::open(&worker, &region(), JOBS).await.unwrap_err();
    assert_denied(&denied, Right::Publish, "$JS.API.STREAM.INFO.FM_JOBS_eu");
    let denied = Pull::open(&worker, &"us".parse().unwrap()).await.unwrap_err();
    assert_denied(&denied, Right::Publish, "$JS.API.CONSUMER.INFO.FM_JOBS_us.copy");
}

#[track_caller]
fn assert_denied(error: &QueueError, right: Right, subject: &str) {
    let QueueError::Denied { right: found, subject: of } = error else { panic!("{error}") };
    assert_eq!((*found, of.as_str()), (right, subject));
}

#[tokio::test]
async fn a_missing_permission_of_a_worker_is_named() {
    let inbox = "_INBOX_eu.>";
    for (missing, subject) in [
        (0, "$JS.API.CONSUMER.MSG.NEXT.FM_JOBS_eu.copy"),
        (1, "$JS.API.CONSUMER.INFO.FM_JOBS_eu.copy"),
        (2, "$JS.ACK.FM_JOBS_eu.copy.1.0.0.0.0"),
    ] {
        let mut allowed = WORKER.to_vec();
        allowed.remove(missing);
        let users = Users::start(&COORDINATOR, &allowed, inbox).await;
        let coordinator = users.connect("coord").await;
        JobStream::open(&coordinator, &region(), JOBS).await.unwrap();
        let denied = Pull::open(&users.connect("eu").await, &region()).await.unwrap_err();
        assert_denied(&denied, Right::Publish, subject);
    }
    let users = Users::start(&COORDINATOR, &WORKER, "_INBOX_other.>").await;
    let worker = users.connect("eu").await;
    for _ in 0..2 {
        let error = Pull::open(&worker, &region()).await.unwrap_err();
        let QueueError::Denied { right: Right::Subscribe, subject } = error else {
            panic!("{error}")
        };
        assert!(subject.starts_with("_INBOX_eu."), "{subject}");
    }
}

#[tokio::test]
async fn a_missing_permission_of_a_coordinator_is_named() {
    for (allowed, subject) in [
        (&["$JS.API.>"][..], "fm.v1.log.leader"),
        (&["fm.v1.log.leader", "$JS.API.>"], "fm.v1.log.00000000000000000000000000"),
        (&["fm.v1.>"], "$JS.API.STREAM.INFO.FM_RUNLOG"),
        (
            &[
                "fm.v1.>",
                "$JS.API.STREAM.INFO.>",
                "$JS.API.STREAM.CREATE.>",
                "$JS.API.STREAM.MSG.>",
            ],
            "$JS.API.STREAM.PURGE.FM_RUNLOG",
        ),
    ] {
        let users = Users::start(allowed, &WORKER, "_INBOX_eu.>").await;
        let denied = RunLog::open(&users.connect("coord").await, LOG).await.unwrap_err();
        assert_denied(&denied, Right::Publish, subject);
    }
    let users = Users::start(&["fm.v1.log.>", "$JS.API.>"], &WORKER, "_INBOX_eu.>").await;
    let coordinator = users.connect("coord").await;
    RunLog::open(&coordinator, LOG).await.unwrap();
    let denied = JobStream::open(&coordinator, &region(), JOBS).await.unwrap_err();
    assert_denied(&denied, Right::Publish, "fm.v1.job.eu.00000000000000000000000000");
}

#[tokio::test]
async fn an_unknown_identity_is_refused_at_once() {
    let users = Users::start(&COORDINATOR, &WORKER, "_INBOX_eu.>").await;
    let nobody = users.server.folder().join("nobody.nk");
    fs::write(&nobody, KeyPair::new_user().seed().unwrap()).unwrap();
    let nkey = NatsOptions { nkey: Some(nobody), ..options(&users.server.url()) };
    for options in [nkey, options(&users.server.url())] {
        let error = Nats::connect(options).await.unwrap_err();
        assert!(matches!(error, QueueError::Identity { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_seed_is_read_again_at_each_connection() {
    let mut users = Users::start(&COORDINATOR, &WORKER, "_INBOX_eu.>").await;
    let folder = users.server.folder().to_owned();
    let path = folder.join("turn.nk");
    fs::copy(folder.join("eu.nk"), &path).unwrap();
    let nkey = Some(path.clone());
    let inbox_prefix = Some("_INBOX_coord".to_owned());
    let options = NatsOptions { nkey, inbox_prefix, ..options(&users.server.url()) };
    let nats = Nats::connect(options).await.unwrap();
    assert!(RunLog::open(&nats, LOG).await.is_err());
    fs::copy(folder.join("coord.nk"), &path).unwrap();
    users.server.restart().await;
    RunLog::open(&nats, LOG).await.unwrap();
}

#[tokio::test]
async fn a_server_without_jetstream_will_not_do() {
    let server = nats::Nats::start_with("# $STORE is not used\n").await;
    let error = Nats::connect(options(&server.url())).await.unwrap_err();
    assert!(matches!(error, QueueError::NoJetStream { .. }), "{error}");
}

#[tokio::test]
async fn a_queue_that_nobody_made_is_absent_for_a_worker() {
    let server = nats::Nats::start().await;
    let nats = Nats::connect(options(&server.url())).await.unwrap();
    let error = Pull::open(&nats, &region()).await.unwrap_err();
    assert!(matches!(error, QueueError::Absent { .. }) && error.retry(), "{error}");
}

#[tokio::test]
async fn a_server_that_starts_later_is_waited_for() {
    let mut server = nats::Nats::start().await;
    server.kill();
    let url = server.url();
    let connecting = tokio::spawn(async move { Nats::connect(options(&url)).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!connecting.is_finished());
    server.restart().await;
    connecting.await.unwrap().unwrap();
}

#[tokio::test]
async fn more_replicas_than_servers_are_refused_for_good() {
    let server = nats::Nats::start().await;
    let nats = Nats::connect(options(&server.url())).await.unwrap();
    let error = RunLog::open(&nats, LogOptions { replicas: 3, ..LOG }).await.unwrap_err();
    assert!(matches!(error, QueueError::Refused { .. }) && !error.retry(), "{error}");
}

#[tokio::test]
async fn a_foreign_message_in_the_log_is_named() {
    let server = nats::Nats::start().await;
    let nats = Nats::connect(options(&server.url())).await.unwrap();
    let log = RunLog::open(&nats, LOG).await.unwrap();
    let foreign = async_nats::connect(server.url()).await.unwrap();
    foreign.publish("fm.v1.log.leader", Bytes::from_static(b"hello")).await.unwrap();
    foreign.flush().await.unwrap();
    let error = loop {
        match log.tail().await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "FM_RUNLOG holds something else at 1: it has no stamp");
    let first = Box::pin(log.read(1, None)).next().await.unwrap().unwrap_err();
    assert!(matches!(first, QueueError::Corrupt { sequence: 1, .. }), "{first}");
}

#[tokio::test]
async fn tls_with_certificates_of_both_sides() {
    let pki = Pki::new();
    let (certificate, key) = pki.server();
    let config = format!(
        "tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {:?}, verify: true }}",
        pki.ca()
    );
    let server = nats::Nats::start_with(&config).await;
    let secure = NatsOptions {
        ca: Some(pki.ca()),
        certificate: Some(pki.client()),
        ..options(&format!("tls://{}", server.host()))
    };
    let nats = Nats::connect(secure.clone()).await.unwrap();
    RunLog::open(&nats, LOG).await.unwrap();

    let missing = NatsOptions { ca: Some("no/such.pem".into()), ..secure };
    let error = Nats::connect(missing).await.unwrap_err();
    assert!(matches!(error, QueueError::File { .. }), "{error}");
}
