//! What the log tells of a fleet: who led, which runs there were, what they planned, and what came of
//! it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mirror_model::{JobId, Outcome, RunId};
use mirror_proto::{Record, Work};
use mirror_queue::{LogSubject, Stamp};
use ulid::Ulid;

use super::processes::{Batch, Fleet};

/// How long something may take to be in the log, on a machine where much else goes on.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the log.
const LOOK: Duration = Duration::from_millis(50);

/// The log, as it was read.
pub(crate) struct Story(Vec<Batch>);

/// A leader's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) sequence: u64,
    pub(crate) stamp: Stamp,
    pub(crate) number: u64,
}

impl Story {
    /// Reads the log of a fleet.
    pub(crate) async fn of(fleet: &Fleet) -> Self {
        Self(fleet.log().await)
    }

    /// Reads the log until it tells what it ought to.
    pub(crate) async fn until(fleet: &Fleet, what: &str, is_told: impl Fn(&Self) -> bool) -> Self {
        let begin = tokio::time::Instant::now();
        loop {
            let story = Self::of(fleet).await;
            if is_told(&story) {
                return story;
            }
            assert!(begin.elapsed() < PATIENCE, "not in the log within {PATIENCE:?}: {what}");
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) fn batches(&self) -> &[Batch] {
        &self.0
    }

    fn records(&self) -> impl Iterator<Item = (&Batch, &Record)> {
        self.0.iter().flat_map(|batch| batch.records.iter().map(move |record| (batch, record)))
    }

    /// Returns the terms, in order.
    pub(crate) fn terms(&self) -> Vec<Term> {
        let terms = self.records().filter_map(|(batch, record)| {
            let Record::Term { term: number, .. } = record else { return None };
            Some(Term { sequence: batch.sequence, stamp: batch.stamp, number: *number })
        });
        terms.collect()
    }

    /// Returns how many records of a kind there are.
    pub(crate) fn count(&self, is_one: impl Fn(&Record) -> bool) -> usize {
        self.records().filter(|(_, record)| is_one(record)).count()
    }

    /// Returns the ids of the runs, in the order in which they were taken.
    pub(crate) fn runs(&self) -> Vec<RunId> {
        let submitted = self.records().filter(|(_, record)| matches!(record, Record::Submitted(_)));
        let runs = submitted.filter_map(|(batch, _)| match batch.subject {
            LogSubject::Run(run) => Some(run),
            LogSubject::Leader => None,
        });
        runs.collect()
    }

    /// Returns the rows of a run.
    pub(crate) fn rows(&self, run: RunId) -> Vec<&Outcome> {
        let rows = self.of_run(run).filter_map(|record| {
            let Record::Row(outcome) = record else { return None };
            Some(&**outcome)
        });
        rows.collect()
    }

    /// Returns the records of a run.
    pub(crate) fn of_run(&self, run: RunId) -> impl Iterator<Item = &Record> {
        let is_its = move |batch: &Batch| batch.subject == LogSubject::Run(run);
        self.records().filter(move |(batch, _)| is_its(batch)).map(|(_, record)| record)
    }

    /// Returns the jobs of a run's plan, by their tags: of plans that were begun twice, the last.
    pub(crate) fn jobs(&self, run: RunId) -> BTreeMap<JobId, String> {
        let mut jobs: BTreeMap<JobId, String> = BTreeMap::new();
        for record in self.of_run(run) {
            let Record::Planned(part) = record else { continue };
            let Ok(items) = &part.items else { continue };
            if items.first == 0 {
                jobs.retain(|job, _| job.entry != part.entry);
            }
            for (index, item) in items.items.iter().enumerate() {
                if matches!(item.work, Work::Copy { .. }) {
                    let job = JobId { entry: part.entry, row: items.first + index };
                    jobs.insert(job, item.id.clone());
                }
            }
        }
        jobs
    }

    /// Asserts that every run has ended, once, and that each of its planned jobs has one row in the log,
    /// and nothing else has.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        for run in self.runs() {
            let mut rows: BTreeMap<JobId, usize> = BTreeMap::new();
            for row in self.rows(run) {
                *rows.entry(row.job).or_default() += 1;
            }
            assert!(rows.values().all(|count| *count == 1), "more than one row: {rows:?}");
            let with_row: BTreeSet<JobId> = rows.into_keys().collect();
            let planned: BTreeSet<JobId> = self.jobs(run).into_keys().collect();
            assert_eq!(with_row, planned, "rows, and planned jobs");
            let ends = self.of_run(run).filter(|record| matches!(record, Record::Ended { .. }));
            assert_eq!(ends.count(), 1, "ends of run {}", text(run));
        }
    }

    /// Asserts that no writer wrote after the term of another began, and none a batch twice.
    #[track_caller]
    pub(crate) fn assert_led_by_one(&self) {
        let mut leader: Option<Stamp> = None;
        for batch in &self.0 {
            if batch.records.iter().any(|record| matches!(record, Record::Term { .. })) {
                leader = Some(batch.stamp);
                continue;
            }
            let before = leader.expect("a term comes first");
            assert_eq!(batch.stamp.writer, before.writer, "at {}: {batch:?}", batch.sequence);
            assert!(batch.stamp.number > before.number, "twice at {}: {batch:?}", batch.sequence);
            leader = Some(batch.stamp);
        }
    }
}

/// Returns a run's id as the command line has it.
pub(crate) fn text(run: RunId) -> String {
    Ulid(run.0).to_string()
}
