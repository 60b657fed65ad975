//! What the processors do, as the system tells it.

use std::fs;
use std::time::Duration;

/// The system counts in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Returns the processor time of a process so far; zero where it is gone.
pub(crate) fn of(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in brackets, may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2);
    TICK * ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum()
}

/// What all processors have done so far.
#[derive(Clone, Copy)]
pub(crate) struct Processors {
    idle: u64,
    all: u64,
}

impl Processors {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let first = stat.lines().next().unwrap_or_default();
        let ticks: Vec<u64> =
            first.split_whitespace().skip(1).filter_map(|ticks| ticks.parse().ok()).collect();
        Self { idle: ticks.iter().skip(3).take(2).sum(), all: ticks.iter().take(8).sum() }
    }

    /// Returns of 100 how much they were idle since then, other people's work on them included.
    pub(crate) fn idle_since(self) -> u64 {
        let now = Self::now();
        (now.idle - self.idle) * 100 / (now.all - self.all).max(1)
    }
}
