//! What follows from each record once it is in the log.

use std::collections::HashSet;

use mirror_model::{JobId, Naming, Outcome, RunId, Seen, Status};
use mirror_oci::TagRef;
use mirror_proto::wire::worker::v1::{Cancelled, Done, Go, RowsAck, to_worker};
use mirror_proto::{AttemptRef, Record, attempt_to, outcome_to, seen_to};
use mirror_queue::LogSubject;

use crate::leader::commit::written;
use crate::leader::input::{Accepted, Dispatched, Effect, Refusal, Reply};
use crate::leader::journal::Pending;
use crate::leader::names::{Order, Writer};
use crate::leader::run::Summary;
use crate::leader::{Leader, LeaderOptions};

/// What follows once a record is in the log.
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// The run is taken.
    Submitted(Reply<Result<Accepted, Refusal>>),
    /// The caller may go on.
    Noted(Reply<()>),
    /// A job that was settled without being published is settled.
    Kept { name: Option<TagRef>, reply: Reply<()> },
    /// The job may be published.
    Publish(JobId),
    /// The name may be written: by whom, his how manieth question it was, and where he is.
    Go { session: u64, attempt: AttemptRef, ask: u32, name: (TagRef, Naming), seen: Seen },
    /// The job is done; whoever told is to know.
    Row { told: Option<(u64, AttemptRef)> },
    /// The job is published again.
    Again(JobId),
    /// The run ends.
    Cancel(Reply<Result<Summary, Refusal>>),
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
            let history = run.history(0);
            let history = history.map(|all| all.into_iter().map(|(_, payload)| payload).collect());
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
        let mut rows: HashSet<JobId> = HashSet::new();
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
            self.prune();
        }
    }

    /// Forgets of names what no unfinished run is older than.
    pub(crate) fn prune(&mut self) {
        let oldest: Vec<RunId> = self.unfinished().collect();
        let oldest = oldest.iter().filter_map(|id| self.runs.get(id)?.first_order()).min();
        self.names.prune(self.now, oldest);
    }

    /// Does what follows from a record that is in the log.
    fn follow(&mut self, id: RunId, record: &Record, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Submitted(reply) => {
                let _ = reply.send(Ok(Accepted { run: id, known: false }));
                let joined = self.runs.get_mut(&id).map(|run| std::mem::take(&mut run.joined));
                for reply in joined.into_iter().flatten() {
                    let _ = reply.send(Ok(Accepted { run: id, known: true }));
                }
                self.drive(id);
            }
            Then::Noted(reply) => {
                let _ = reply.send(());
            }
            Then::Publish(job) => self.make_ready(id, job, false),
            Then::Again(job) => self.again(id, job),
            Then::Go { session, attempt, ask, name: (name, naming), seen } => {
                let writer =
                    Writer { run: attempt.run, job: attempt.job, attempt: attempt.attempt };
                let order = self.runs.get(&id).and_then(|run| run.order(attempt.job));
                let until = self.now + self.options.timing.intent();
                let order = order.unwrap_or(Order(0, 0));
                self.names.intended((&name, naming), writer, order, until);
                let (attempt, seen) = (Some(attempt_to(&attempt)), Some(seen_to(seen)));
                self.links.say(session, to_worker::What::Go(Go { attempt, ask, seen }), self.now);
            }
            Then::Kept { name, reply } => {
                let order = self.runs.get(&id).zip(settled_job(record));
                let order = order.and_then(|(run, job)| run.order(job));
                if let (Record::Row(outcome), Some(name), Some(order)) = (record, name, order) {
                    for name in written(&name, outcome) {
                        self.names.wrote(&name, id, order);
                    }
                }
                let _ = reply.send(());
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
        match live.reply.take() {
            Some(reply) => drop(reply.send(Dispatched::Ended(Box::new(outcome.clone())))),
            // Its driver looks again, and will want it again.
            None => drop(run.outcomes.insert(job, Box::new(outcome.clone()))),
        }
        let is_own = |name: &TagRef| live.job.naming(&name.tag) == Some(Naming::Value);
        for name in written(&live.job.destination, outcome).filter(is_own) {
            if let Some(order) = order {
                self.names.wrote(&name, id, order);
            }
        }
        // A write whose job failed may still be on its way: the names are free once its time is over.
        if let Some((_, attempt)) = told
            && !matches!(outcome.status, Status::Failed(_))
        {
            self.names.release(Writer { run: id, job, attempt: attempt.attempt });
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
}

/// The job that a row is of.
fn settled_job(record: &Record) -> Option<JobId> {
    match record {
        Record::Row(outcome) => Some(outcome.job),
        Record::Submitted(_)
        | Record::Planned(_)
        | Record::Seen { .. }
        | Record::Intent(_)
        | Record::Lost(_)
        | Record::Cancelled
        | Record::Ended { .. }
        | Record::Origin
        | Record::Term { .. }
        | Record::Beat { .. }
        | Record::Resigned { .. } => None,
    }
}
