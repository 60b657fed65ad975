//! A fleet of real processes: nats-server, coordinators and workers, on loopback, with short times.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use mirror_proto::{Record, decode_batch};
use mirror_queue::{
    LogOptions, LogSubject, Nats as Connection, NatsOptions, RunLog, Stamp, Timing,
};
use mirror_tests::binary::{Binary, Call, Running, eventually};
use mirror_tests::nats::Nats;
use mirror_tests::ports;

use super::PATIENCE;

/// A tenth of the usual unit: what takes 35 s of a real fleet takes 3.5 s here.
pub(crate) const BEAT: Duration = Duration::from_millis(400);
/// Where a standby waits, who leads must not be given up before the test says so: 3.75 s in place of 1.5.
pub(crate) const BEAT_WITH_STANDBY: Duration = Duration::from_secs(1);
/// How long a run of a fleet may take, faults and a busy machine included.
const DEADLINE: Duration = Duration::from_secs(150);
/// The log's bound, as coordinators have it.
const LOG_BYTES: u64 = 8 << 30;

/// A fleet. Dropped, its processes are killed; where a test fails, their logs are shown.
pub(crate) struct Fleet {
    pub(crate) nats: Nats,
    pub(crate) binary: Binary,
    /// What coordinators and workers are told of NATS; a proxy may stand before it.
    pub(crate) nats_url: String,
    pub(crate) beat: Duration,
    pub(crate) log_level: &'static str,
    ports: Vec<u16>,
    coordinators: BTreeMap<usize, Running>,
    workers: BTreeMap<usize, Running>,
    /// Of each process that was started: its name, and its log.
    logs: Vec<(String, PathBuf)>,
}

/// A batch of the log.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) sequence: u64,
    pub(crate) stamp: Stamp,
    pub(crate) subject: LogSubject,
    pub(crate) records: Vec<Record>,
}

impl Fleet {
    /// Starts NATS; coordinators may be started at so many addresses.
    pub(crate) async fn new(coordinators: usize) -> Self {
        let nats = Nats::start().await;
        let nats_url = nats.url();
        Self {
            nats,
            binary: Binary::new(env!("CARGO_BIN_EXE_flux-mirror")),
            nats_url,
            beat: BEAT,
            log_level: "debug",
            ports: (0..coordinators).map(|_| ports::free().port()).collect(),
            coordinators: BTreeMap::new(),
            workers: BTreeMap::new(),
            logs: Vec::new(),
        }
    }

    /// Starts a fleet of one coordinator and so many workers of two slots.
    pub(crate) async fn start(workers: usize) -> Self {
        Self::start_at(BEAT, workers).await
    }

    /// Starts the same at the times that users have: nobody is given up for being slow.
    pub(crate) async fn start_calm(workers: usize) -> Self {
        Self::start_at(Timing::default().beat(), workers).await
    }

    async fn start_at(beat: Duration, workers: usize) -> Self {
        let mut fleet = Self::new(1).await;
        fleet.beat = beat;
        fleet.coordinator(0, &[]);
        fleet.two_slots(workers);
        fleet
    }

    /// Starts a leader, a standby and so many workers of two slots.
    pub(crate) async fn with_standby(workers: usize) -> Self {
        let mut fleet = Self::new(2).await;
        fleet.beat = BEAT_WITH_STANDBY;
        fleet.coordinator(0, &[]);
        assert_eq!(fleet.leader().await, 0);
        fleet.coordinator(1, &[]);
        fleet.two_slots(workers);
        fleet
    }

    fn two_slots(&mut self, workers: usize) {
        for worker in 0..workers {
            self.worker(worker, &["--concurrency=2"]);
        }
    }

    /// Starts a coordinator at one of the addresses.
    pub(crate) fn coordinator(&mut self, index: usize, arguments: &[&str]) -> &Running {
        let listen = format!("--listen=127.0.0.1:{}", self.ports[index]);
        let (nats, beat) = (format!("--nats={}", self.nats_url), format!("--beat={:?}", self.beat));
        let call = self.binary.call(["coordinator", &nats, &listen, &beat]);
        let running = self.begin(call, &format!("coordinator-{index}"), arguments);
        self.coordinators.insert(index, running);
        &self.coordinators[&index]
    }

    /// Starts a worker.
    pub(crate) fn worker(&mut self, index: usize, arguments: &[&str]) -> &Running {
        let coordinators = self.addresses();
        self.worker_of(index, &coordinators, arguments)
    }

    /// Starts a worker that reaches its coordinators by other addresses.
    pub(crate) fn worker_of(
        &mut self,
        index: usize,
        coordinators: &str,
        arguments: &[&str],
    ) -> &Running {
        let (nats, coordinators) =
            (format!("--nats={}", self.nats_url), format!("--coordinator={coordinators}"));
        let call = self.binary.call(["worker", &nats, &coordinators]);
        let running = self.begin(call, &format!("worker-{index}"), arguments);
        self.workers.insert(index, running);
        &self.workers[&index]
    }

