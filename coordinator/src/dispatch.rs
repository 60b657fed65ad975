//! Dispatch over the queue: a job is logged, published, done by a worker, and its row logged.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use mirror_engine::{Dispatch, Engine, Looked, Recalled};
use mirror_model::{Failure, FailureKind, Job, JobId, Outcome, RunId, Stage, Status};
use mirror_proto::{Invalid, JobHash, encode_job};
use tokio_util::sync::CancellationToken;

use crate::lead::Handle;
use crate::leader::{Dispatched, Input, Wanted};
use crate::queues::Queues;

/// Jobs of a run that its driver hands over at once, where the run does not bound its copies: as many
/// as the window of a region may hold.
const WINDOW: NonZeroUsize = NonZeroUsize::new(2048).expect("2,048 is not zero");

/// Gets the jobs of one run done by workers.
pub(crate) struct QueueDispatch {
    run: RunId,
    handle: Handle,
    engine: Arc<Engine>,
    queues: Arc<Queues>,
    recalled: Mutex<HashMap<JobId, Recalled>>,
    jobs: Option<NonZeroUsize>,
}

impl QueueDispatch {
    pub(crate) fn new(
        run: RunId,
        handle: Handle,
        engine: Arc<Engine>,
        queues: Arc<Queues>,
        recalled: HashMap<JobId, Recalled>,
        jobs: Option<NonZeroUsize>,
    ) -> Self {
        Self { run, handle, engine, queues, recalled: Mutex::new(recalled), jobs }
    }

    /// Wants the job done, and looks at it again whenever another job has written the same meanwhile.
    async fn done(&self, job: Job, cancel: &CancellationToken) -> Outcome {
        let mut job = Arc::new(job);
        loop {
            let message = match encode_job(&job) {
                Ok(message) => message,
                Err(error) => return self.kept(&job, ended(&job, unfit(&error))).await,
            };
            let region = self.queues.region(&job.destination.place).clone();
            let hash = JobHash::of(&message);
            let wanted = Wanted { job: Arc::clone(&job), message: message.into(), hash, region };
            let asked = self.handle.ask(|reply| Input::Dispatch(self.run, Box::new(wanted), reply));
            match asked.await {
                Ok(Dispatched::Ended(outcome)) => return *outcome,
                // Whoever leads now goes on with the run.
                Err(_gone) => std::future::pending().await,
                Ok(Dispatched::LookAgain) => {
                    let mut again = Arc::unwrap_or_clone(job);
                    again.unlooked();
                    match self.engine.look_again(again, cancel).await {
                        Looked::Settled(job, outcome) => return self.kept(&job, *outcome).await,
                        Looked::Failed(job, failure) if !self.reaches_further(&job, &failure) => {
                            return self.kept(&job, ended(&job, failure)).await;
                        }
                        Looked::Due(looked) | Looked::Failed(looked, _) => job = Arc::new(looked),
                    }
                }
            }
        }
    }

    async fn kept(&self, job: &Job, outcome: Outcome) -> Outcome {
        self.keep(Some(job), &outcome).await;
        outcome
    }
}

impl Dispatch for QueueDispatch {
    fn window(&self) -> NonZeroUsize {
        self.jobs.unwrap_or(WINDOW)
    }

    fn recall(&self, job: &Job) -> Option<Recalled> {
        let mut recalled = self.recalled.lock().unwrap_or_else(PoisonError::into_inner);
        recalled.remove(&job.id)
    }

    /// A worker may read a destination that the coordinator may not. A dry run publishes nothing.
    fn reaches_further(&self, job: &Job, failure: &Failure) -> bool {
        !job.policy.dry_run && failure.kind != FailureKind::Cancelled
    }

    async fn keep(&self, job: Option<&Job>, outcome: &Outcome) {
        let name = job.map(|job| job.destination.clone());
        let outcome = Box::new(outcome.clone());
        let kept = self.handle.ask(|reply| Input::Keep(self.run, name, outcome, reply));
        if kept.await.is_err() {
            // Whoever leads now goes on with the run.
            std::future::pending::<()>().await;
        }
    }

    async fn dispatch(&self, job: Job, cancel: CancellationToken) -> Outcome {
        let id = job.id;
        let mut done = std::pin::pin!(self.done(job, &cancel));
        tokio::select! {
            biased;
            outcome = &mut done => return outcome,
            () = cancel.cancelled() => {}
        }
        let _ = self.handle.tell(Input::Unwant(self.run, id)).await;
        done.await
    }
}

/// Why a job does not travel.
fn unfit(error: &Invalid) -> Failure {
    let stage = match error {
        Invalid::TooMuchAttached { .. } => Stage::Referrers,
        Invalid::Bytes { .. }
        | Invalid::Absent { .. }
        | Invalid::Value { .. }
        | Invalid::TooLarge { .. }
        | Invalid::Layout { .. } => Stage::Run,
    };
    Failure::new(stage, FailureKind::TooLarge, error)
}

/// The outcome of a job that cannot be carried.
fn ended(job: &Job, failure: Failure) -> Outcome {
    Outcome::idle(job.id, Status::Failed(failure), job.wanted())
}
