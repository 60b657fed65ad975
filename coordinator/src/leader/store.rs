//! What the leader does with its log: taking it over, and what follows from each record once it is in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mirror_model::{JobId, Outcome, RunId, Seen};
use mirror_oci::TagRef;
use mirror_proto::wire::worker::v1::{Cancelled, Done, Go, RowsAck, to_worker};
use mirror_proto::{AttemptRef, Record, attempt_to, decode_batch, outcome_to, seen_to};
use mirror_queue::LogSubject;

use crate::leader::input::{Accepted, Dispatched, Effect, Refusal, Reply};
use crate::leader::journal::{Journal, Pending};
use crate::leader::links::Links;
use crate::leader::names::{Names, Order, Writer};
use crate::leader::regions::Regions;
use crate::leader::run::{Run, Summary};
use crate::leader::turns::Turns;
use crate::leader::{Leader, LeaderOptions};

/// What follows once a record is in the log.
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// The run is taken.
    Submitted(Reply<Result<Accepted, Refusal>>),
    /// The caller may go on.
    Noted(Reply<()>),
    /// The job may be published.
    Publish(JobId),
    /// The name may be written: by whom, his how manieth question it was, and where he is.
    Go { session: u64, attempt: AttemptRef, ask: u32, name: TagRef, seen: Seen },
    /// The job is done; whoever told is to know.
    Row { told: Option<(u64, AttemptRef)> },
    /// The job is published again.
    Again(JobId),
    /// The run ends.
    Cancel(Reply<Result<Summary, Refusal>>),
}

/// What a new leader makes of the log.
pub(crate) struct Live {
    runs: BTreeMap<RunId, Run>,
    names: Names,
    now: Duration,
    until: Duration,
}

impl Live {
    /// Begins to read a log, at `now`; whoever had permission to write a name has it for as long as
    /// `quarantine` from now.
    pub(crate) fn new(now: Duration, quarantine: Duration) -> Self {
        Self { runs: BTreeMap::new(), names: Names::default(), now, until: now + quarantine }
    }

    /// Reads a batch.
    pub(crate) fn read(&mut self, sequence: u64, subject: LogSubject, payload: &Bytes) {
        let LogSubject::Run(id) = subject else { return };
        // A batch that cannot be read is one of a later version: its run goes on without it.
        let Ok(records) = decode_batch(payload) else { return };
        for (index, record) in records.iter().enumerate() {
            let order = Order(sequence, index);
            if let Record::Submitted(submitted) = record {
                self.runs.entry(id).or_insert_with(|| Run::new(Arc::new((**submitted).clone())));
            }
            let Some(run) = self.runs.get_mut(&id) else { continue };
            if let Record::Intent(intent) = record {
                let writer = Writer { run: id, job: intent.job, attempt: intent.attempt };
                let order = run.order(intent.job).unwrap_or(order);
                self.names.intended(&intent.name, writer, order, self.until);
            }
            run.apply(record, order);
        }
        if let Some(run) = self.runs.get_mut(&id) {
            run.keep(sequence, payload.clone());
            if run.ended().is_some() {
                run.forget();
            }
        }
    }

    /// Leads from here on: the log ends at `last`, and `number` batches of it are this process's.
    pub(crate) fn lead(self, options: LeaderOptions, last: u64, number: u64) -> Leader {
        let Self { runs, names, now, until: _ } = self;
        let mut leader = Leader {
            options,
            now,
            wall: 0,
            journal: Journal::new(last, number),
            base: 0,
            runs,
            names,
            turns: Turns::default(),
            regions: Regions::default(),
            links: Links::default(),
            full: 0,
            beat: now,
            reconciled: now,
            effects: Vec::new(),
            rows: BTreeMap::new(),
            lost: 0,
        };
        let unfinished: Vec<RunId> = leader.unfinished().collect();
        for run in unfinished {
            leader.drive(run);
        }
        leader
    }
}

impl Leader {
    /// Returns what was to be done at once.
    pub(crate) fn begin(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Returns the log's last sequence, as far as it is known.
    pub(crate) fn last(&self) -> u64 {
        self.journal.last()
    }

    /// Returns the runs that have not ended.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = RunId> {
        let unfinished = self.runs.iter().filter(|(_, run)| run.ended().is_none());
        unfinished.map(|(id, _)| *id)
    }

