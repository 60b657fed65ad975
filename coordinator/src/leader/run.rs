//! A run, as the log tells it: what was planned, what is settled, and what is under way.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mirror_model::{EntryIndex, Job, JobId, Outcome, RunId, Seen, SkipReason, Status};
use mirror_oci::Tag;
use mirror_proto::wire::worker::v1::Progress;
use mirror_proto::{JobHash, PlanPart, PlannedPart, Record, Submitted, SubmittedRun, Work};
use mirror_queue::{Published, Region};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::leader::input::{Accepted, Dispatched, Refusal, Reply};
use crate::leader::names::Order;
use crate::leader::turns::Key;

/// Batches of a live run that are kept in memory, so that a lost log can be written again; a run beyond
/// this is lost with its log.
const MOST_HISTORY: usize = 200 << 20;
/// What workers tell of a run while a watcher is slow; beyond it, the oldest is lost to him.
const PROGRESS: usize = 256;

/// A run.
pub(crate) struct Run {
    /// As it was taken; without its entries once it has ended.
    pub(crate) submitted: Arc<Submitted>,
    entries: Vec<Entry>,
    /// What its entries came to, once it has ended.
    totals: Option<Totals>,
    /// Jobs that their driver wants done.
    pub(crate) jobs: HashMap<JobId, Live>,
    /// What came of jobs that were dispatched.
    pub(crate) outcomes: HashMap<JobId, Box<Outcome>>,
    /// Jobs of which the log has what was seen, that were dispatched and have no row.
    pub(crate) seen: HashSet<JobId>,
    /// Losses of jobs, and what was seen of their names as those were first asked for.
    pub(crate) losses: HashMap<JobId, u32>,
    first: HashMap<JobId, First>,
    pub(crate) cancel: CancellationToken,
    cancelled: bool,
    ended: Option<i64>,
    /// What the log has of the run, in its order.
    history: Vec<(u64, Bytes)>,
    history_bytes: usize,
    pub(crate) changed: watch::Sender<u64>,
    /// Made for the first who watches.
    pub(crate) progress: Option<broadcast::Sender<Progress>>,
    /// Whether it is in the log.
    pub(crate) is_logged: bool,
    /// Who else waits for that.
    pub(crate) joined: Vec<Reply<Result<Accepted, Refusal>>>,
}

/// What was seen first of the values that a job asked to write.
#[derive(Debug, Default)]
struct First {
    tag: Option<Seen>,
    /// Of cosign's old tags.
    old: HashMap<Tag, Seen>,
}

/// An entry of a run.
#[derive(Debug, Default)]
struct Entry {
    /// Rows of its plan, once all of it is in the log.
    total: Option<usize>,
    received: usize,
    /// Where the parts of its plan stand in the log, by their first row.
    parts: Vec<(usize, Order)>,
    /// Rows that are settled.
    settled: BTreeSet<usize>,
    /// Of these, the failed and the drifted ones.
    failed: u64,
    drifted: u64,
    has_failed: bool,
}

/// A job that is wanted and has no row.
pub(crate) struct Live {
    /// Its driver has it, too.
    pub(crate) job: Arc<Job>,
    pub(crate) region: Region,
    pub(crate) message: Bytes,
    pub(crate) hash: JobHash,
    pub(crate) phase: Phase,
    /// How often it was published.
    pub(crate) number: u32,
    /// Attempts under way, and the links that have them.
    pub(crate) attempts: HashMap<u64, u64>,
    /// Workers that gave it back because they cannot do it.
    pub(crate) refused: BTreeSet<u64>,
    pub(crate) refused_since: Option<Duration>,
    /// It is not wanted any more; whoever has it is asked for its row until then.
    pub(crate) unwanted: Option<Duration>,
    /// Its failed row is on its way to the log.
    pub(crate) is_failing: bool,
    pub(crate) reply: Option<Reply<Dispatched>>,
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Another job writes the same.
    Waiting,
    /// It is its turn: its driver looks again.
    Looking,
    /// What was seen is on its way to the log, or it waits for the window of its region.
    Ready,
    /// It is on its way to the queue.
    Publishing,
    /// It is in the queue, or a worker has it.
    Published(Option<Published>),
}

impl Live {
    /// Returns what the job keeps others from.
    pub(crate) fn keys(&self) -> [Key; 2] {
        let Job { destination, .. } = &*self.job;
        let root = Key::Root(destination.place.clone(), self.job.wanted());
        [Key::Tag(destination.clone()), root]
    }
}

/// A run in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) run: RunId,
    pub(crate) submitted: Arc<Submitted>,
    pub(crate) cancelled: bool,
    pub(crate) ended: Option<i64>,
    pub(crate) totals: Totals,
}

