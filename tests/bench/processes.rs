//! A fleet of real processes on loopback, with the times that it has by default.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirror_tests::binary::{Binary, Finished, Running, eventually};
use mirror_tests::nats::Nats;
use mirror_tests::proxy::{Proxy, ProxyOptions};

/// What the largest run may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(900);
/// What the fleet may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// A fleet: NATS, a coordinator, workers.
pub(crate) struct Fleet {
    binary: Binary,
    address: String,
    coordinator: Running,
    workers: Vec<Running>,
    /// Counts what goes between NATS and the others, where it was asked for.
    counter: Option<Proxy>,
    _nats: Nats,
}

impl Fleet {
    /// Starts a fleet of so many workers of so many slots, and waits until it is ready.
    pub(crate) async fn start(workers: usize, slots: usize, is_counted: bool) -> Self {
        let nats = Nats::start().await;
        let counter = is_counted.then(|| Proxy::start(&nats.host(), ProxyOptions::default()));
        let nats_host = counter.as_ref().map_or_else(|| nats.host(), Proxy::host);
        let nats_flag = format!("--nats=nats://{nats_host}");
        let binary = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
        let address = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let begin = |arguments: &[&str], log: &Path| {
            let call = binary.call(arguments.iter().copied().chain([nats_flag.as_str()]));
            call.log_to(log).deadline(DEADLINE).spawn()
        };
        let listen = address.replace("http://", "--listen=");
        let log = binary.folder().join("coordinator.log");
        let coordinator = begin(&["coordinator", &listen], &log);
        // A worker that finds no queue tries again later: only a fleet that stands is measured.
        said(&log, "leading").await;
        let (slots, to) = (format!("--concurrency={slots}"), format!("--coordinator={address}"));
        let logs: Vec<PathBuf> = (0..workers)
            .map(|worker| binary.folder().join(format!("worker-{worker}.log")))
            .collect();
        let workers = logs.iter().map(|log| begin(&["worker", &slots, &to], log)).collect();
        for log in logs {
            said(&log, "link up").await;
        }
        Self { binary, address, coordinator, workers, counter, _nats: nats }
    }

    /// Mirrors a config.
    pub(crate) async fn sync(&self, config: &str) -> Finished {
        self.binary.write("mirror.yaml", config);
        let call = self.binary.call(["sync", "mirror.yaml", "--no-progress", "--coordinator"]);
        let finished = call.arg(&self.address).deadline(DEADLINE).run().await;
        finished.assert_code(0);
        finished
    }

    /// Watches a run that has ended, from its beginning, as any watcher may.
    pub(crate) async fn watch(&self, run: &str) -> Finished {
        let call = self.binary.call(["runs", "watch", run, "--no-progress", "--coordinator"]);
        let finished = call.arg(&self.address).deadline(DEADLINE).run().await;
        finished.assert_code(0);
        finished
    }

    /// Returns the coordinator's memory so far, and that of the worker that had most.
    pub(crate) fn peaks(&self) -> (u64, u64) {
        let workers = self.workers.iter().filter_map(Running::peak_bytes);
        (self.coordinator.peak_bytes().unwrap_or(0), workers.max().unwrap_or(0))
    }

    /// Returns the processor time of the coordinator, and of all workers, so far.
    pub(crate) fn busy(&self) -> (Duration, Duration) {
        let workers = self.workers.iter().map(|worker| crate::cpu::of(worker.pid()));
        (crate::cpu::of(self.coordinator.pid()), workers.sum())
    }

    /// Returns the processor time since then, as [`Self::busy`] counts it.
    pub(crate) fn busy_since(&self, before: (Duration, Duration)) -> (Duration, Duration) {
        let now = self.busy();
        (now.0.saturating_sub(before.0), now.1.saturating_sub(before.1))
    }

    /// Returns how many bytes went from NATS and to it so far.
    pub(crate) fn nats_bytes(&self) -> u64 {
        self.counter.as_ref().map_or(0, Proxy::bytes)
    }
}

/// Waits until a process has said something in its log.
async fn said(log: &Path, what: &str) {
    let is_said = || std::fs::read_to_string(log).is_ok_and(|log| log.contains(what));
    eventually(what, PATIENCE, is_said).await;
}
