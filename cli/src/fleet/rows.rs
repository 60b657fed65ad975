//! The rows of a run, put together from what its coordinator tells: the report, and the events.
//!
//! Pure. Parts and rows may come in any order and more than once; the first that is said of an entry
//! or of a row stands. But for a plan that was cut short by the end of its leader: another first part
//! begins it anew, here as in the coordinator. After a reset everything comes again, and what was told
//! already is not told twice. The report is made of the rows alone, never of events.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::time::Duration;

use mirror_model::{
    EntryIndex, EntryReport, Event, Failure, JobId, Outcome, Report, Row, Status, Verification,
    Warning,
};
use mirror_proto::{Invalid, WatchedPlan, WatchedRows};
use mirror_report::EntryNames;

/// Entries of a run at most: a submission of 900 kB holds no more.
pub(crate) const MAX_ENTRIES: usize = 100_000;

/// The rows of a run.
#[derive(Debug)]
pub(crate) struct Rows {
    pages: Vec<Page>,
    /// What was told before the last reset.
    plans: HashMap<EntryIndex, Result<usize, Failure>>,
    told: HashMap<JobId, Row>,
}

/// What is known of an entry.
#[derive(Debug)]
struct Page {
    names: EntryNames,
    /// How many rows there are, or why there are none.
    plan: Option<Result<usize, Failure>>,
    lines: BTreeMap<usize, Line>,
}

/// What is known of a row.
#[derive(Debug)]
enum Line {
    /// It is planned.
    Planned(Item),
    /// It has ended, and its part of the plan has not come yet.
    Ended(Box<Outcome>),
    /// It is settled.
    Settled(Row),
}

#[derive(Debug)]
struct Item {
    id: String,
    verification: Option<Verification>,
}

impl Rows {
    /// Begins with entries of which nothing is known but these names.
    pub(crate) fn new(names: impl IntoIterator<Item = EntryNames>) -> Self {
        Self {
            pages: names.into_iter().map(Page::new).collect(),
            plans: HashMap::new(),
            told: HashMap::new(),
        }
    }

    /// Forgets everything but what was told.
    pub(crate) fn reset(&mut self) {
        for entry in (0..self.pages.len()).map(EntryIndex) {
            self.forget(entry);
        }
    }

    /// Forgets an entry's rows but what was told of them.
    fn forget(&mut self, entry: EntryIndex) {
        let Some(Page { names: _, plan, lines }) = self.pages.get_mut(entry.0) else { return };
        if let Some(plan) = plan.take() {
            self.plans.insert(entry, plan);
        }
        for (row, line) in mem::take(lines) {
            match line {
                Line::Settled(settled) => {
                    self.told.insert(JobId { entry, row }, settled);
                }
                Line::Planned(_) | Line::Ended(_) => {}
            }
        }
    }

    /// Takes part of an entry's plan; returns what there is to tell.
    pub(crate) fn planned(&mut self, planned: WatchedPlan) -> Result<Vec<Event>, Invalid> {
        let WatchedPlan { entry, source, destination, rows, warnings } = planned;
        if self.pages.get(entry.0).is_some_and(|page| page.begins_anew(&rows)) {
            self.forget(entry);
        }
        let page = self.pages.get_mut(entry.0).ok_or_else(|| strange("planned.entry"))?;
        let warnings = warnings.into_iter().map(|message| {
            Event::Warning(Warning::Entry { entry, source: source.clone(), message })
        });
        let mut events: Vec<Event> = warnings.collect();
        let plan = match &rows {
            Ok(part) => Ok(part.total),
            Err(failure) => Err(failure.clone()),
        };
        if page.plan.is_none() {
            page.names = EntryNames { source: source.clone(), destination };
            if self.plans.get(&entry) != Some(&plan) {
                events.push(match plan.clone() {
                    Ok(rows) => Event::EntryPlanned { entry, rows },
                    Err(failure) => Event::EntryFailed { entry, source, failure },
                });
            }
            page.plan = Some(plan);
        }
        let Ok(WatchedRows { first, total: _, rows }) = rows else { return Ok(events) };
        let mut settled = Vec::new();
        for (row, (id, verification)) in (first..).zip(rows) {
            if let Some(elapsed) = page.enter(row, Item { id, verification }) {
                settled.push((JobId { entry, row }, elapsed));
            }
        }
        events.extend(settled.into_iter().filter_map(|(job, elapsed)| self.tell(job, elapsed)));
        Ok(events)
    }

    /// Takes what came of a row; returns what there is to tell.
    pub(crate) fn ended(&mut self, outcome: Outcome) -> Result<Option<Event>, Invalid> {
        let id = outcome.job;
        let page =
            self.pages.get_mut(id.entry.0).ok_or_else(|| strange("row.outcome.job.entry"))?;
        let settled = page.end(outcome);
        Ok(settled.and_then(|elapsed| self.tell(id, elapsed)))
    }

