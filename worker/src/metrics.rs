//! What a worker counts. Labels never hold tags, digests or repositories, and few hosts.

use std::time::Duration;

use mirror_monitor::Requests;
use mirror_transport::StatusCode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::session::Session;

/// Seconds: an image that is nearly there, and one of many gigabytes.
const DURATIONS: [f64; 12] =
    [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 1_800.0];

type Labels = [(&'static str, String); 1];

/// What a worker counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    jobs: Family<Labels, Counter>,
    attempts: Counter,
    bytes: Counter,
    duration: Histogram,
    requests: Requests,
    slots: Gauge,
    busy: Gauge,
    rows: Gauge,
    link: Gauge,
}

impl Metrics {
    pub(crate) fn new(slots: usize) -> Self {
        let metrics = Self {
            jobs: Family::default(),
            attempts: Counter::default(),
            bytes: Counter::default(),
            duration: Histogram::new(DURATIONS),
            requests: Requests::default(),
            slots: Gauge::default(),
            busy: Gauge::default(),
            rows: Gauge::default(),
            link: Gauge::default(),
        };
        metrics.slots.set(count(slots));
        metrics
    }

    /// Names them all.
    pub(crate) fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("flux_mirror_worker");
        registry.register("jobs", "Rows, by status", self.jobs.clone());
        registry.register("attempts", "Attempts at jobs that were begun", self.attempts.clone());
        registry.register("bytes_sent", "Bytes sent to destinations", self.bytes.clone());
        registry.register("job_duration_seconds", "How long jobs worked", self.duration.clone());
        self.requests.register(&mut registry);
        registry.register("slots", "Jobs that may be under way", self.slots.clone());
        registry.register("slots_busy", "Jobs that are under way", self.busy.clone());
        registry.register("outbox_rows", "Rows not acknowledged yet", self.rows.clone());
        registry.register("link_up", "Whether a coordinator is linked", self.link.clone());
        registry
    }

    /// Counts an attempt.
    pub(crate) fn begun(&self) {
        self.attempts.inc();
    }

    /// Counts a row.
    pub(crate) fn row(&self, status: &'static str, elapsed: Duration, bytes: u64) {
        self.jobs.get_or_create(&[("status", status.to_owned())]).inc();
        self.duration.observe(elapsed.as_secs_f64());
        self.bytes.inc_by(bytes);
    }

    /// Counts an answer of a registry.
    pub(crate) fn answered(&self, host: &str, code: StatusCode) {
        self.requests.count(host, code.as_u16());
    }

    /// Shows how a session stands.
    pub(crate) fn link<D: Clone>(&self, session: &Session<D>) {
        self.busy.set(count(session.under_way()));
        self.rows.set(count(session.waiting_rows()));
        self.link.set(i64::from(session.is_up()));
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown_by_its_name() {
        let metrics = Metrics::new(4);
        metrics.answered("r7.io", StatusCode::TOO_MANY_REQUESTS);
        metrics.row("copied", Duration::from_secs(2), 7);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &metrics.registry()).unwrap();
        let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        has("flux_mirror_worker_requests_total{host=\"r7.io\",code=\"429\"} 1");
        has("flux_mirror_worker_jobs_total{status=\"copied\"} 1");
        has("flux_mirror_worker_bytes_sent_total 7");
        has("flux_mirror_worker_slots 4");
    }
}
