//! Executing a job: its attempts, within its budget, to exactly one outcome.

use std::sync::{Arc, PoisonError};

use mirror_model::{
    Event, Failure, FailureKind, Job, JobId, Observer, Outcome, Source, Stage, Status,
};
use mirror_oci::Digest;
use mirror_registry::Access;
use mirror_transport::Budget;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::attempt::{Attempt, Done};
use crate::copy::Copying;
use crate::meter::JobMeter;
use crate::persist::{Tried, persist};
use crate::{Commits, Engine};

/// What a job is executed with.
#[derive(Clone)]
pub struct JobContext {
    /// Who wants to know.
    pub observer: Arc<dyn Observer>,
    /// Who keeps order among writers.
    pub commits: Arc<dyn Commits>,
    /// Ends the job.
    pub cancel: CancellationToken,
}

impl Engine {
    /// Executes a job that looking did not settle.
    ///
    /// Resolves to its one outcome, also where the job panics or is cancelled; dropping the future
    /// aborts the job.
    pub async fn execute(self: Arc<Self>, job: Job, context: JobContext) -> Outcome {
        let (id, digest) = (job.id, job.wanted());
        let JobContext { observer, commits, cancel } = context;
        let mut task = JoinSet::new();
        task.spawn(self.attempts(job, observer, commits));
        let failure = tokio::select! {
            biased;
            ended = task.join_next() => match ended {
                Some(Ok(outcome)) => return outcome,
                Some(Err(error)) => {
                    let message = match error.try_into_panic().ok().as_ref().and_then(panic_text) {
                        Some(text) => format!("internal error: {text}"),
                        None => "internal error".to_owned(),
                    };
                    Failure::text(Stage::Run, FailureKind::Internal, message)
                }
                None => Failure::cancelled(),
            },
            () = cancel.cancelled() => Failure::cancelled(),
        };
        failed(id, digest, failure)
    }

    async fn attempts(
        self: Arc<Self>,
        job: Job,
        observer: Arc<dyn Observer>,
        commits: Arc<dyn Commits>,
    ) -> Outcome {
        let (id, limits, digest) = (job.id, job.limits, job.wanted());
        let budget = Budget::new(limits.timeout);
        let Source::Artifact { place, .. } = &job.source;
        let source_name = format!("{place}:{}", job.destination.tag);
        let source = self.store(place, Access::Pull, &budget);
        let destination = self.store(&job.destination.place, Access::Push, &budget);
        let meter = JobMeter::new(id, Arc::clone(&observer));
        let copying = Copying {
            engine: self,
            job,
            source,
            destination,
            budget: Arc::clone(&budget),
            observer: Arc::clone(&observer),
            meter: meter.clone(),
        };
        let attempt = Attempt::new(Arc::new(copying), commits);
        let retrying = |attempt, delay, error: &crate::cause::StageError| {
            let (source, failure) = (source_name.clone(), error.failure());
            observer.observe(Event::JobRetrying { job: id, source, attempt, delay, failure });
        };
        let Tried { attempts, result } =
            persist(&budget, limits, Stage::Copy, retrying, || attempt.run()).await;
        meter.tell();
        let status = match result {
            Ok(Done::Elsewhere(outcome)) => return *outcome,
            Ok(Done::Settled(status)) => status,
            Ok(Done::Dropped) => Status::Failed(Failure::cancelled()),
            Err(failure) => Status::Failed(failure),
        };
        Outcome {
            job: id,
            attempts,
            elapsed: budget.spent(),
            bytes: meter.sent(),
            status,
            digest: Some(digest),
            referrers: attempt.rows.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Returns the outcome of a job that comes to no end of its own.
pub(crate) fn unfinished(job: &Job, failure: Failure) -> Outcome {
    failed(job.id, job.wanted(), failure)
}

/// Returns the outcome of a job that failed before it worked.
pub(crate) fn failed(job: JobId, digest: Digest, failure: Failure) -> Outcome {
    Outcome::idle(job, Status::Failed(failure), digest)
}

/// What a panic says.
fn panic_text(panic: &Box<dyn std::any::Any + Send>) -> Option<String> {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
}
