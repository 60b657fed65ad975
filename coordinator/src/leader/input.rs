//! What reaches the leader, and what it wants done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mirror_model::{EntryIndex, Job, JobId, Outcome, RunId};
use mirror_oci::TagRef;
use mirror_proto::wire::worker::v1::{FromWorker, Hello, Progress, ToWorker};
use mirror_proto::{JobHash, PlanPart, SubmittedRun};
use mirror_queue::{LogSubject, Published, Region};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::leader::run::Summary;

/// Where an answer goes; whoever asked may be gone.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// Something that happened.
pub(crate) enum Input {
    /// Somebody submits a run.
    Submit(Box<Submission>, Reply<Result<Accepted, Refusal>>),
    /// Somebody wants a run to end.
    Cancel(RunId, Caller, Reply<Result<Summary, Refusal>>),
    /// Somebody wants to know of runs.
    List(Reply<Vec<Summary>>),
    /// Somebody watches a run, and knows it up to a sequence.
    History(RunId, u64, Reply<Result<History, Refusal>>),
    /// The run's driver has planned an entry.
    Planned(RunId, EntryIndex, Vec<PlanPart>, Reply<()>),
    /// The run's driver wants a job done.
    Dispatch(RunId, Box<Wanted>, Reply<Dispatched>),
    /// The run's driver has settled a job; the name is that of its tag, where it looked at it.
    Keep(RunId, Option<TagRef>, Box<Outcome>, Reply<()>),
    /// The run's driver does not want a job any more.
    Unwant(RunId, JobId),
    /// The run's driver has come to its end.
    Finished(RunId),
    /// A worker has come.
    Attached(u64, Hello, mpsc::Sender<ToWorker>),
    /// A worker says something.
    Heard(u64, FromWorker),
    /// A worker's link is closed.
    Detached(u64),
    /// The batch under way is in the log.
    Stored(u64),
    /// NATS took a job, or did not.
    Published(RunId, JobId, u32, Result<Published, String>),
    /// NATS has forgotten a job.
    Missing(RunId, JobId, u32),
    /// NATS has forgotten all jobs of a region.
    Forgotten(Region),
    /// How full the log is, of 100.
    Room(u64),
    /// Somebody wants to know what is counted.
    Count(Reply<Counts>),
    /// A registry asked the coordinator itself for a pause.
    Paused(String, Duration),
    /// Time went by; it is so many seconds since 1970.
    Tick(i64),
}

/// What a leader counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Runs that go on.
    pub(crate) running: u64,
    /// Runs that have ended and are kept.
    pub(crate) ended: u64,
    /// Rows that this process stored, by status.
    pub(crate) rows: BTreeMap<&'static str, u64>,
    /// Jobs that were lost with their worker.
    pub(crate) lost: u64,
    /// Workers and their slots, by region.
    pub(crate) regions: BTreeMap<Region, (u64, u64)>,
    /// How full the log is, of 100.
    pub(crate) full: u64,
}

/// A run to be taken.
pub(crate) struct Submission {
    pub(crate) id: RunId,
    pub(crate) run: SubmittedRun,
    pub(crate) body_hash: [u8; 32],
    pub(crate) caller: Caller,
    /// Seconds since 1970.
    pub(crate) at: i64,
}

/// Who calls: what the guard found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller(pub(crate) String);

/// A run that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) run: RunId,
    /// It was known by its key.
    pub(crate) known: bool,
}

/// Why a caller does not get what he wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no such run")]
    NotFound,
    #[error(
        "the idempotency key belongs to run {run}, which was submitted with another config or other flags"
    )]
    OtherBody { run: String },
    #[error("the run belongs to {owner}")]
    OtherOwner { owner: String },
    #[error("the log of runs does not answer, and too many runs wait for it already")]
    Busy,
    #[error(
        "the log of runs is over 90 % full: wait until older runs are forgotten, or give the log more room"
    )]
    Full,
}

/// What a watcher gets.
pub(crate) struct History {
    /// The run, as it is now.
    pub(crate) summary: Summary,
    /// Batches after the sequence that the watcher knows; `None` where they are in the log alone.
    pub(crate) batches: Option<Vec<(u64, Bytes)>>,
    /// Changes with each batch.
    pub(crate) changed: watch::Receiver<u64>,
    /// What workers tell.
    pub(crate) progress: Option<broadcast::Receiver<Progress>>,
}

/// A job as its driver wants it done.
pub(crate) struct Wanted {
    pub(crate) job: Arc<Job>,
    pub(crate) message: Bytes,
    pub(crate) hash: JobHash,
    pub(crate) region: Region,
}

/// What becomes of a job that was wanted.
#[derive(Debug)]
pub(crate) enum Dispatched {
    /// It has ended.
    Ended(Box<Outcome>),
    /// Its turn has come after another job that wrote the same: it is to be looked at again, and wanted
    /// again, or kept.
    LookAgain,
}

/// Something to be done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Append a batch to the log.
    Append { expected: u64, number: u64, subject: LogSubject, payload: Bytes },
    /// Publish a job.
    Publish(Publish),
    /// Take a message out of a queue.
    Remove { region: Region, published: Published },
    /// Find out which of these messages NATS has forgotten.
    Check { region: Region, jobs: Vec<(RunId, JobId, u32, Published)> },
    /// Start the driver of a run, with what the log has of it, unless memory has not room for it.
    Drive { run: RunId, history: Option<Vec<Bytes>>, cancel: CancellationToken },
    /// Forget a run.
    Purge(RunId),
    /// Leave a registry alone.
    Pause { host: String, wait: Duration },
    /// Keep to so many requests at once to each registry.
    Share(usize),
}

/// A job to be published.
#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) region: Region,
    pub(crate) run: RunId,
    pub(crate) job: JobId,
    pub(crate) number: u32,
    pub(crate) alone: bool,
    pub(crate) message: Bytes,
}
