//! Jobs: wanted, in line, published, settled without being published, not wanted any more.

use std::collections::{BTreeSet, HashMap};

use mirror_model::{Failure, FailureKind, JobId, Outcome, RunId, Stage, Status};
use mirror_oci::TagRef;
use mirror_proto::Record;
use mirror_queue::Published;

use crate::leader::Leader;
use crate::leader::input::{Dispatched, Effect, Publish, Reply, Wanted};
use crate::leader::losses::BEFORE_ALONE;
use crate::leader::run::{Live, Phase};
use crate::leader::store::Then;

impl Leader {
    /// A driver wants a job done: for the first time, or after it was to look again.
    pub(crate) fn dispatch(&mut self, id: RunId, wanted: Wanted, reply: Reply<Dispatched>) {
        let Wanted { job, message, hash, region } = wanted;
        let Some(run) = self.runs.get_mut(&id) else { return };
        if let Some(outcome) = run.outcomes.get(&job.id) {
            // A worker has told its row to a new leader before the driver came to it.
            let _ = reply.send(Dispatched::Ended(outcome.clone()));
            return;
        }
        // Its row is in the log; what the driver makes of it is of no account.
        if run.is_settled(job.id) || run.ended().is_some() {
            let status = Status::Failed(Failure::cancelled());
            let outcome = Outcome::idle(job.id, status, job.wanted());
            let _ = reply.send(Dispatched::Ended(Box::new(outcome)));
            return;
        }
        let number = run.losses.get(&job.id).copied().unwrap_or_default();
        let held: HashMap<u64, u64> = self
            .links
            .open()
            .flat_map(|(session, link)| {
                let held = link.held.range((id, job.id, 0)..=(id, job.id, u64::MAX));
                let same = held.filter(|(_, message)| **message == hash);
                same.map(move |((_, _, attempt), _)| (*attempt, session))
            })
            .collect();
        let is_recorded = run.seen.contains(&job.id);
        let is_cancelled = run.is_cancelled();
        let job_id = job.id;
        let live = Live {
            job,
            region,
            message,
            hash,
            phase: Phase::Waiting,
            number,
            attempts: held,
            refused: BTreeSet::new(),
            refused_since: None,
            unwanted: None,
            is_failing: false,
            reply: Some(reply),
        };
        let keys = live.keys();
        run.jobs.insert(job_id, live);
        // What an earlier leader let go has its turn: it may be under way.
        if self.turns.take((id, job_id), &keys) {
            self.go(id, job_id, is_recorded);
        }
        // Its run was cancelled before its driver came to it.
        if is_cancelled {
            self.unwant(id, job_id);
        }
    }

