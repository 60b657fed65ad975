//! Driving a run: plan, look, settle or dispatch, and a row for everything that was planned.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, Stream, StreamExt};
use mirror_model::{
    Entry, EntryIndex, EntryPlan, Event, Job, JobId, Observer, Outcome, Report, Warning,
};
use mirror_oci::Place;
use tokio_util::sync::CancellationToken;

use crate::execute::unfinished;
use crate::ledger::{Entered, Ledger};
use crate::look::Looked;
use crate::{Dispatch, Engine, Recalled};

/// Looks under way at once; the requests per host are what bounds them.
const LOOKS: usize = 256;
/// Jobs that wait for their look before planning is held back, or for their turn before looking is.
const BACKLOG: usize = 20_000;

/// Drives a run to its report.
///
/// `plan` is [`Engine::plan`] of `entries`. An unchanged tag never becomes a job: looking settles it. A
/// cancelled run still reports: what had finished, and the rest as cancelled.
pub async fn drive(
    engine: Arc<Engine>,
    entries: &[Entry],
    plan: impl Stream<Item = (EntryIndex, EntryPlan)>,
    dispatch: &impl Dispatch,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Report {
    let names: Vec<(String, String)> = entries
        .iter()
        .map(|entry| (entry.source_name.clone(), entry.destination_name.clone()))
        .collect();
    let mut run = Run::new(entries, observer);
    let mut plan = pin!(plan.fuse());
    let (mut looks, mut jobs) = (FuturesUnordered::new(), FuturesUnordered::new());
    let mut planned_all = false;
    loop {
        while looks.len() < LOOKS
            && run.to_dispatch.len() < BACKLOG
            && let Some(task) = run.to_look.pop_front()
        {
            looks.push(look(&engine, task, dispatch, &cancel));
        }
        while jobs.len() < dispatch.window().get()
            && let Some(job) = run.to_dispatch.pop_front()
        {
            jobs.push(dispatch.dispatch(job, cancel.clone()));
        }
        if planned_all && looks.is_empty() && jobs.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            Some(outcome) = jobs.next(), if !jobs.is_empty() => run.ended(outcome),
            Some(next) = looks.next(), if !looks.is_empty() => match next {
                Next::Ended(outcome) => run.ended(*outcome),
                Next::Dispatch(job) => run.to_dispatch.push_back(*job),
            },
            planned = plan.next(), if !planned_all && run.to_look.len() < BACKLOG => match planned {
                Some((entry, plan)) => run.planned(entry, plan),
                None => planned_all = true,
            },
        }
    }
    run.ledger.close(&names)
}

/// What follows once a task was looked at.
enum Next {
    /// It has ended.
    Ended(Box<Outcome>),
    /// It has to be dispatched.
    Dispatch(Box<Job>),
}

/// Brings a task to where it is settled, and kept, or has to be dispatched.
async fn look(
    engine: &Engine,
    task: Task,
    dispatch: &impl Dispatch,
    cancel: &CancellationToken,
) -> Next {
    let (mut job, is_anew) = match task {
        Task::Look(job) => (job, false),
        Task::LookAgain(job) => (job, true),
        Task::Settled(outcome) => {
            dispatch.keep(None, &outcome).await;
            return Next::Ended(outcome);
        }
    };
    match dispatch.recall(&job) {
        Some(Recalled::Ended(outcome)) => return Next::Ended(outcome),
        Some(Recalled::Seen(look)) => {
            job.looked(&look);
            return Next::Dispatch(job);
        }
        None => {}
    }
    let looked = if is_anew {
        engine.look_again(*job, cancel).await
    } else {
        engine.look(*job, cancel).await
    };
    let (job, outcome) = match looked {
        Looked::Settled(job, outcome) => (job, outcome),
        Looked::Failed(job, failure) if !dispatch.reaches_further(&job, &failure) => {
            let outcome = unfinished(&job, failure);
            (Box::new(job), Box::new(outcome))
        }
        Looked::Due(job) | Looked::Failed(job, _) => return Next::Dispatch(Box::new(job)),
    };
    dispatch.keep(Some(&job), &outcome).await;
    Next::Ended(outcome)
}

/// What is to be done about a row.
enum Task {
    /// It is to be looked at.
    Look(Box<Job>),
    /// It is to be looked at after another job that writes the same.
    LookAgain(Box<Job>),
    /// Its job will not be done.
    Settled(Box<Outcome>),
}

