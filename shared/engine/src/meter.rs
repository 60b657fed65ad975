//! Counts what a job sends, and tells of it in portions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mirror_model::{Event, JobId, Observer};
use mirror_registry::Meter;

/// Bytes that go by between two events: a bar moves smoothly, and nobody is drowned in events.
const PORTION: u64 = 256 << 10;

/// Counts what a job sends.
#[derive(Clone)]
pub(crate) struct JobMeter {
    job: JobId,
    observer: Arc<dyn Observer>,
    sent: Arc<AtomicU64>,
    told: Arc<AtomicU64>,
}

impl JobMeter {
    pub(crate) fn new(job: JobId, observer: Arc<dyn Observer>) -> Self {
        Self { job, observer, sent: Arc::default(), told: Arc::default() }
    }

    /// Returns how many bytes were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Counts bytes.
    pub(crate) fn count(&self, bytes: u64) {
        let sent = self.sent.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if sent >= self.told.load(Ordering::Relaxed) + PORTION {
            self.tell();
        }
    }

    /// Tells of what was not told yet.
    pub(crate) fn tell(&self) {
        let sent = self.sent();
        let bytes = sent.saturating_sub(self.told.swap(sent, Ordering::Relaxed));
        if bytes > 0 {
            self.observer.observe(Event::BytesSent { job: self.job, bytes });
        }
    }

    /// Returns this as the registry client takes it.
    pub(crate) fn meter(&self) -> Meter {
        let meter = self.clone();
        Arc::new(move |bytes| meter.count(bytes))
    }
}
