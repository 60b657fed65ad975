//! What a coordinator counts, in the words of Prometheus.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::leader::Input;
use crate::queues::Queues;
use crate::role::Role;

/// Between two looks at what is counted.
const INTERVAL: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RegionLabel {
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

/// What a coordinator counts.
pub(crate) struct Metrics {
    queues: Arc<Queues>,
    role: watch::Receiver<Role>,
    registry: Arc<Registry>,
    leading: Gauge,
    waiting: Family<RegionLabel, Gauge>,
    under_way: Family<RegionLabel, Gauge>,
    runs: Family<StateLabel, Gauge>,
    rows: Family<StateLabel, Gauge>,
}

impl Metrics {
    pub(crate) fn new(queues: Arc<Queues>, role: watch::Receiver<Role>) -> Self {
        let mut registry = Registry::with_prefix("flux_mirror_coordinator");
        let (leading, waiting, under_way) =
            (Gauge::default(), Family::default(), Family::default());
        let (runs, rows) = (Family::default(), Family::default());
        registry.register("leading", "Whether this coordinator leads", leading.clone());
        registry.register("queue_waiting_jobs", "Jobs that no worker has", waiting.clone());
        registry.register("queue_held_jobs", "Jobs that workers have", under_way.clone());
        registry.register("runs", "Runs by state", runs.clone());
        registry.register("rows", "Rows of the runs that are kept, by state", rows.clone());
        Self { queues, role, registry: Arc::new(registry), leading, waiting, under_way, runs, rows }
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// Counts, now and then, for as long as it is asked to.
    pub(crate) async fn watch(self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            ticks.tick().await;
            let role = self.role.borrow().clone();
            let Role::Leader(handle) = role else {
                self.leading.set(0);
                continue;
            };
            self.leading.set(1);
            for (region, depth) in self.queues.depths().await {
                let label = RegionLabel { region: region.to_string() };
                self.waiting.get_or_create(&label).set(gauge(depth.pending));
                self.under_way.get_or_create(&label).set(gauge(depth.ack_pending));
            }
            if let Ok(runs) = handle.ask(Input::List).await {
                let count = |state, number| {
                    self.runs.get_or_create(&StateLabel { state }).set(gauge(number));
                };
                let ended = runs.iter().filter(|run| run.ended.is_some()).count() as u64;
                count("ended", ended);
                count("running", runs.len() as u64 - ended);
                let rows = |state, number| {
                    self.rows.get_or_create(&StateLabel { state }).set(gauge(number));
                };
                rows("planned", runs.iter().map(|run| run.rows).sum());
                rows("settled", runs.iter().map(|run| run.settled).sum());
                rows("failed", runs.iter().map(|run| run.failed).sum());
                rows("drifted", runs.iter().map(|run| run.drifted).sum());
            }
        }
    }
}

fn gauge(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