    /// It is the job's turn, and it has just been looked at.
    fn go(&mut self, id: RunId, job: JobId, is_recorded: bool) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let Some(live) = run.jobs.get_mut(&job) else { return };
        live.phase = Phase::Ready;
        let region = live.region.clone();
        if !live.attempts.is_empty() {
            live.phase = Phase::Published(None);
            self.regions.found(&region);
        } else if is_recorded {
            self.make_ready(id, job, false);
        } else {
            let look = live.job.first_look();
            self.put(id, Record::Seen { job, look }, Then::Publish(job));
        }
    }

    /// The job may be published, as soon as the window of its region allows.
    pub(crate) fn make_ready(&mut self, id: RunId, job: JobId, again: bool) {
        let Some(live) = self.live(id, job) else { return };
        live.phase = Phase::Ready;
        let region = live.region.clone();
        self.regions.ready(&region, (id, job), again);
    }

    /// Publishes what the windows allow.
    pub(crate) fn publish(&mut self) {
        loop {
            let next = self.regions.next(self.now, |region| self.links.slots(region));
            let Some((region, (id, job))) = next else { break };
            let losses = self.runs.get(&id).and_then(|run| run.losses.get(&job).copied());
            let losses = losses.unwrap_or_default();
            match self.live(id, job) {
                Some(live) if live.phase == Phase::Ready && live.region == region => {
                    live.phase = Phase::Publishing;
                    live.number += 1;
                    let publish = Publish {
                        region,
                        run: id,
                        job,
                        number: live.number,
                        alone: losses >= BEFORE_ALONE,
                        message: live.message.clone(),
                    };
                    self.effects.push(Effect::Publish(publish));
                }
                // It was settled while it stood in line, or is under way after all.
                Some(_) | None => self.regions.done(&region),
            }
        }
    }

    /// NATS took a job, or did not.
    pub(crate) fn published(
        &mut self,
        id: RunId,
        job: JobId,
        number: u32,
        result: Result<Published, String>,
    ) {
        let now = self.now;
        let Some(live) = self.live(id, job) else {
            return;
        };
        if live.number != number || live.phase != Phase::Publishing {
            return;
        }
        let region = live.region.clone();
        match result {
            Ok(published) => live.phase = Phase::Published(Some(published)),
            Err(error) => {
                tracing::warn!(%region, error, "cannot publish a job");
                // The same number goes again: if it is there after all, NATS knows it.
                live.number -= 1;
                live.phase = Phase::Ready;
                self.regions.done(&region);
                self.regions.refused(&region, now);
                self.regions.ready(&region, (id, job), true);
            }
        }
    }

    /// A driver settled a job by looking, or because of its plan.
    pub(crate) fn keep(
        &mut self,
        id: RunId,
        name: Option<TagRef>,
        outcome: Box<Outcome>,
        reply: Reply<()>,
    ) {
        let job = outcome.job;
        let Some(run) = self.runs.get_mut(&id) else { return };
        if let Some(live) = run.jobs.remove(&job) {
            self.leave(id, job, &live);
        }
        self.put(id, Record::Row(outcome), Then::Kept { name, reply });
    }

    /// A driver does not want a job any more: its run was cancelled. Nobody has it: it ends here. A
    /// worker has it: it is told, and its row is waited for.
    pub(crate) fn unwant(&mut self, id: RunId, job: JobId) {
        let until = self.now + self.options.timing.silence();
        let Some(live) = self.live(id, job) else { return };
        if !live.attempts.is_empty() {
            live.unwanted = Some(until);
            return;
        }
        if let Phase::Published(Some(published)) = live.phase {
            let region = live.region.clone();
            self.effects.push(Effect::Remove { region, published });
        }
        self.fail(id, job, Failure::cancelled());
    }

    /// Gives a job a failed row.
    pub(crate) fn fail(&mut self, id: RunId, job: JobId, failure: Failure) {
        let Some(live) = self.live(id, job) else { return };
        if std::mem::replace(&mut live.is_failing, true) {
            return;
        }
        let outcome = Outcome::idle(job, Status::Failed(failure), live.job.wanted());
        self.put(id, Record::Row(Box::new(outcome)), Then::Row { told: None });
    }

    /// A job is done with: its place in the window is free, and those behind it have their turn.
    pub(crate) fn leave(&mut self, id: RunId, job: JobId, live: &Live) {
        let keys = live.keys();
        match live.phase {
            Phase::Publishing | Phase::Published(_) => self.regions.done(&live.region),
            // It leaves the line when its turn comes.
            Phase::Ready | Phase::Waiting | Phase::Looking => {}
        }
        self.turns.leave((id, job), &keys);
        for (next_run, next) in self.turns.give((id, job), &keys) {
            self.next_turn(next_run, next);
        }
    }

    /// What kept a job waiting is gone: its driver looks again, unless something else keeps it.
    fn next_turn(&mut self, id: RunId, job: JobId) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let Some(live) = run.jobs.get_mut(&job) else { return };
        if live.is_failing
            || live.phase != Phase::Waiting
            || !self.turns.take((id, job), &live.keys())
        {
            return;
        }
        live.phase = Phase::Looking;
        if let Some(reply) = live.reply.take() {
            let _ = reply.send(Dispatched::LookAgain);
        }
    }

    pub(crate) fn live(&mut self, id: RunId, job: JobId) -> Option<&mut Live> {
        self.runs.get_mut(&id)?.jobs.get_mut(&job)
    }

    /// Seconds since 1970, as of the last submission or tick.
    pub(crate) fn seconds(&self) -> i64 {
        self.wall
    }
}

/// Why no worker takes a job.
pub(crate) fn no_worker(region: &mirror_queue::Region, what: &str) -> Failure {
    let message = format!("no worker for region {region}{what}");
    Failure::text(Stage::Run, FailureKind::Unavailable, message)
}
