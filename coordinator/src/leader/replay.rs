//! Taking a log over: what a new leader makes of everything that is in it.
//!
//! Names that somebody may be writing are held, jobs that were let go have their turn, and what was
//! written counts as written, as if this leader had seen it all itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mirror_model::{JobId, Naming, RunId};
use mirror_oci::{Digest, Place, Tag, TagRef};
use mirror_proto::{Intent, Invalid, PlanPart, Record, Work, decode_batch};
use mirror_queue::LogSubject;

use crate::leader::commit::written;
use crate::leader::journal::Journal;
use crate::leader::links::Links;
use crate::leader::names::{Names, Order, Writer};
use crate::leader::regions::Regions;
use crate::leader::run::Run;
use crate::leader::turns::{Key, Turns};
use crate::leader::{Leader, LeaderOptions};

/// A log that is being read.
pub(crate) struct Replay {
    runs: BTreeMap<RunId, Run>,
    names: Names,
    turns: Turns,
    planned: HashMap<(RunId, JobId), PlannedJob>,
    now: Duration,
    until: Duration,
}

/// What a planned job brings, and the values that it writes.
struct PlannedJob {
    root: Digest,
    tag: Tag,
    /// Cosign's old tags.
    old: Vec<Tag>,
}

impl Replay {
    /// Begins to read a log, at `now`; whoever had permission to write a name has it for as long as
    /// `quarantine` from now.
    pub(crate) fn new(now: Duration, quarantine: Duration) -> Self {
        Self {
            runs: BTreeMap::new(),
            names: Names::default(),
            turns: Turns::default(),
            planned: HashMap::new(),
            now,
            until: now + quarantine,
        }
    }

    /// Reads a batch.
    ///
    /// # Errors
    /// A batch that is not understood is one of a later version: whoever passes over it may write what
    /// must not be written.
    pub(crate) fn read(
        &mut self,
        sequence: u64,
        subject: LogSubject,
        payload: &Bytes,
    ) -> Result<(), Invalid> {
        let LogSubject::Run(id) = subject else { return Ok(()) };
        let records = decode_batch(payload)?;
        for (index, record) in records.iter().enumerate() {
            if let Record::Submitted(submitted) = record {
                self.runs.entry(id).or_insert_with(|| Run::new(Arc::new((**submitted).clone())));
            }
            self.take(id, record, Order(sequence, index));
        }
        if let Some(run) = self.runs.get_mut(&id) {
            run.keep(sequence, payload.clone());
            if run.ended().is_some() {
                run.forget();
                self.planned.retain(|(run, _), _| *run != id);
            }
        }
        Ok(())
    }

    fn take(&mut self, id: RunId, record: &Record, order: Order) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        match record {
            Record::Planned(part) => self.planned.extend(jobs(id, part)),
            Record::Intent(intent) => {
                let Intent { job, name, seen, attempt, naming } = &**intent;
                let writer = Writer { run: id, job: *job, attempt: *attempt };
                let order = run.order(*job).unwrap_or(order);
                self.names.intended((name, *naming), writer, order, self.until);
                match (naming, self.planned.get(&(id, *job))) {
                    (Naming::Value, Some(planned)) => {
                        run.saw(*job, &name.tag, &planned.tag, *seen);
                    }
                    (Naming::Value, None) | (Naming::Set, _) => {}
                }
            }
            Record::Seen { job, .. } => {
                if let Some(keys) = keys(run, &self.planned, id, *job) {
                    self.turns.take((id, *job), &keys);
                }
            }
            Record::Row(outcome) => {
                let job = outcome.job;
                if let (Some(planned), Some(place), Some(order)) =
                    (self.planned.get(&(id, job)), place(run, job), run.order(job))
                {
                    let destination = TagRef { place: place.clone(), tag: planned.tag.clone() };
                    let is_own = |name: &TagRef| planned.writes(&name.tag);
                    for name in written(&destination, outcome).filter(is_own) {
                        self.names.wrote(&name, id, order);
                    }
                }
                if let Some(keys) = keys(run, &self.planned, id, job) {
                    self.turns.leave((id, job), &keys);
                    for (next_run, next) in self.turns.give((id, job), &keys) {
                        if let Some(run) = self.runs.get(&next_run)
                            && let Some(keys) = self::keys(run, &self.planned, next_run, next)
                        {
                            self.turns.take((next_run, next), &keys);
                        }
                    }
                }
            }
            Record::Submitted(_)
            | Record::Lost(_)
            | Record::Cancelled
            | Record::Ended { .. }
            | Record::Origin
            | Record::Term { .. }
            | Record::Beat { .. }
            | Record::Resigned { .. } => {}
        }
        if let Some(run) = self.runs.get_mut(&id) {
            run.apply(record, order);
        }
    }

    /// Leads from here on: the log ends at `last`, and `number` batches of it are this process's.
    pub(crate) fn lead(self, options: LeaderOptions, last: u64, number: u64) -> Leader {
        let Self { runs, names, turns, now, .. } = self;
        let mut leader = Leader {
            options,
            now,
            wall: 0,
            journal: Journal::new(last, number),
            base: 0,
            runs,
            names,
            turns,
            regions: Regions::default(),
            links: Links::default(),
            pauses: BTreeMap::new(),
            full: 0,
            beat: now,
            reconciled: now,
            effects: Vec::new(),
            rows: BTreeMap::new(),
            lost: 0,
        };
        leader.prune();
        let unfinished: Vec<RunId> = leader.unfinished().collect();
        for run in unfinished {
            leader.drive(run);
        }
        leader
    }
}

/// The jobs of a part of a plan.
fn jobs(run: RunId, part: &PlanPart) -> Vec<((RunId, JobId), PlannedJob)> {
    let Ok(items) = &part.items else { return Vec::new() };
    let items = items.items.iter().enumerate().map(|(index, item)| (items.first + index, item));
    items
        .filter_map(|(row, item)| match &item.work {
            Work::Copy { root, tag, referrers } => {
                let job = JobId { entry: part.entry, row };
                let old = referrers.iter().filter_map(|attached| attached.name.clone()).collect();
                Some(((run, job), PlannedJob { root: root.digest, tag: tag.clone(), old }))
            }
            Work::Chart { archive, tag, .. } => {
                let job = JobId { entry: part.entry, row };
                let (root, tag, old) = (*archive, tag.clone(), Vec::new());
                Some(((run, job), PlannedJob { root, tag, old }))
            }
            Work::Settled(_) => None,
        })
        .collect()
}

/// What a planned job keeps others from.
fn keys(
    run: &Run,
    planned: &HashMap<(RunId, JobId), PlannedJob>,
    id: RunId,
    job: JobId,
) -> Option<[Key; 2]> {
    let PlannedJob { root, tag, .. } = planned.get(&(id, job))?;
    let place = place(run, job)?;
    let name = TagRef { place: place.clone(), tag: tag.clone() };
    Some([Key::Tag(name), Key::Root(place.clone(), *root)])
}

/// Where a job writes to.
fn place(run: &Run, job: JobId) -> Option<&Place> {
    run.submitted.run.entries.get(job.entry.0).map(|entry| &entry.destination)
}

impl PlannedJob {
    /// Returns whether `tag` is to point to what the job brings, or to something that is attached to it.
    fn writes(&self, tag: &Tag) -> bool {
        self.tag == *tag || self.old.contains(tag)
    }
}
