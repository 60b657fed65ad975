//! Runs: taken, listed, watched, cancelled, ended, forgotten.

use std::sync::Arc;

use mirror_model::{EntryIndex, RunId};
use mirror_proto::{PlanPart, Record, Submitted};
use ulid::Ulid;

use crate::leader::Leader;
use crate::leader::input::{Accepted, Caller, Effect, History, Refusal, Reply, Submission};
use crate::leader::run::{Run, Summary};
use crate::leader::store::Then;

/// A key finds a run for so long after its end.
const KEY_SECONDS: i64 = 3600;
/// Runs that wait for the log to answer, and callers that wait for one of them: each may be some
/// megabytes.
const MOST_UNLOGGED: usize = 64;
/// Runs that are forgotten at once where room is short: a look a minute keeps up with a run a second.
const MOST_CROWDING: usize = 60;
/// Runs that a list shows.
const MOST_LISTED: usize = 1000;
/// Ended runs are forgotten after 7 days.
const KEPT_SECONDS: i64 = 7 * 24 * 3600;
/// Of 100: over this, ended runs are forgotten before their time.
const ROOM_WANTED: u64 = 70;
/// Of 100: over this, no run is taken.
const ROOM_NEEDED: u64 = 90;

impl Leader {
    pub(crate) fn submit(
        &mut self,
        submission: Submission,
        reply: Reply<Result<Accepted, Refusal>>,
    ) {
        let Submission { id, run, body_hash, caller, at } = submission;
        self.wall = self.wall.max(at);
        if let Some((known, before)) = self.keyed(&run.key, at) {
            let is_same = before.submitted.body_hash == body_hash;
            if is_same && !before.is_logged && may(&before.submitted.owner, &caller).is_ok() {
                // Nothing is promised before it is in the log.
                match self.runs.get_mut(&known) {
                    Some(before) if before.joined.len() < MOST_UNLOGGED => {
                        before.joined.push(reply);
                    }
                    Some(_) | None => drop(reply.send(Err(Refusal::Busy))),
                }
                return;
            }
            let _ = reply.send(match (is_same, may(&before.submitted.owner, &caller)) {
                (_, Err(refusal)) => Err(refusal),
                (true, Ok(())) => Ok(Accepted { run: known, known: true }),
                (false, Ok(())) => Err(Refusal::OtherBody { run: Ulid(known.0).to_string() }),
            });
            return;
        }
        if self.runs.values().filter(|run| !run.is_logged).count() >= MOST_UNLOGGED {
            let _ = reply.send(Err(Refusal::Busy));
            return;
        }
        if self.full >= ROOM_NEEDED {
            let _ = reply.send(Err(Refusal::Full));
            return;
        }
        let submitted = Submitted { run, body_hash, owner: caller.0, at };
        self.runs.insert(id, Run::new(Arc::new(submitted.clone())));
        self.put(id, Record::Submitted(Box::new(submitted)), Then::Submitted(reply));
    }

    /// Finds a run by its key: one that goes on, or ended a while ago.
    fn keyed(&self, key: &str, now: i64) -> Option<(RunId, &Run)> {
        let is_known = |run: &Run| {
            run.submitted.run.key == key
                && run.ended().is_none_or(|ended| now - ended < KEY_SECONDS)
        };
        let found = self.runs.iter().rev().find(|(_, run)| !key.is_empty() && is_known(run));
        found.map(|(id, run)| (*id, run))
    }

    pub(crate) fn cancel(
        &mut self,
        id: RunId,
        caller: &Caller,
        reply: Reply<Result<Summary, Refusal>>,
    ) {
        let Some(run) = self.runs.get(&id) else {
            let _ = reply.send(Err(Refusal::NotFound));
            return;
        };
        if let Err(refusal) = may(&run.submitted.owner, caller) {
            let _ = reply.send(Err(refusal));
        } else if run.ended().is_some() || run.is_cancelled() {
            let _ = reply.send(Ok(run.summary(id)));
        } else {
            self.put(id, Record::Cancelled, Then::Cancel(reply));
        }
    }

    pub(crate) fn list(&self, reply: Reply<Vec<Summary>>) {
        let newest = self.runs.iter().rev().take(MOST_LISTED);
        let _ = reply.send(newest.map(|(id, run)| run.summary(*id)).collect());
    }

    pub(crate) fn history(
        &mut self,
        id: RunId,
        after: u64,
        reply: Reply<Result<History, Refusal>>,
    ) {
        let _ = reply.send(self.runs.get_mut(&id).ok_or(Refusal::NotFound).map(|run| History {
            summary: run.summary(id),
            batches: run.history(after),
            changed: run.changed.subscribe(),
            progress: run.progress(),
        }));
    }

    pub(crate) fn planned(
        &mut self,
        id: RunId,
        entry: EntryIndex,
        parts: Vec<PlanPart>,
        reply: Reply<()>,
    ) {
        let is_planned = self.runs.get(&id).is_none_or(|run| run.has_plan(entry));
        let mut parts = if is_planned { Vec::new() } else { parts };
        let Some(last) = parts.pop() else {
            let _ = reply.send(());
            return;
        };
        for part in parts {
            self.put(id, Record::Planned(part), Then::Nothing);
        }
        self.put(id, Record::Planned(last), Then::Noted(reply));
    }

    /// The run's driver has come to its end: every row is in the log.
    pub(crate) fn finished(&mut self, id: RunId) {
        if self.runs.get(&id).is_some_and(|run| run.ended().is_none()) {
            self.put(id, Record::Ended { at: self.seconds() }, Then::Nothing);
        }
    }

    /// The log is so full, of 100: runs that ended long ago are forgotten, and, where room is short, the
    /// oldest of the others.
    pub(crate) fn room(&mut self, full: u64) {
        self.full = full;
        let now = self.seconds();
        let ended = |run: &Run| run.ended();
        let old: Vec<RunId> = self
            .runs
            .iter()
            .filter(|(_, run)| ended(run).is_some_and(|ended| now - ended >= KEPT_SECONDS))
            .map(|(id, _)| *id)
            .collect();
        let mut crowding: Vec<(i64, RunId)> = Vec::new();
        if full > ROOM_WANTED {
            crowding = self.runs.iter().filter_map(|(id, run)| Some((ended(run)?, *id))).collect();
            crowding.sort_unstable();
            crowding.truncate(MOST_CROWDING);
        }
        let crowding = crowding.into_iter().map(|(_, id)| id);
        for id in old.into_iter().chain(crowding) {
            if self.runs.remove(&id).is_some() {
                self.effects.push(Effect::Purge(id));
            }
        }
    }
}

/// Whether a caller may have to do with a run of `owner`.
fn may(owner: &str, caller: &Caller) -> Result<(), Refusal> {
    if owner.is_empty() || owner == caller.0 {
        return Ok(());
    }
    Err(Refusal::OtherOwner { owner: owner.to_owned() })
}
