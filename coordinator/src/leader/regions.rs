//! Regions: jobs that are ready, in line for the window of published ones, and whether anybody works
//! there.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use mirror_model::{JobId, RunId};
use mirror_queue::Region;

/// Published jobs that have no row yet, per slot of a region's workers: enough that none waits for the
/// coordinator.
const PER_SLOT: usize = 4;
/// At least this many, so that workers who come find work; at most, so that a run that is cancelled
/// leaves few messages behind.
const WINDOW: std::ops::RangeInclusive<usize> = 64..=2048;
/// A queue that takes nothing is tried again after this.
const PAUSE: Duration = Duration::from_secs(1);

/// The regions.
#[derive(Default)]
pub(crate) struct Regions {
    regions: HashMap<Region, State>,
}

#[derive(Default)]
struct State {
    ready: VecDeque<(RunId, JobId)>,
    /// Jobs that are published, or on their way, and have no row.
    published: usize,
    /// Since when there has been work and nobody to do it.
    empty_since: Option<Duration>,
    paused_until: Duration,
}

impl Regions {
    /// Puts a job in line; one that goes again goes first.
    pub(crate) fn ready(&mut self, region: &Region, job: (RunId, JobId), again: bool) {
        let ready = &mut self.state(region).ready;
        if again { ready.push_front(job) } else { ready.push_back(job) }
    }

    /// Returns a job that may be published now, and counts it as published.
    pub(crate) fn next(
        &mut self,
        now: Duration,
        slots: impl Fn(&Region) -> Option<usize>,
    ) -> Option<(Region, (RunId, JobId))> {
        self.regions.iter_mut().find_map(|(region, state)| {
            let window = slots(region).unwrap_or(0).saturating_mul(PER_SLOT);
            let window = window.clamp(*WINDOW.start(), *WINDOW.end());
            if state.published >= window || now < state.paused_until {
                return None;
            }
            let job = state.ready.pop_front()?;
            state.published += 1;
            Some((region.clone(), job))
        })
    }

    /// A published job is done with, or goes back in line.
    pub(crate) fn done(&mut self, region: &Region) {
        let state = self.state(region);
        state.published = state.published.saturating_sub(1);
    }

    /// A job that was found published by another leader.
    pub(crate) fn found(&mut self, region: &Region) {
        self.state(region).published += 1;
    }

    /// The region's queue takes nothing.
    pub(crate) fn refused(&mut self, region: &Region, now: Duration) {
        self.state(region).paused_until = now + PAUSE;
    }

    /// Returns the regions that have had work and no worker for longer than `patience`.
    pub(crate) fn deserted(
        &mut self,
        now: Duration,
        patience: Duration,
        slots: impl Fn(&Region) -> Option<usize>,
    ) -> Vec<Region> {
        let mut deserted = Vec::new();
        for (region, state) in &mut self.regions {
            let has_work = state.published > 0 || !state.ready.is_empty();
            if !has_work || slots(region).is_some() {
                state.empty_since = None;
            } else if now >= *state.empty_since.get_or_insert(now) + patience {
                deserted.push(region.clone());
            }
        }
        deserted
    }

    fn state(&mut self, region: &Region) -> &mut State {
        self.regions.entry(region.clone()).or_default()
    }
}
