//! Driving a run: the engine plans and looks, and what it finds out goes into the log.
//!
//! A run that an earlier leader began goes on where the log ends: what was planned is not planned
//! again, what was seen is not looked at again, and what has a row is done.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use mirror_charts::Charts;
use mirror_engine::{Engine, EngineOptions, Recalled, Signatures, drive, numbered};
use mirror_model::{
    Entry, EntryIndex, EntryPlan, Event, Failure, JobId, Planned, RunId, RunOptions,
};
use mirror_proto::{PlanPart, PlannedPart, Record, Submitted, decode_batch, settle_unfit};
use mirror_queue::{LogSubject, QueueError};
use mirror_registry::Registries;
use mirror_transport::clock_offset;
use mirror_verify::Trust;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use crate::dispatch::QueueDispatch;
use crate::lead::Handle;
use crate::leader::Input;
use crate::queues::Queues;

/// Between two tries to read a log that does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// A run to be driven.
pub(crate) struct Driver {
    pub(crate) run: RunId,
    /// What the log has of it; to be read there, where memory has no room for it.
    pub(crate) history: Option<Vec<Bytes>>,
    pub(crate) cancel: CancellationToken,
    pub(crate) handle: Handle,
    pub(crate) registries: Arc<Registries>,
    pub(crate) charts: Arc<Charts>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) queues: Arc<Queues>,
}

/// What an earlier life of a run has left.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    submitted: Option<Submitted>,
    plans: HashMap<EntryIndex, Vec<PlanPart>>,
    recalled: HashMap<JobId, Recalled>,
}

impl Memory {
    /// Reads what the log has of a run.
    pub(crate) fn of(history: &[Bytes]) -> Self {
        let mut memory = Self::default();
        for payload in history {
            for record in decode_batch(payload).unwrap_or_default() {
                memory.take(record);
            }
        }
        memory
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Submitted(submitted) => self.submitted = Some(*submitted),
            Record::Planned(part) => {
                let parts = self.plans.entry(part.entry).or_default();
                // A plan that was cut short by the end of its leader began anew.
                if part.items.as_ref().map_or(true, |items| items.first == 0) {
                    parts.clear();
                }
                parts.push(part);
            }
            Record::Seen { job, look } => {
                self.recalled.entry(job).or_insert(Recalled::Seen(look));
            }
            Record::Row(outcome) => {
                // The log has one row of a job.
                self.recalled.insert(outcome.job, Recalled::Ended(outcome));
            }
            Record::Intent(_)
            | Record::Lost(_)
            | Record::Cancelled
            | Record::Ended { .. }
            | Record::Origin
            | Record::Term { .. }
            | Record::Beat { .. }
            | Record::Resigned { .. } => {}
        }
    }

    /// Returns the plans that are whole.
    fn plans(&mut self, run: RunId, entries: &[Entry], options: &RunOptions) -> Vec<Plan> {
        let mut plans: Vec<Plan> = self
            .plans
            .drain()
            .filter_map(|(index, parts)| {
                let entry = entries.get(index.0)?;
                Some((index, whole(run, index, entry, options, parts)?))
            })
            .collect();
        plans.sort_by_key(|(index, _)| *index);
        plans
    }
}

type Plan = (EntryIndex, EntryPlan);

/// Puts the parts of a plan together; `None` where some are missing.
fn whole(
    run: RunId,
    index: EntryIndex,
    entry: &Entry,
    options: &RunOptions,
    parts: Vec<PlanPart>,
) -> Option<EntryPlan> {
    let (mut all, mut wanted, mut said) = (Vec::new(), 0, Vec::new());
    let mut failure: Option<Failure> = None;
    for PlanPart { items, warnings, .. } in parts {
        said.extend(warnings);
        match items {
            Err(found) => failure = Some(found),
            Ok(PlannedPart { total, items, .. }) => {
                wanted = total;
                all.extend(items);
            }
        }
    }
    let items = match failure {
        Some(failure) => Err(failure),
        None if all.len() < wanted => return None,
        None => {
            let items = all.into_iter().enumerate();
            let plan = |(row, item): (usize, mirror_proto::PlanItem)| -> Planned {
                item.into_planned(run, JobId { entry: index, row }, entry, options)
            };
            Ok(items.map(plan).collect())
        }
    };
    let (source, destination) = (entry.source_name.clone(), entry.destination_name.clone());
    Some(EntryPlan { source, destination, items, warnings: said, notes: Vec::new() })
}

