//! One engine a run: what a worker learns of registries while it does jobs of that run.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mirror_charts::Charts;
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
    charts: Arc<Charts>,
    slots: NonZeroUsize,
    runs: Mutex<Runs>,
}

/// The engine of each run, and when it was last seen to have a job.
type Runs = HashMap<RunId, (Arc<Engine>, Instant)>;

impl Engines {
    pub(crate) fn new(
        registries: Arc<Registries>,
        charts: Arc<Charts>,
        slots: NonZeroUsize,
    ) -> Self {
        Self { registries, charts, slots, runs: Mutex::default() }
    }

    /// Forgets the runs that have had no job for long: to be called now and then.
    pub(crate) fn forget_idle(&self) {
        let now = Instant::now();
        for (engine, used) in self.runs().values_mut() {
            if Arc::strong_count(engine) > 1 {
                *used = now;
            }
        }
        self.runs().retain(|_, (_, used)| now.duration_since(*used) < IDLE);
    }

    /// Returns the engine of a run.
    pub(crate) fn of(&self, run: RunId) -> Arc<Engine> {
        let mut runs = self.runs();
        if runs.len() >= MOST_IDLE
            && !runs.contains_key(&run)
            && let Some(oldest) = oldest(&runs)
        {
            runs.remove(&oldest);
        }
        let make = || {
            let (registries, charts) = (Arc::clone(&self.registries), Arc::clone(&self.charts));
            let (concurrency, signatures) = (self.slots, None);
            let engine = Engine::new(EngineOptions { registries, concurrency, charts, signatures });
            (engine, Instant::now())
        };
        Arc::clone(&runs.entry(run).or_insert_with(make).0)
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The run that has been without a job for longest; none where all have one.
fn oldest(runs: &Runs) -> Option<RunId> {
    let idle = runs.iter().filter(|(_, (engine, _))| Arc::strong_count(engine) == 1);
    idle.min_by_key(|(_, (_, used))| *used).map(|(&run, _)| run)
}

#[cfg(test)]
mod tests {
    use mirror_charts::{ChartsOptions, RepositoriesFile};
    use mirror_credentials::{Credentials, DockerConfig, Providers};
    use mirror_registry::RegistriesOptions;
    use mirror_transport::{Options, Timing, Transport};

    use super::*;

    fn engines() -> Engines {
        let options =
            Options { insecure: false, user_agent: "test".to_owned(), timing: Timing::default() };
        let registries = Registries::new(RegistriesOptions {
            transport: Transport::new(options),
            credentials: Credentials::new(
                HashMap::new(),
                DockerConfig::from_environment(&|_| None),
                Providers::none(),
            ),
            chunks: HashMap::new(),
            tls: HashMap::new(),
            notices: Arc::new(|_| ()),
        });
        let repositories = RepositoriesFile::default();
        let transport = registries.transport().clone();
        let charts =
            Charts::new(ChartsOptions { transport, repositories, notices: Arc::new(|_| ()) });
        Engines::new(registries, charts, NonZeroUsize::MIN)
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_is_remembered_while_it_has_jobs() {
        let engines = engines();
        let busy = engines.of(RunId(1));
        let idle = Arc::downgrade(&engines.of(RunId(2)));
        assert!(Arc::ptr_eq(&busy, &engines.of(RunId(1))));
        tokio::time::advance(IDLE / 2).await;
        engines.forget_idle();
        assert!(idle.upgrade().is_some());
        tokio::time::advance(IDLE / 2).await;
        engines.forget_idle();
        assert!(idle.upgrade().is_none() && Arc::ptr_eq(&busy, &engines.of(RunId(1))));
    }

    #[tokio::test(start_paused = true)]
    async fn few_idle_runs_are_remembered() {
        let engines = engines();
        let busy = engines.of(RunId(0));
        for run in 1..1_000 {
            engines.of(RunId(run));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(engines.runs().len(), MOST_IDLE);
        assert!(Arc::ptr_eq(&busy, &engines.of(RunId(0))));
    }
}