/// What a run has yet to do.
struct Run {
    ledger: Ledger,
    observer: Arc<dyn Observer>,
    to_look: VecDeque<Task>,
    to_dispatch: VecDeque<Job>,
    /// Jobs that write the same as one that has not ended.
    after: HashMap<JobId, Vec<Job>>,
    order: Order,
}

impl Run {
    fn new(entries: &[Entry], observer: Arc<dyn Observer>) -> Self {
        Self {
            ledger: Ledger::new(entries.len()),
            observer,
            to_look: VecDeque::new(),
            to_dispatch: VecDeque::new(),
            after: HashMap::new(),
            order: Order::new(entries),
        }
    }

    /// Takes a plan in; entries that write the same repository are taken in config order.
    fn planned(&mut self, entry: EntryIndex, plan: EntryPlan) {
        for (entry, plan) in self.order.release(entry, plan) {
            self.enter(entry, plan);
        }
    }

    fn enter(&mut self, entry: EntryIndex, plan: EntryPlan) {
        for message in &plan.warnings {
            let (source, message) = (plan.source.clone(), message.clone());
            self.observer.observe(Event::Warning(Warning::Entry { entry, source, message }));
        }
        match &plan.items {
            Ok(items) => self.observer.observe(Event::EntryPlanned { entry, rows: items.len() }),
            Err(failure) => self.observer.observe(Event::EntryFailed {
                entry,
                source: plan.source.clone(),
                failure: failure.clone(),
            }),
        }
        for entered in self.ledger.enter(entry, plan) {
            match entered {
                Entered::Go(job) => self.to_look.push_back(Task::Look(job)),
                Entered::Refused(outcome) => self.to_look.push_back(Task::Settled(outcome)),
                Entered::Settled(id) => self.tell(id, Duration::ZERO),
                Entered::After(first, job) if self.ledger.row(first).is_none() => {
                    self.after.entry(first).or_default().push(*job);
                }
                Entered::After(_, job) => self.look_anew(*job),
            }
        }
    }

    /// Records an outcome and frees whoever waited for it.
    fn ended(&mut self, outcome: Outcome) {
        let elapsed = outcome.elapsed;
        if let Some(job) = self.ledger.record(outcome) {
            self.tell(job, elapsed);
            for job in self.after.remove(&job).unwrap_or_default() {
                self.look_anew(job);
            }
        }
    }

    fn look_anew(&mut self, mut job: Job) {
        job.unlooked();
        self.to_look.push_back(Task::LookAgain(Box::new(job)));
    }

    fn tell(&self, job: JobId, elapsed: Duration) {
        if let Some((source, destination, row)) = self.ledger.row(job) {
            self.observer.observe(Event::RowSettled {
                entry: job.entry,
                job,
                source: source.to_owned(),
                destination: destination.to_owned(),
                tag: row.tag.replace('+', "_"),
                row: Box::new(row.clone()),
                elapsed,
            });
        }
    }
}

/// Entries that write the same repository are released in config order; others do not wait.
struct Order {
    /// The entry before, where it writes the same repository.
    before: HashMap<EntryIndex, EntryIndex>,
    released: Vec<bool>,
    held: HashMap<EntryIndex, EntryPlan>,
}

impl Order {
    fn new(entries: &[Entry]) -> Self {
        let mut last: HashMap<&Place, EntryIndex> = HashMap::new();
        let mut before = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let index = EntryIndex(index);
            if let Some(earlier) = last.insert(&entry.destination, index) {
                before.insert(index, earlier);
            }
        }
        Self { before, released: vec![false; entries.len()], held: HashMap::new() }
    }

    /// Takes a plan; returns those that may go now.
    fn release(&mut self, entry: EntryIndex, plan: EntryPlan) -> Vec<(EntryIndex, EntryPlan)> {
        self.held.insert(entry, plan);
        let mut free = Vec::new();
        while let Some(next) = self.next_free() {
            if let Some(released) = self.released.get_mut(next.0) {
                *released = true;
            }
            free.extend(self.held.remove(&next).map(|plan| (next, plan)));
        }
        free
    }

    fn next_free(&self) -> Option<EntryIndex> {
        let is_free = |entry: &&EntryIndex| match self.before.get(entry) {
            None => true,
            Some(earlier) => self.released.get(earlier.0).copied().unwrap_or(true),
        };
        self.held.keys().filter(is_free).min().copied()
    }
}
