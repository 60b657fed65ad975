//! The leader: all of its state, and everything that it decides.
//!
//! One task owns it and hands it what happens, one thing after the other; it answers with what is to be
//! done. It asks neither clock nor network: times are those it is told. What it decides takes effect
//! once it is in the log, and no sooner.

mod commit;
mod input;
mod jobs;
mod journal;
mod links;
mod losses;
mod names;
mod regions;
mod replay;
mod rewrite;
mod run;
mod store;
mod submit;
mod turns;
mod workers;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use mirror_model::RunId;
use mirror_queue::{Region, Timing};

pub(crate) use self::input::{
    Accepted, Caller, Counts, Dispatched, Effect, History, Input, Publish, Refusal, Submission,
    Wanted,
};
use self::journal::Journal;
use self::links::Links;
use self::names::Names;
use self::regions::Regions;
pub(crate) use self::replay::Replay;
use self::run::Run;
pub(crate) use self::run::Summary;
use self::store::Then;
use self::turns::Turns;

/// How a leader works.
#[derive(Clone, Debug)]
pub(crate) struct LeaderOptions {
    pub(crate) timing: Timing,
    /// For how long a region may be without a worker before its jobs fail.
    pub(crate) schedule_timeout: Duration,
    /// Which term this is.
    pub(crate) term: u64,
    /// Where it is reached.
    pub(crate) advertise: String,
}

/// The leader.
pub(crate) struct Leader {
    options: LeaderOptions,
    now: Duration,
    /// Seconds since 1970, for people.
    wall: i64,
    journal: Journal<Then>,
    /// What is added to a sequence of the log so that order goes on where a log was written again.
    base: u64,
    runs: BTreeMap<RunId, Run>,
    names: Names,
    turns: Turns,
    regions: Regions,
    links: Links,
    /// Until when registries that asked for it are left alone; who comes meanwhile is told.
    pauses: BTreeMap<String, Duration>,
    /// How full the log is, of 100.
    full: u64,
    beat: Duration,
    reconciled: Duration,
    effects: Vec<Effect>,
    /// Rows that were stored, by status, and losses.
    rows: BTreeMap<&'static str, u64>,
    lost: u64,
}

impl Leader {
    /// Takes in something that happened at `now`, and returns what is to be done.
    pub(crate) fn handle(&mut self, now: Duration, input: Input) -> Vec<Effect> {
        self.now = now;
        match input {
            Input::Submit(submission, reply) => self.submit(*submission, reply),
            Input::Cancel(run, caller, reply) => self.cancel(run, &caller, reply),
            Input::List(reply) => self.list(reply),
            Input::History(run, after, reply) => self.history(run, after, reply),
            Input::Planned(run, entry, parts, reply) => self.planned(run, entry, parts, reply),
            Input::Dispatch(run, wanted, reply) => self.dispatch(run, *wanted, reply),
            Input::Keep(run, name, outcome, reply) => self.keep(run, name, outcome, reply),
            Input::Unwant(run, job) => self.unwant(run, job),
            Input::Finished(run) => self.finished(run),
            Input::Attached(session, hello, to) => self.attached(session, hello, to),
            Input::Heard(session, message) => self.heard(session, message),
            Input::Detached(session) => self.links.close(session, now),
            Input::Stored(sequence) => self.stored(sequence),
            Input::Published(run, job, number, result) => {
                self.published(run, job, number, result);
            }
            Input::Missing(run, job, number) => self.missing(run, job, number),
            Input::Forgotten(region) => self.forgotten(&region),
            Input::Room(full) => self.room(full),
            Input::Paused(host, wait) => self.paused(&host, wait, None),
            Input::Count(reply) => drop(reply.send(self.counts())),
            Input::Tick(wall) => {
                self.wall = wall;
                self.tick();
            }
        }
        self.publish();
        self.append();
        std::mem::take(&mut self.effects)
    }

    /// Returns what is counted.
    fn counts(&self) -> Counts {
        let mut regions: BTreeMap<Region, (u64, u64)> = BTreeMap::new();
        for (_, link) in self.links.open() {
            let (workers, slots) = regions.entry(link.region.clone()).or_default();
            *workers += 1;
            *slots += u64::from(link.slots);
        }
        let ended = self.runs.values().filter(|run| run.ended().is_some()).count() as u64;
        let running = self.runs.len() as u64 - ended;
        Counts {
            running,
            ended,
            rows: self.rows.clone(),
            lost: self.lost,
            regions,
            full: self.full,
        }
    }

    /// Time went by: whoever is lost is lost.
    fn tick(&mut self) {
        let timing = self.options.timing;
        if self.now >= self.beat + timing.beat() {
            self.beat = self.now;
            self.put_beat();
        }
        self.lose();
        self.give_up();
        if self.now >= self.reconciled + timing.reconcile() {
            self.reconciled = self.now;
            self.reconcile();
        }
    }
}
