//! One engine a run: what a worker learns of registries while it does jobs of that run.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mirror_engine::{Engine, EngineOptions};
use mirror_model::RunId;
use mirror_registry::Registries;
use tokio::time::Instant;

/// After so long without a job, a run is over or has no more for us; what was learnt may be stale.
const IDLE: Duration = Duration::from_secs(300);
/// Runs that are remembered while no job of theirs is under way.
const MOST_IDLE: usize = 32;

/// The engines of the runs that have jobs here.
pub(crate) struct Engines {
    registries: Arc<Registries>,
    slots: NonZeroUsize,
    runs: Mutex<HashMap<RunId, (Arc<Engine>, Instant)>>,
}

impl Engines {
    pub(crate) fn new(registries: Arc<Registries>, slots: NonZeroUsize) -> Self {
        Self { registries, slots, runs: Mutex::default() }
    }

    /// Returns the engine of a run, and forgets those that nobody needs.
    pub(crate) fn of(&self, run: RunId) -> Arc<Engine> {
        let now = Instant::now();
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        for (engine, used) in runs.values_mut() {
            if Arc::strong_count(engine) > 1 {
                *used = now;
            }
        }
        runs.retain(|_, (_, used)| now.duration_since(*used) < IDLE);
        if runs.len() >= MOST_IDLE
            && !runs.contains_key(&run)
            && let Some(oldest) = oldest(&runs)
        {
            runs.remove(&oldest);
        }
        let make = || {
            let registries = Arc::clone(&self.registries);
            (Engine::new(EngineOptions { registries, concurrency: self.slots }), now)
        };
        Arc::clone(&runs.entry(run).or_insert_with(make).0)
    }
}

/// The run that has been without a job for longest; none where all have one.
fn oldest(runs: &HashMap<RunId, (Arc<Engine>, Instant)>) -> Option<RunId> {
    let idle = runs.iter().filter(|(_, (engine, _))| Arc::strong_count(engine) == 1);
    idle.min_by_key(|(_, (_, used))| *used).map(|(&run, _)| run)
}
