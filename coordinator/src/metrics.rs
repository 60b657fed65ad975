//! What a coordinator counts, in the words of Prometheus. Labels never hold tags, digests or
//! repositories.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mirror_monitor::Requests;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::leader::{Counts, Input};
use crate::queues::Queues;
use crate::role::Role;

/// Between two looks at what is counted.
const INTERVAL: Duration = Duration::from_secs(5);

type Label = [(&'static str, String); 1];

/// What a coordinator counts.
pub(crate) struct Metrics {
    queues: Arc<Queues>,
    role: watch::Receiver<Role>,
    registry: Arc<Registry>,
    leading: Gauge,
    waiting: Family<Label, Gauge>,
    held: Family<Label, Gauge>,
    workers: Family<Label, Gauge>,
    slots: Family<Label, Gauge>,
    runs: Family<Label, Gauge>,
    rows: Family<Label, Counter>,
    lost: Counter,
    full: Gauge,
}

impl Metrics {
    /// Counts what the leader and the queues tell; `requests` are counted where they are made.
    pub(crate) fn new(
        queues: Arc<Queues>,
        role: watch::Receiver<Role>,
        requests: &Requests,
    ) -> Self {
        let mut registry = Registry::with_prefix("flux_mirror_coordinator");
        requests.register(&mut registry);
        let metrics = Self {
            queues,
            role,
            registry: Arc::default(),
            leading: Gauge::default(),
            waiting: Family::default(),
            held: Family::default(),
            workers: Family::default(),
            slots: Family::default(),
            runs: Family::default(),
            rows: Family::default(),
            lost: Counter::default(),
            full: Gauge::default(),
        };
        let Self { leading, waiting, held, workers, slots, runs, rows, lost, full, .. } = &metrics;
        registry.register("leading", "Whether this coordinator leads", leading.clone());
        registry.register("queue_waiting_jobs", "Jobs that no worker has", waiting.clone());
        registry.register("queue_held_jobs", "Jobs that workers have", held.clone());
        registry.register("workers", "Workers that are linked", workers.clone());
        registry.register("slots", "Jobs that linked workers take at once", slots.clone());
        registry.register("runs", "Runs that are kept, by state", runs.clone());
        registry.register("rows", "Rows written to the log, by status", rows.clone());
        registry.register("lost_jobs", "Jobs that were lost with their worker", lost.clone());
        registry.register("log_full_percent", "How full the log of runs is", full.clone());
        Self { registry: Arc::new(registry), ..metrics }
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// Counts, now and then, for as long as it is polled.
    pub(crate) async fn watch(self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        let mut before: Option<Counts> = None;
        loop {
            ticks.tick().await;
            let role = self.role.borrow().clone();
            let Role::Leader(handle) = role else {
                self.leading.set(0);
                continue;
            };
            self.leading.set(1);
            for (region, depth) in self.queues.depths().await {
                let label = [("region", region.to_string())];
                self.waiting.get_or_create(&label).set(gauge(depth.pending));
                self.held.get_or_create(&label).set(gauge(depth.ack_pending));
            }
            if let Ok(counts) = handle.ask(Input::Count).await {
                self.show(&counts, before.as_ref());
                before = Some(counts);
            }
        }
    }

    fn show(&self, counts: &Counts, before: Option<&Counts>) {
        let Counts { running, ended, rows, lost, regions, full } = counts;
        for (state, number) in [("running", *running), ("ended", *ended)] {
            self.runs.get_or_create(&[("state", state.to_owned())]).set(gauge(number));
        }
        let none = BTreeMap::new();
        let known = before.map_or(&none, |before| &before.rows);
        for (status, number) in rows {
            let more = number - known.get(status).copied().unwrap_or_default();
            self.rows.get_or_create(&[("status", (*status).to_owned())]).inc_by(more);
        }
        self.lost.inc_by(lost - before.map_or(0, |before| before.lost));
        self.full.set(gauge(*full));
        self.workers.clear();
        self.slots.clear();
        for (region, (workers, slots)) in regions {
            let label = [("region", region.to_string())];
            self.workers.get_or_create(&label).set(gauge(*workers));
            self.slots.get_or_create(&label).set(gauge(*slots));
        }
    }
}

fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