    /// Returns whether something that happens is still of interest: not of a job that has its row.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        let job = match event {
            Event::JobStarted { job, .. }
            | Event::JobSized { job, .. }
            | Event::BytesSent { job, .. }
            | Event::BlobSettled { job, .. }
            | Event::ManifestPushed { job, .. }
            | Event::FallbackTag { job, .. }
            | Event::JobRetrying { job, .. } => job,
            Event::Warning(_) => return true,
            // The log carries these; they are never taken from what may be lost.
            Event::EntryPlanned { .. } | Event::EntryFailed { .. } | Event::RowSettled { .. } => {
                return false;
            }
        };
        let line = self.pages.get(job.entry.0).and_then(|page| page.lines.get(&job.row));
        !matches!(line, Some(Line::Settled(_)))
    }

    /// Closes the rows once the run has ended: what has none by now was cancelled. Returns what is
    /// left to tell, too.
    pub(crate) fn close(mut self) -> (Vec<Event>, Report) {
        let mut events = Vec::new();
        let cancelled = || Status::Failed(Failure::cancelled());
        for entry in (0..self.pages.len()).map(EntryIndex) {
            let Some(page) = self.pages.get_mut(entry.0) else { continue };
            if page.plan.is_none() {
                let (source, failure) = (page.names.source.clone(), Failure::cancelled());
                let plan = Err(failure.clone());
                if self.plans.get(&entry) != Some(&plan) {
                    events.push(Event::EntryFailed { entry, source, failure });
                }
                page.plan = Some(plan);
            }
            let open = page.lines.iter().filter(|(_, line)| matches!(line, Line::Planned(_)));
            let open: Vec<usize> = open.map(|(row, _)| *row).collect();
            for row in open {
                let job = JobId { entry, row };
                let page = self.pages.get_mut(entry.0);
                let settled = page.and_then(|page| page.end(Outcome::idle(job, cancelled(), None)));
                events.extend(settled.and_then(|elapsed| self.tell(job, elapsed)));
            }
        }
        (events, Report { entries: self.pages.into_iter().map(Page::close).collect() })
    }

    /// Tells of a settled row, unless it was told before a reset.
    fn tell(&self, job: JobId, elapsed: Duration) -> Option<Event> {
        let page = self.pages.get(job.entry.0)?;
        let Some(Line::Settled(row)) = page.lines.get(&job.row) else { return None };
        if self.told.get(&job) == Some(row) {
            return None;
        }
        let EntryNames { source, destination } = page.names.clone();
        Some(Event::RowSettled {
            entry: job.entry,
            job,
            source,
            destination,
            tag: row.tag.replace('+', "_"),
            row: Box::new(row.clone()),
            elapsed,
        })
    }
}

impl Page {
    fn new(names: EntryNames) -> Self {
        Self { names, plan: None, lines: BTreeMap::new() }
    }

    /// Returns whether this is the beginning of another plan than the one that is known in part.
    fn begins_anew(&self, rows: &Result<WatchedRows, Failure>) -> bool {
        let Some(Ok(total)) = &self.plan else { return false };
        let is_planned = |line: &Line| matches!(line, Line::Planned(_) | Line::Settled(_));
        let is_whole = self.lines.values().filter(|line| is_planned(line)).count() >= *total;
        let is_first = match rows {
            Ok(part) => part.first == 0 && self.lines.get(&0).is_some_and(is_planned),
            Err(_) => true,
        };
        is_first && !is_whole
    }

    /// Enters a planned row; returns how long it worked where that settles it.
    fn enter(&mut self, row: usize, item: Item) -> Option<Duration> {
        match self.lines.remove(&row) {
            Some(Line::Ended(outcome)) => {
                let elapsed = outcome.elapsed;
                self.lines.insert(row, Line::Settled(settled(item, *outcome)));
                Some(elapsed)
            }
            Some(line @ (Line::Planned(_) | Line::Settled(_))) => {
                self.lines.insert(row, line);
                None
            }
            None => {
                self.lines.insert(row, Line::Planned(item));
                None
            }
        }
    }

    /// Enters what came of a row; returns how long it worked where that settles it.
    fn end(&mut self, outcome: Outcome) -> Option<Duration> {
        let (row, elapsed) = (outcome.job.row, outcome.elapsed);
        match self.lines.remove(&row) {
            Some(Line::Planned(item)) => {
                self.lines.insert(row, Line::Settled(settled(item, outcome)));
                Some(elapsed)
            }
            Some(line @ (Line::Ended(_) | Line::Settled(_))) => {
                self.lines.insert(row, line);
                None
            }
            None => {
                self.lines.insert(row, Line::Ended(Box::new(outcome)));
                None
            }
        }
    }

    fn close(self) -> EntryReport {
        let Self { names: EntryNames { source, destination }, plan, lines } = self;
        let rows = match plan {
            Some(Err(failure)) => Err(failure),
            Some(Ok(_)) | None => Ok(lines.into_values().filter_map(Line::row).collect()),
        };
        EntryReport { source, destination, rows }
    }
}

impl Line {
    /// A row whose part of the plan never came has no name to be reported by.
    fn row(self) -> Option<Row> {
        match self {
            Self::Settled(row) => Some(row),
            Self::Planned(_) | Self::Ended(_) => None,
        }
    }
}

fn settled(item: Item, outcome: Outcome) -> Row {
    let Outcome { status, digest, referrers, .. } = outcome;
    Row { tag: item.id, status, digest, referrers, verification: item.verification }
}

fn strange(field: &str) -> Invalid {
    Invalid::Value { field: field.to_owned(), reason: "the run has no such entry".to_owned() }
}

#[cfg(test)]
mod tests;