/// What the entries of a run come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) entries: usize,
    /// Entries whose plan is in the log.
    pub(crate) planned: usize,
    pub(crate) rows: u64,
    pub(crate) settled: u64,
    pub(crate) failed: u64,
    pub(crate) drifted: u64,
}

impl Run {
    /// Begins a run.
    pub(crate) fn new(submitted: Arc<Submitted>) -> Self {
        let entries = submitted.run.entries.iter().map(|_| Entry::default()).collect();
        Self {
            submitted,
            entries,
            totals: None,
            jobs: HashMap::new(),
            outcomes: HashMap::new(),
            seen: HashSet::new(),
            losses: HashMap::new(),
            first: HashMap::new(),
            cancel: CancellationToken::new(),
            cancelled: false,
            ended: None,
            history: Vec::new(),
            history_bytes: 0,
            changed: watch::Sender::new(0),
            progress: None,
            is_logged: false,
            joined: Vec::new(),
        }
    }

    /// Takes in a batch that is in the log.
    pub(crate) fn keep(&mut self, sequence: u64, payload: Bytes) {
        self.history_bytes += payload.len();
        if self.history_bytes <= MOST_HISTORY {
            self.history.push((sequence, payload));
        } else {
            self.history = Vec::new();
        }
        let _ = self.changed.send_replace(sequence);
    }

    /// Takes in a record of the log.
    pub(crate) fn apply(&mut self, record: &Record, order: Order) {
        match record {
            Record::Planned(part) => self.planned(part, order),
            Record::Seen { job, .. } => {
                self.seen.insert(*job);
            }
            Record::Row(outcome) => self.row(outcome),
            Record::Lost(job) => *self.losses.entry(*job).or_default() += 1,
            Record::Cancelled => {
                self.cancelled = true;
                self.cancel.cancel();
            }
            Record::Ended { at } => self.ended = Some(*at),
            Record::Submitted(_) => self.is_logged = true,
            // Whoever asks or reads the log has said it already: `saw`.
            Record::Intent(_)
            | Record::Origin
            | Record::Term { .. }
            | Record::Beat { .. }
            | Record::Resigned { .. } => {}
        }
    }

    /// A job asks for a name, of which so much was seen: returns what was seen of it first, whoever looked.
    /// `own` is the job's tag.
    pub(crate) fn saw(&mut self, job: JobId, name: &Tag, own: &Tag, seen: Seen) -> Seen {
        let first = self.first.entry(job).or_default();
        if name == own {
            *first.tag.get_or_insert(seen)
        } else {
            *first.old.entry(name.clone()).or_insert(seen)
        }
    }

    /// Returns what was seen of a job's tag as it was first asked for.
    pub(crate) fn first(&self, job: JobId) -> Option<Seen> {
        self.first.get(&job)?.tag
    }

    /// Returns what workers will tell of the run.
    pub(crate) fn progress(&mut self) -> Option<broadcast::Receiver<Progress>> {
        let is_live = self.ended.is_none();
        let make = || broadcast::Sender::new(PROGRESS);
        is_live.then(|| self.progress.get_or_insert_with(make).subscribe())
    }

    fn planned(&mut self, part: &PlanPart, order: Order) {
        let Some(entry) = self.entries.get_mut(part.entry.0) else { return };
        match &part.items {
            Err(_) => {
                *entry = Entry { total: Some(0), has_failed: true, ..Entry::default() };
            }
            Ok(PlannedPart { first, total, items }) => {
                // A plan that was cut short by the end of its leader begins anew.
                if *first == 0 {
                    *entry = Entry::default();
                }
                entry.parts.push((*first, order));
                entry.received += items.len();
                if entry.received >= *total {
                    entry.total = Some(*total);
                }
                for (index, item) in items.iter().enumerate() {
                    if let Work::Settled(row) = &item.work {
                        entry.settle(first + index, &row.status);
                    }
                }
            }
        }
    }

    fn row(&mut self, outcome: &Outcome) {
        let job = outcome.job;
        let Some(entry) = self.entries.get_mut(job.entry.0) else { return };
        if entry.settle(job.row, &outcome.status) {
            // Whoever has such a job may still ask for it.
            if self.seen.remove(&job) {
                self.outcomes.insert(job, Box::new(outcome.clone()));
            }
            self.losses.remove(&job);
            self.first.remove(&job);
        }
    }

    /// Returns whether a job has its row.
    pub(crate) fn is_settled(&self, job: JobId) -> bool {
        self.entries.get(job.entry.0).is_some_and(|entry| entry.settled.contains(&job.row))
    }