    fn begin(&mut self, call: Call, name: &str, arguments: &[&str]) -> Running {
        let log = self.binary.folder().join(format!("{name}-{}.log", self.logs.len()));
        let call = arguments.iter().fold(call, Call::arg);
        let level = format!("--log-level={}", self.log_level);
        let running = call.arg(level).log_to(&log).deadline(DEADLINE * 2).spawn();
        self.logs.push((name.to_owned(), log));
        running
    }

    /// Waits until a worker is linked to the leader.
    pub(crate) async fn linked(&self, worker: usize) {
        let name = format!("worker-{worker}");
        eventually("it is linked", PATIENCE, || self.said(&name, "link up") > 0).await;
    }

    /// Returns how often the processes of that name, such as `worker-0`, have logged a text.
    pub(crate) fn said(&self, name: &str, text: &str) -> usize {
        let own = self.logs.iter().filter(|(process, _)| process == name);
        let log = |(_, log): &(String, PathBuf)| std::fs::read_to_string(log).unwrap_or_default();
        own.map(|process| log(process).matches(text).count()).sum()
    }

    /// Returns what each process has logged so far.
    pub(crate) fn logs(&self) -> Vec<String> {
        let log = |(_, log): &(String, PathBuf)| std::fs::read_to_string(log).unwrap_or_default();
        self.logs.iter().map(log).collect()
    }

    /// Returns the addresses of all coordinators, as `--coordinator` takes them.
    pub(crate) fn addresses(&self) -> String {
        let urls: Vec<String> =
            self.ports.iter().map(|port| format!("http://127.0.0.1:{port}")).collect();
        urls.join(",")
    }

    /// Returns the host and port of a coordinator.
    pub(crate) fn host(&self, index: usize) -> String {
        format!("127.0.0.1:{}", self.ports[index])
    }

    /// Returns a running worker.
    pub(crate) fn the_worker(&self, index: usize) -> &Running {
        &self.workers[&index]
    }

    /// Takes a coordinator out, to be waited for.
    pub(crate) fn take_coordinator(&mut self, index: usize) -> Running {
        self.coordinators.remove(&index).expect("it runs")
    }

    /// Takes a worker out, to be waited for.
    pub(crate) fn take_worker(&mut self, index: usize) -> Running {
        self.workers.remove(&index).expect("it runs")
    }

    /// Prepares a `sync` of a config over the fleet.
    pub(crate) fn sync(&self, config: &str) -> Call {
        let coordinator = format!("--coordinator={}", self.addresses());
        self.binary.call(["sync", config, "--no-progress", &coordinator]).deadline(DEADLINE)
    }

    /// Prepares a `runs` command.
    pub(crate) fn runs(&self, arguments: &[&str]) -> Call {
        let coordinator = format!("--coordinator={}", self.addresses());
        let call = self.binary.call(["runs"]).deadline(DEADLINE);
        arguments.iter().fold(call, Call::arg).arg(coordinator)
    }

    /// Reads the whole log, as a reader of its own.
    pub(crate) async fn log(&self) -> Vec<Batch> {
        let options = NatsOptions {
            servers: self.nats.url(),
            name: "reader".to_owned(),
            ..NatsOptions::default()
        };
        let connection = Connection::connect(options).await.expect("NATS answers");
        let options = LogOptions { replicas: 1, max_bytes: LOG_BYTES };
        let log = RunLog::open(&connection, options).await.expect("the log is there");
        let batches = log.read(1, None).map(|batch| {
            let batch = batch.expect("a batch can be read");
            Batch {
                sequence: batch.sequence,
                stamp: batch.stamp,
                subject: batch.subject,
                records: decode_batch(&batch.payload).expect("a batch of ours"),
            }
        });
        batches.collect().await
    }

    /// Waits until a coordinator leads, and returns which.
    pub(crate) async fn leader(&self) -> usize {
        for _ in 0..400 {
            let seat = self.log().await.into_iter().flat_map(|batch| batch.records).fold(
                None,
                |seat, record| match record {
                    Record::Term { advertise, .. } => Some(advertise),
                    Record::Resigned { .. } => None,
                    Record::Submitted(_)
                    | Record::Planned(_)
                    | Record::Seen { .. }
                    | Record::Intent(_)
                    | Record::Row(_)
                    | Record::Lost(_)
                    | Record::Cancelled
                    | Record::Ended { .. }
                    | Record::Origin
                    | Record::Beat { .. } => seat,
                },
            );
            let is_it =
                |port: &u16| seat.as_ref().is_some_and(|seat| seat.ends_with(&format!(":{port}")));
            if let Some(leader) = self.ports.iter().position(is_it) {
                return leader;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("nobody leads");
    }
}

impl Drop for Fleet {
    #[expect(clippy::print_stderr, reason = "whoever reads why a test failed, reads it here")]
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (_, log) in &self.logs {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(60)..];
            eprintln!("--- {}\n{}", log.display(), last.join("\n"));
        }
    }
}