/// How far NATS's clock is from ours; nothing where it does not tell.
async fn clocks(handle: &Handle) -> Vec<(String, i64)> {
    match handle.log.clock().await {
        Ok(Some([sent, theirs, received])) => {
            vec![("NATS".to_owned(), clock_offset(sent, theirs, received))]
        }
        Ok(None) => Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "cannot compare clocks with NATS");
            Vec::new()
        }
    }
}

/// When the run was taken: whoever leads, ages of signatures are reckoned from then.
fn taken_at(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Drives a run to its end. A run whose driver breaks ends with what it has.
pub(crate) async fn drive_run(driver: Driver) {
    let (run, handle) = (driver.run, driver.handle.clone());
    if AssertUnwindSafe(go(driver)).catch_unwind().await.is_err() {
        tracing::error!(run = %Ulid(run.0), "the driver of a run broke: it ends here");
    }
    let _ = handle.tell(Input::Finished(run)).await;
}

/// Reads what the log has of a run.
async fn read(handle: &Handle, run: RunId) -> Result<Vec<Bytes>, QueueError> {
    let mut batches = Box::pin(handle.log.read(1, Some(LogSubject::Run(run))));
    let mut history = Vec::new();
    while let Some(batch) = batches.next().await {
        history.push(batch?.payload);
    }
    Ok(history)
}

/// Reads what the log has of a run, however long it takes until the log answers.
async fn recollect(handle: &Handle, run: RunId) -> Vec<Bytes> {
    loop {
        match read(handle, run).await {
            Ok(history) => return history,
            Err(error) => tracing::warn!(run = %Ulid(run.0), %error, "cannot read a run's log"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn go(driver: Driver) {
    let Driver { run, history, cancel, handle, registries, charts, trust, queues } = driver;
    let history = match history {
        Some(history) => history,
        None => recollect(&handle, run).await,
    };
    let mut memory = Memory::of(&history);
    drop(history);
    let Some(submitted) = memory.submitted.take() else {
        tracing::error!(run = %Ulid(run.0), "the log has no beginning of a run: it ends here");
        return;
    };
    let (entries, options) = (submitted.run.entries, submitted.run.options);
    // The clock of whoever took it may have been ahead: it was compared with nobody's since.
    let now = taken_at(submitted.at).min(SystemTime::now());
    let clocks = clocks(&handle).await;
    // The run's report says so too, to whoever has submitted it.
    let tell = |trouble: &str| tracing::warn!(trouble, "the trusted root of this coordinator");
    let signatures = Some(Signatures { trust, now, clocks, tell });
    let concurrency = options.concurrency;
    let engine = Engine::new(EngineOptions { registries, concurrency, charts, signatures });
    let recorded = memory.plans(run, &entries, &options);
    let known: HashSet<EntryIndex> = recorded.iter().map(|(index, _)| *index).collect();
    let rest = numbered(&entries).into_iter().filter(|(index, _)| !known.contains(index));
    let fresh = Arc::clone(&engine).plan(run, rest.collect(), options, cancel.clone());
    let planner = handle.clone();
    // A plan is in the log before anything follows from it.
    let fresh = fresh.then(move |(index, mut plan)| {
        let planner = planner.clone();
        async move {
            for note in &plan.notes {
                tracing::debug!(run = %Ulid(run.0), source = plan.source, ?note, "planned");
            }
            settle_unfit(&mut plan);
            let parts = PlanPart::of(index, &plan);
            let _ = planner.ask(|reply| Input::Planned(run, index, parts, reply)).await;
            (index, plan)
        }
    });
    let plan = stream::iter(recorded).chain(fresh);
    let dispatch = QueueDispatch::new(
        run,
        handle.clone(),
        Arc::clone(&engine),
        queues,
        memory.recalled,
        submitted.run.jobs,
    );
    let observer = Arc::new(|_: Event| ());
    drive(engine, &entries, plan, &dispatch, observer, cancel).await;
}