    /// Starts the driver of a run with what the log has of it.
    pub(crate) fn drive(&mut self, id: RunId) {
        if let Some(run) = self.runs.get(&id) {
            let history = run.history(0).unwrap_or_default();
            let history = history.into_iter().map(|(_, payload)| payload).collect();
            self.effects.push(Effect::Drive { run: id, history, cancel: run.cancel.clone() });
        }
    }

    pub(crate) fn put(&mut self, run: RunId, record: Record, then: Then) {
        self.journal.put(LogSubject::Run(run), record, then);
    }

    pub(crate) fn put_beat(&mut self) {
        let LeaderOptions { term, advertise, .. } = &self.options;
        let beat = Record::Beat { term: *term, advertise: advertise.clone() };
        self.journal.put(LogSubject::Leader, beat, Then::Nothing);
    }

    /// Has the next batch appended, unless one is under way.
    pub(crate) fn append(&mut self) {
        let Self { journal, runs, .. } = self;
        let is_settled = |subject: LogSubject, record: &Record| match (subject, record) {
            (LogSubject::Run(id), Record::Row(outcome)) => {
                runs.get(&id).is_some_and(|run| run.is_settled(outcome.job))
            }
            (LogSubject::Run(_) | LogSubject::Leader, _) => false,
        };
        let mut twice: Vec<(LogSubject, Pending<Then>)> = Vec::new();
        let mut rows: std::collections::HashSet<JobId> = std::collections::HashSet::new();
        let next = journal.next(
            |subject, record| {
                let is_again = matches!(record, Record::Row(outcome) if !rows.insert(outcome.job));
                !is_again && !is_settled(subject, record)
            },
            |subject, pending| twice.push((subject, pending)),
        );
        if let Some((expected, flight)) = next {
            self.effects.push(Effect::Append {
                expected,
                number: flight.number,
                subject: flight.subject,
                payload: flight.payload.clone(),
            });
        }
        // The first row counts: who tells another hears what became of the first.
        for (subject, Pending { record, then }) in twice {
            match (subject, &record) {
                (LogSubject::Run(id), Record::Row(outcome))
                    if self.runs.get(&id).is_some_and(|run| run.is_settled(outcome.job)) =>
                {
                    self.follow(id, &record, then);
                }
                // The first is in the batch that was just made: this one waits behind it.
                _ => self.journal.put(subject, record, then),
            }
        }
    }

    /// The batch under way is in the log.
    pub(crate) fn stored(&mut self, sequence: u64) {
        let Some(flight) = self.journal.stored(sequence) else { return };
        let LogSubject::Run(id) = flight.subject else { return };
        for (index, Pending { record, .. }) in flight.pending.iter().enumerate() {
            match record {
                Record::Row(outcome) => {
                    *self.rows.entry(outcome.status.as_str()).or_default() += 1;
                }
                Record::Lost(_) => self.lost += 1,
                Record::Submitted(_)
                | Record::Planned(_)
                | Record::Seen { .. }
                | Record::Intent(_)
                | Record::Cancelled
                | Record::Ended { .. }
                | Record::Origin
                | Record::Term { .. }
                | Record::Beat { .. }
                | Record::Resigned { .. } => {}
            }
            if let Some(run) = self.runs.get_mut(&id) {
                run.apply(record, Order(self.base + sequence, index));
            }
        }
        if let Some(run) = self.runs.get_mut(&id) {
            run.keep(sequence, flight.payload);
        }
        for Pending { record, then } in flight.pending {
            self.follow(id, &record, then);
        }
        if let Some(run) = self.runs.get_mut(&id)
            && run.ended().is_some()
        {
            run.forget();
            let oldest: Vec<RunId> = self.unfinished().collect();
            let oldest = oldest.iter().filter_map(|id| self.runs.get(id)?.first_order()).min();
            self.names.prune(self.now, oldest);
        }
    }

