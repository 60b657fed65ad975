//! The one seam between the modes: getting a job done.

use std::num::NonZeroUsize;
use std::sync::Arc;

use mirror_model::{Failure, FirstLook, Job, Outcome};
use tokio_util::sync::CancellationToken;

use crate::{Engine, JobContext};

/// A way to get jobs done.
pub trait Dispatch: Send + Sync {
    /// Returns how many jobs may be under way at once.
    fn window(&self) -> NonZeroUsize;

    /// Returns what an earlier life of the run has left of `job`: asked before it is looked at.
    fn recall(&self, job: &Job) -> Option<Recalled> {
        let _ = job;
        None
    }

    /// Returns whether `job`, whose look failed, is worth dispatching: whoever does it may reach what
    /// this process does not.
    fn reaches_further(&self, job: &Job, failure: &Failure) -> bool {
        let _ = (job, failure);
        false
    }

    /// Keeps the outcome of a job that ended without having been dispatched; the job is given where its
    /// names were looked at.
    fn keep(&self, job: Option<&Job>, outcome: &Outcome) -> impl Future<Output = ()> + Send {
        let _ = (job, outcome);
        std::future::ready(())
    }

    /// Gets `job` done and returns what came of it.
    ///
    /// Resolves to exactly one outcome, whatever happens on the way: a crash, a lost worker or a
    /// cancelled run is an outcome too. Resolves soon after `cancel` fires.
    fn dispatch(&self, job: Job, cancel: CancellationToken)
    -> impl Future<Output = Outcome> + Send;
}

/// What an earlier life of a run has left of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// It was looked at, and was to be dispatched.
    Seen(FirstLook),
    /// It ended.
    Ended(Box<Outcome>),
}

/// Jobs whose manifests may be in memory at once; copies are bounded by `--concurrency`.
const WINDOW: NonZeroUsize = NonZeroUsize::new(256).expect("256 is not zero");

/// Gets jobs done in this process.
pub struct LocalDispatch {
    engine: Arc<Engine>,
    context: JobContext,
}

impl LocalDispatch {
    /// Gets jobs done by `engine`.
    pub fn new(engine: Arc<Engine>, context: JobContext) -> Self {
        Self { engine, context }
    }
}

impl Dispatch for LocalDispatch {
    fn window(&self) -> NonZeroUsize {
        WINDOW
    }

    async fn dispatch(&self, job: Job, cancel: CancellationToken) -> Outcome {
        let context = JobContext { cancel, ..self.context.clone() };
        Arc::clone(&self.engine).execute(job, context).await
    }
}
