//! Commits: whether a worker may write a name.

use mirror_model::{Failure, Naming, Outcome, Seen, SkipReason, Status};
use mirror_oci::TagRef;
use mirror_proto::wire::worker::v1::{Commit, Done, Drop, Hold, Superseded, to_worker};
use mirror_proto::{
    AttemptRef, Intent, Invalid, Record, attempt_from, attempt_to, outcome_to, seen_from, tag_from,
};

use crate::leader::Leader;
use crate::leader::links::Held;
use crate::leader::names::{Answer, Writer};
use crate::leader::run::Phase;
use crate::leader::store::Then;

/// Returns whether a row says that its run has brought about what the name holds.
pub(crate) fn is_written(status: &Status) -> bool {
    match status {
        Status::Copied | Status::Overwritten | Status::Skipped(SkipReason::UpToDate) => true,
        Status::Skipped(SkipReason::SignatureTooNew)
        | Status::Drifted
        | Status::WouldCopy
        | Status::WouldOverwrite
        | Status::Failed(_) => false,
    }
}

/// Returns the names that an outcome says its run has brought about what they hold: its job's tag
/// `destination`, and cosign's old tags.
pub(crate) fn written<'o>(
    destination: &'o TagRef,
    outcome: &'o Outcome,
) -> impl Iterator<Item = TagRef> + use<'o> {
    let tag = is_written(&outcome.status).then(|| destination.clone());
    let rows = outcome.referrers.iter().filter(|row| is_written(&row.status));
    let old = rows.filter_map(|row| {
        Some(TagRef { place: destination.place.clone(), tag: row.name.clone()? })
    });
    tag.into_iter().chain(old)
}

impl Leader {
    /// A worker asks whether it may write a name.
    pub(crate) fn commit(&mut self, session: u64, commit: Commit) -> Result<(), Invalid> {
        let Commit { attempt, name, seen, ask } = commit;
        let (attempt, name, seen) = (attempt_from(attempt)?, tag_from(name)?, seen_from(seen)?);
        let AttemptRef { run: id, job, .. } = attempt;
        if !self.is_wanted(session, &attempt) {
            return Ok(());
        }
        let hold = Hold { attempt: Some(attempt_to(&attempt)), ask };
        let Some(run) = self.runs.get_mut(&id) else { return Ok(()) };
        let order = run.order(job);
        let (Some(live), Some(order)) = (run.jobs.get_mut(&job), order) else {
            // Its driver has not come to it yet.
            self.links.say(session, to_worker::What::Hold(hold), self.now);
            return Ok(());
        };
        let naming =
            live.job.naming(&name.tag).filter(|_| name.place == live.job.destination.place);
        let Some(naming) = naming else {
            self.drop_attempt(session, &attempt);
            return Ok(());
        };
        live.attempts.insert(attempt.attempt, session);
        let writer = Writer { run: id, job, attempt: attempt.attempt };
        match self.names.ask(self.now, (&name, naming), writer, order) {
            Answer::Hold => self.links.say(session, to_worker::What::Hold(hold), self.now),
            Answer::Superseded => {
                let attempt = Some(attempt_to(&attempt));
                let superseded = to_worker::What::Superseded(Superseded { attempt, ask });
                self.links.say(session, superseded, self.now);
            }
            Answer::Yes => self.intend(session, attempt, ask, (name, naming), seen),
        }
        Ok(())
    }

    /// Writes down that the name may be written: then it may.
    fn intend(
        &mut self,
        session: u64,
        attempt: AttemptRef,
        ask: u32,
        (name, naming): (TagRef, Naming),
        seen: Seen,
    ) {
        let AttemptRef { run: id, job, .. } = attempt;
        let Some(run) = self.runs.get_mut(&id) else { return };
        let Some(live) = run.jobs.get(&job) else { return };
        let own = live.job.destination.tag.clone();
        let seen = match naming {
            // What was seen first counts, whoever looked.
            Naming::Value => run.saw(job, &name.tag, &own, seen),
            // No row follows from it: whoever adds to it looks again.
            Naming::Set => seen,
        };
        let intent = Intent { job, name: name.clone(), seen, attempt: attempt.attempt, naming };
        let then = Then::Go { session, attempt, ask, name: (name, naming), seen };
        self.put(id, Record::Intent(Box::new(intent)), then);
    }

    /// Returns whether the job of an attempt is one that is to be done; tells the worker where it is not.
    pub(crate) fn is_wanted(&mut self, session: u64, attempt: &AttemptRef) -> bool {
        let AttemptRef { run: id, job, .. } = *attempt;
        let Some(run) = self.runs.get(&id) else {
            self.drop_attempt(session, attempt);
            return false;
        };
        if let Some(outcome) = run.outcomes.get(&job) {
            let done =
                Done { attempt: Some(attempt_to(attempt)), outcome: Some(outcome_to(outcome)) };
            self.links.say(session, to_worker::What::Done(done), self.now);
            return false;
        }
        let is_other = run.jobs.get(&job).is_some_and(|live| live.hash != attempt.hash);
        if !run.is_planned(job) || run.is_settled(job) || run.is_cancelled() || is_other {
            self.drop_attempt(session, attempt);
            return false;
        }
        true
    }

    /// Nobody wants what the worker does.
    pub(crate) fn drop_attempt(&mut self, session: u64, attempt: &AttemptRef) {
        let drop = Drop { attempt: Some(attempt_to(attempt)) };
        self.links.say(session, to_worker::What::Drop(drop), self.now);
        self.over(session, (attempt.run, attempt.job, attempt.attempt));
    }

    /// An attempt is over, without a row: its worker does not have it any more.
    pub(crate) fn over(&mut self, session: u64, held: Held) {
        let (id, job, attempt) = held;
        if let Some(link) = self.links.get_mut(session) {
            link.held.remove(&held);
        }
        let Some(live) = self.live(id, job) else { return };
        if live.attempts.remove(&attempt).is_none() || !live.attempts.is_empty() {
            return;
        }
        if live.unwanted.is_some() {
            self.fail(id, job, Failure::cancelled());
        } else if live.phase == Phase::Published(None) {
            // Nobody knows whether NATS still has it.
            self.again(id, job);
        }
    }
}
