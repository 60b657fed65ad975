//! The ledger: one row for each planned tag, in plan order, whatever ended first.
//!
//! It also knows which tag of which destination is taken by which digest, so that two entries that
//! write the same repository come out the same in every run.

use std::collections::{BTreeMap, HashMap};

use mirror_model::{
    EntryIndex, EntryPlan, EntryReport, Failure, FailureKind, Job, JobId, Outcome, Planned, Report,
    Row, Stage, Status, Verification,
};
use mirror_oci::{Digest, Place, TagRef};

use crate::execute::failed;

/// One row for each planned tag.
pub(crate) struct Ledger {
    entries: Vec<Option<Page>>,
    taken: HashMap<TagRef, (JobId, Digest)>,
    /// Of content to which something is attached, who brings it to a repository last.
    roots: HashMap<(Place, Digest), JobId>,
}

struct Page {
    source: String,
    destination: String,
    rows: Result<BTreeMap<usize, Line>, Failure>,
}

struct Line {
    id: String,
    verification: Option<Verification>,
    row: Option<Row>,
}

/// What is to be done about a job that has just been entered.
pub(crate) enum Entered {
    /// It may go.
    Go(Box<Job>),
    /// It may go once that job has ended: both write the same.
    After(JobId, Box<Job>),
    /// It must not go: its tag is taken.
    Refused(Box<Outcome>),
    /// The plan settled it.
    Settled(JobId),
}

impl Ledger {
    /// Opens a ledger for so many entries.
    pub(crate) fn new(entries: usize) -> Self {
        let entries = (0..entries).map(|_| None).collect();
        Self { entries, taken: HashMap::new(), roots: HashMap::new() }
    }

    /// Enters an entry's plan.
    pub(crate) fn enter(&mut self, entry: EntryIndex, plan: EntryPlan) -> Vec<Entered> {
        let EntryPlan { source, destination, items, warnings: _ } = plan;
        let mut entered = Vec::new();
        let rows = items.map(|items| {
            let items = items.into_iter().enumerate();
            items
                .map(|(row, item)| (row, self.line(JobId { entry, row }, item, &mut entered)))
                .collect()
        });
        if let Some(page) = self.entries.get_mut(entry.0) {
            *page = Some(Page { source, destination, rows });
        }
        entered
    }

    fn line(&mut self, id: JobId, item: Planned, entered: &mut Vec<Entered>) -> Line {
        match item {
            Planned::Settled(row) => {
                entered.push(Entered::Settled(id));
                Line { id: row.tag.clone(), verification: row.verification.clone(), row: Some(row) }
            }
            Planned::Job { id: tag, verification, job } => {
                let digest = job.wanted();
                let taken = self.taken.get(&job.destination).copied();
                match taken {
                    None => {
                        self.taken.insert(job.destination.clone(), (job.id, digest));
                        // What is attached to the same content is brought by the first, so that rows do
                        // not depend on who was quicker.
                        entered.push(match self.before(&job) {
                            Some(before) => Entered::After(before, job),
                            None => Entered::Go(job),
                        });
                    }
                    // One after the other: each finds what the one before it has brought about.
                    Some((before, same)) if same == digest => {
                        self.taken.insert(job.destination.clone(), (job.id, digest));
                        entered.push(Entered::After(before, job));
                    }
                    Some((first, other)) => {
                        let outcome = conflict(id, &job.destination, digest, other, first);
                        entered.push(Entered::Refused(Box::new(outcome)));
                    }
                }
                Line { id: tag, verification, row: None }
            }
        }
    }

    /// Returns who brings the same content, with what is attached to it, before `job`.
    fn before(&mut self, job: &Job) -> Option<JobId> {
        if job.referrers.is_empty() {
            return None;
        }
        self.roots.insert((job.destination.place.clone(), job.wanted()), job.id)
    }

    /// Records how a job ended; `None` if its row stands already: the first outcome counts.
    pub(crate) fn record(&mut self, outcome: Outcome) -> Option<JobId> {
        let Outcome { job, status, digest, referrers, .. } = outcome;
        let line = self.line_mut(job)?;
        if line.row.is_some() {
            return None;
        }
        let (tag, verification) = (line.id.clone(), line.verification.clone());
        line.row = Some(Row { tag, status, digest, referrers, verification });
        Some(job)
    }

    /// Returns an entry's names and a settled row of it.
    pub(crate) fn row(&self, job: JobId) -> Option<(&str, &str, &Row)> {
        let page = self.entries.get(job.entry.0)?.as_ref()?;
        let row = page.rows.as_ref().ok()?.get(&job.row)?.row.as_ref()?;
        Some((&page.source, &page.destination, row))
    }

    /// Closes the ledger: what has no row by now was cancelled.
    pub(crate) fn close(self, names: &[(String, String)]) -> Report {
        let close = |(page, (source, destination)): (Option<Page>, &(String, String))| match page {
            None => EntryReport {
                source: source.clone(),
                destination: destination.clone(),
                rows: Err(Failure::cancelled()),
            },
            Some(Page { source, destination, rows }) => {
                let rows = rows.map(|rows| rows.into_values().map(Line::close).collect());
                EntryReport { source, destination, rows }
            }
        };
        Report { entries: self.entries.into_iter().zip(names).map(close).collect() }
    }

    fn line_mut(&mut self, job: JobId) -> Option<&mut Line> {
        self.entries.get_mut(job.entry.0)?.as_mut()?.rows.as_mut().ok()?.get_mut(&job.row)
    }
}

impl Line {
    fn close(self) -> Row {
        let Self { id, verification, row } = self;
        row.unwrap_or_else(|| Row {
            tag: id,
            status: Status::Failed(Failure::cancelled()),
            digest: None,
            referrers: Vec::new(),
            verification,
        })
    }
}

/// The outcome of a second job that would write another digest under the same tag.
fn conflict(job: JobId, name: &TagRef, digest: Digest, other: Digest, first: JobId) -> Outcome {
    let message = format!(
        "{name} is also written by entry {} of this config, with {other}",
        first.entry.0 + 1
    );
    failed(job, digest, Failure::text(Stage::Run, FailureKind::Conflict, message))
}