    /// Returns whether a job is in the plan.
    pub(crate) fn is_planned(&self, job: JobId) -> bool {
        let entry = self.entries.get(job.entry.0);
        entry.and_then(|entry| entry.total).is_some_and(|total| job.row < total)
    }

    /// Returns where the plan of a job stands in the log.
    pub(crate) fn order(&self, job: JobId) -> Option<Order> {
        let parts = &self.entries.get(job.entry.0)?.parts;
        parts.iter().rev().find(|(first, _)| *first <= job.row).map(|(_, order)| *order)
    }

    /// Returns where the first plan of the run stands in the log.
    pub(crate) fn first_order(&self) -> Option<Order> {
        self.entries.iter().flat_map(|entry| &entry.parts).map(|(_, order)| *order).min()
    }

    /// Returns whether the run is to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// Returns when the run ended, in seconds since 1970.
    pub(crate) fn ended(&self) -> Option<i64> {
        self.ended
    }

    /// Returns what the log has of the run after a sequence; `None` where memory does not have it.
    pub(crate) fn history(&self, after: u64) -> Option<Vec<(u64, Bytes)>> {
        if self.ended.is_some() || self.history_bytes > MOST_HISTORY {
            return None;
        }
        let from = self.history.partition_point(|(sequence, _)| *sequence <= after);
        Some(self.history[from..].to_vec())
    }

    /// Keeps of a run that has ended its numbers alone. The log has the rest.
    pub(crate) fn forget(&mut self) {
        self.totals = Some(self.totals());
        self.entries = Vec::new();
        let Submitted { run, body_hash, owner, at } = &*self.submitted;
        let run = SubmittedRun { entries: Vec::new(), ..run.clone() };
        let owner = owner.clone();
        self.submitted = Arc::new(Submitted { run, body_hash: *body_hash, owner, at: *at });
        self.jobs = HashMap::new();
        self.outcomes = HashMap::new();
        self.seen = HashSet::new();
        self.losses = HashMap::new();
        self.first = HashMap::new();
        self.history = Vec::new();
        self.progress = None;
    }

    /// The log was written again: this is where its batches stand now.
    pub(crate) fn moved(&mut self, sequences: &HashMap<u64, u64>) {
        for (sequence, _) in &mut self.history {
            *sequence = sequences.get(sequence).copied().unwrap_or(*sequence);
        }
        let last = self.history.last().map_or(0, |(sequence, _)| *sequence);
        let _ = self.changed.send_replace(last);
    }

    /// Returns the run in short.
    pub(crate) fn summary(&self, run: RunId) -> Summary {
        Summary {
            run,
            submitted: Arc::clone(&self.submitted),
            cancelled: self.cancelled,
            ended: self.ended,
            totals: self.totals.unwrap_or_else(|| self.totals()),
        }
    }

    fn totals(&self) -> Totals {
        let sum = |count: fn(&Entry) -> u64| self.entries.iter().map(count).sum();
        Totals {
            entries: self.entries.len(),
            planned: self.entries.iter().filter(|entry| entry.total.is_some()).count(),
            rows: sum(|entry| entry.total.unwrap_or(0) as u64),
            settled: sum(|entry| entry.settled.len() as u64),
            failed: sum(|entry| entry.failed + u64::from(entry.has_failed)),
            drifted: sum(|entry| entry.drifted),
        }
    }

    /// Returns whether all of an entry's plan is in the log.
    pub(crate) fn has_plan(&self, entry: EntryIndex) -> bool {
        self.entries.get(entry.0).is_some_and(|entry| entry.total.is_some() || entry.has_failed)
    }
}

impl Entry {
    /// Settles a row; returns whether it is its first.
    fn settle(&mut self, row: usize, status: &Status) -> bool {
        if !self.settled.insert(row) {
            return false;
        }
        match status {
            Status::Failed(_) => self.failed += 1,
            Status::Drifted => self.drifted += 1,
            Status::Copied
            | Status::Overwritten
            | Status::Skipped(_)
            | Status::WouldCopy
            | Status::WouldOverwrite => {}
        }
        true
    }
}

/// Returns the outcome as its first attempt would have had it: a row follows from what was seen first,
/// and a later attempt may have found the first one's own work.
pub(crate) fn normal(mut outcome: Outcome, first: Option<Seen>) -> Outcome {
    if let (Status::Skipped(SkipReason::UpToDate), Some(first), Some(digest)) =
        (&outcome.status, first, outcome.digest)
    {
        outcome.status = match first {
            Seen::Absent => Status::Copied,
            Seen::Present(present) if present != digest => Status::Overwritten,
            Seen::Present(_) | Seen::Unknown => return outcome,
        };
    }
    outcome
}