    /// Does what follows from a record that is in the log.
    fn follow(&mut self, id: RunId, record: &Record, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Submitted(reply) => {
                let _ = reply.send(Ok(Accepted { run: id, known: false }));
                self.drive(id);
            }
            Then::Noted(reply) => {
                let _ = reply.send(());
            }
            Then::Publish(job) => self.make_ready(id, job, false),
            Then::Again(job) => self.again(id, job),
            Then::Go { session, attempt, ask, name, seen } => {
                let writer =
                    Writer { run: attempt.run, job: attempt.job, attempt: attempt.attempt };
                let order = self.runs.get(&id).and_then(|run| run.order(attempt.job));
                let until = self.now + self.options.timing.intent();
                self.names.intended(&name, writer, order.unwrap_or(Order(0, 0)), until);
                let (attempt, seen) = (Some(attempt_to(&attempt)), Some(seen_to(seen)));
                self.links.say(session, to_worker::What::Go(Go { attempt, ask, seen }), self.now);
            }
            Then::Row { told } => {
                if let Record::Row(outcome) = record {
                    self.settled(id, outcome, told);
                }
            }
            Then::Cancel(reply) => {
                if let Some(run) = self.runs.get(&id) {
                    let _ = reply.send(Ok(run.summary(id)));
                }
                let run = id.0.to_be_bytes().to_vec();
                let cancelled = to_worker::What::Cancelled(Cancelled { run });
                self.links.say_all(&cancelled, None, self.now);
            }
        }
    }

    /// A row is in the log: whoever waits for it, or stands behind it, goes on.
    fn settled(&mut self, id: RunId, outcome: &Outcome, told: Option<(u64, AttemptRef)>) {
        let job = outcome.job;
        if let Some((session, attempt)) = told {
            let attempts = vec![attempt_to(&attempt)];
            self.links.say(session, to_worker::What::RowsAck(RowsAck { attempts }), self.now);
            if let Some(link) = self.links.get_mut(session) {
                link.held.remove(&(id, job, attempt.attempt));
            }
        }
        let Some(run) = self.runs.get_mut(&id) else { return };
        let order = run.order(job);
        let Some(mut live) = run.jobs.remove(&job) else { return };
        if let Some(reply) = live.reply.take() {
            let _ = reply.send(Dispatched::Ended(Box::new(outcome.clone())));
        }
        if let Some(order) = order
            && crate::leader::commit::is_written(&outcome.status)
        {
            self.names.wrote(&live.name, id, order);
        }
        if let Some((_, attempt)) = told {
            let writer = Writer { run: id, job, attempt: attempt.attempt };
            self.names.release(&live.name, writer);
        }
        self.leave(id, job, &live);
        // Whoever else has it need not go on.
        for (attempt, session) in live.attempts {
            if told.is_none_or(|(_, told)| told.attempt != attempt) {
                let attempt = AttemptRef { run: id, job, attempt, hash: live.hash };
                let done = Done {
                    attempt: Some(attempt_to(&attempt)),
                    outcome: Some(outcome_to(outcome)),
                };
                self.links.say(session, to_worker::What::Done(done), self.now);
                if let Some(link) = self.links.get_mut(session) {
                    link.held.remove(&(id, job, attempt.attempt));
                }
            }
        }
    }

    /// Returns the batches of all live runs, in the order of the log that was lost.
    pub(crate) fn memory(&self) -> Vec<(u64, LogSubject, Bytes)> {
        let mut memory: Vec<(u64, LogSubject, Bytes)> = self
            .runs
            .iter()
            .filter_map(|(id, run)| Some((LogSubject::Run(*id), run.history(0)?)))
            .flat_map(|(subject, history)| {
                history.into_iter().map(move |(sequence, payload)| (sequence, subject, payload))
            })
            .collect();
        memory.sort_by_key(|(sequence, _, _)| *sequence);
        memory
    }

    /// The log was written again: what stood at a sequence stands at another, it ends at `last`, and
    /// `number` batches of it are this process's. What was under way goes again.
    pub(crate) fn rebase(
        &mut self,
        sequences: &HashMap<u64, u64>,
        last: u64,
        number: u64,
    ) -> Vec<Effect> {
        self.base += self.journal.last();
        // Runs that had ended went with the log.
        self.runs.retain(|_, run| run.ended().is_none());
        for run in self.runs.values_mut() {
            run.moved(sequences);
        }
        if let Some((expected, flight)) = self.journal.rebase(last, number) {
            self.effects.push(Effect::Append {
                expected,
                number: flight.number,
                subject: flight.subject,
                payload: flight.payload.clone(),
            });
        }
        std::mem::take(&mut self.effects)
    }
}
