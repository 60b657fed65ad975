//! What a worker owes the coordinator, and what it was told: the state of a link across its breaks.
//!
//! Decisions only. What is to be sent waits in [`Session::next_message`], what becomes of messages of
//! NATS in [`Session::settled`]; whoever owns the session does both. What is under way, and the rows
//! that are not acknowledged, are told anew on each new link.

mod hear;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use mirror_model::{Outcome, RunId, Seen};
use mirror_oci::TagRef;
use mirror_proto::wire::worker::v1 as wire;
use mirror_proto::{AttemptRef, attempt_to, seen_to, tag_to};
use mirror_queue::Timing;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wire::from_worker::What;

use crate::held::{Answer, Beginning, Held};
use crate::hosts::Hosts;
use crate::outbox::Outbox;
use crate::settle::Settle;

pub(crate) use hear::Order;

/// Messages that wait for a slow line; beyond this it is as good as broken, and all that matters is told
/// again on the next.
const MOST_OUTGOING: usize = 8_192;
/// Progress is left out where more than this waits.
const MOST_BEFORE_PROGRESS: usize = 256;

/// Who a worker says it is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Random, of this process.
    pub(crate) worker: u64,
    pub(crate) region: String,
    pub(crate) slots: u32,
    pub(crate) version: String,
}

/// A question whether a name may be written.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) attempt: u64,
    pub(crate) number: u32,
    pub(crate) name: TagRef,
    pub(crate) seen: Seen,
    pub(crate) reply: oneshot::Sender<Answer>,
}

/// The state of a link.
#[derive(Debug)]
pub(crate) struct Session<D> {
    me: Identity,
    timing: Timing,
    is_up: bool,
    /// Since when it drains.
    draining: Option<Instant>,
    held: HashMap<u64, Held<D>>,
    outbox: Outbox<D>,
    hosts: Hosts,
    outgoing: VecDeque<What>,
    settled: Vec<(D, Settle)>,
}

impl<D: Clone> Session<D> {
    pub(crate) fn new(me: Identity) -> Self {
        Self {
            me,
            timing: Timing::default(),
            is_up: false,
            draining: None,
            held: HashMap::new(),
            outbox: Outbox::default(),
            hosts: Hosts::default(),
            outgoing: VecDeque::new(),
            settled: Vec::new(),
        }
    }

    /// Returns the first message of a new link. After it go the rows; all else of older links is void,
    /// but for what was given back.
    pub(crate) fn hello(&mut self) -> wire::FromWorker {
        self.outgoing.retain(|what| matches!(what, What::Release(_)));
        self.outgoing.extend(self.outbox.again().into_iter().map(What::Rows));
        if self.draining.is_some() {
            self.outgoing.push_back(What::Draining(wire::Draining {}));
        }
        let held = self.held.values().map(|held| attempt_to(&held.begun.attempt)).collect();
        let Identity { worker, region, slots, version } = self.me.clone();
        let features = Vec::new();
        let hello = wire::Hello { worker, region, slots, version, held, features };
        wire::FromWorker { what: Some(What::Hello(hello)) }
    }

    /// The coordinator has welcomed us.
    pub(crate) fn welcome(&mut self, timing: Timing) {
        self.timing = timing;
        self.is_up = true;
    }

    /// The link is gone: who waits for an answer asks again on the next.
    pub(crate) fn break_off(&mut self) {
        self.is_up = false;
        self.held.values_mut().for_each(Held::forget_question);
    }

    /// Begins an attempt; returns whether it is to be worked on.
    pub(crate) fn begin(&mut self, begun: Beginning<D>) -> bool {
        let attempt = begun.attempt;
        if self.draining.is_some() {
            self.settled.push((begun.delivery, Settle::GiveBack));
            return false;
        }
        let Some(delivery) = self.outbox.attach(attempt.run, attempt.job, begun.delivery) else {
            return false;
        };
        let begun = Beginning { delivery, ..begun };
        self.held.insert(attempt.attempt, Held::new(begun));
        self.outgoing
            .push_back(What::Started(wire::Started { attempt: Some(attempt_to(&attempt)) }));
        true
    }

    /// Asks whether a name may be written. Where nobody can be asked, the reply is dropped.
    pub(crate) fn ask(&mut self, ask: Ask) {
        let Ask { attempt, number, name, seen, reply } = ask;
        let Some(held) = self.held.get_mut(&attempt) else {
            // It was told to end, and has not noticed yet.
            let _ = reply.send(Answer::Drop);
            return;
        };
        held.withdraw();
        let Ok(name) = tag_to(&name) else {
            // Jobs that name a layout do not travel.
            let _ = reply.send(Answer::Drop);
            return;
        };
        if !self.is_up || self.draining.is_some() {
            return;
        }
        held.ask(number, reply);
        self.outgoing.push_back(What::Commit(wire::Commit {
            attempt: Some(attempt_to(&held.begun.attempt)),
            name: Some(name),
            seen: Some(seen_to(seen)),
            ask: number,
        }));
    }

    /// Takes the row of an attempt; returns whether anybody wants it.
    pub(crate) fn finish(&mut self, attempt: u64, outcome: Outcome) -> bool {
        let Some(held) = self.held.remove(&attempt) else { return false };
        let Beginning { attempt, delivery, .. } = held.begun;
        let rows = self.outbox.push(attempt, outcome, delivery);
        self.outgoing.push_back(What::Rows(rows));
        true
    }

    /// Tells that a job is left to others.
    pub(crate) fn release(&mut self, attempt: &AttemptRef, reason: wire::ReleaseReason) {
        let attempt = Some(attempt_to(attempt));
        self.outgoing.push_back(What::Release(wire::Release { attempt, reason: reason.into() }));
    }

    /// A registry asks for peace: tells of it, if that is news.
    pub(crate) fn signal(&mut self, host: String, wait: Duration, now: Instant) {
        if self.hosts.pause(&host, wait, now) && self.is_up {
            let pause_nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
            self.outgoing.push_back(What::HostSignal(wire::HostSignal { host, pause_nanos }));
        }
    }

    /// Tells what happens, where there is room.
    pub(crate) fn tell(&mut self, progress: Vec<wire::Progress>) {
        if self.is_up && self.outgoing.len() < MOST_BEFORE_PROGRESS {
            self.outgoing.extend(progress.into_iter().map(What::Progress));
        }
    }

    /// Lets the coordinator know that somebody is here: it takes silence for a loss.
    pub(crate) fn beat(&mut self) {
        // Where something waits for the line already, that will do.
        if self.is_up && self.outgoing.is_empty() {
            self.outgoing.push_back(What::Progress(wire::Progress::default()));
        }
    }

    /// Keeps the messages of what goes on: of attempts with a sign of life, and of rows that wait.
    ///
    /// A job may wait for the content that another one brings to the same registry, so that one's signs
    /// are its own; and for a registry that is to be left alone. Waiting for an answer is a sign of life
    /// only while there is a link to get it by.
    pub(crate) fn keep(&mut self, now: Instant) {
        let mut alive: HashSet<(RunId, &str)> = HashSet::new();
        for held in self.held.values() {
            let Beginning { attempt, pulse, hosts, .. } = &held.begun;
            let waits = hosts.iter().any(|host| self.hosts.is_paused(host, now));
            let asks = self.is_up && held.is_asking();
            if pulse.take(now) || waits || asks {
                alive.insert((attempt.run, hosts[1].as_str()));
            }
        }
        let going_on = self
            .held
            .values()
            .filter(|held| alive.contains(&(held.begun.attempt.run, held.begun.hosts[1].as_str())));
        let kept = going_on.map(|held| &held.begun.delivery).chain(self.outbox.deliveries());
        self.settled.extend(kept.map(|delivery| (delivery.clone(), Settle::InProgress)));
    }

    /// Begins to drain.
    pub(crate) fn drain(&mut self, now: Instant) {
        if self.draining.is_none() {
            self.draining = Some(now);
            self.outgoing.push_back(What::Draining(wire::Draining {}));
        }
    }

    /// While draining: gives back what is not writing a name, and everything after `grace`.
    pub(crate) fn hand_back(&mut self, now: Instant, grace: Duration) {
        let Some(since) = self.draining else { return };
        let is_over = now.duration_since(since) >= grace;
        let leaving = self.held.extract_if(|_, held| is_over || !held.is_writing(now));
        let leaving: Vec<Held<D>> = leaving.map(|(_, held)| held).collect();
        for Held { begun, .. } in leaving {
            begun.cancel.cancel();
            self.release(&begun.attempt, wire::ReleaseReason::Drain);
            self.settled.push((begun.delivery, Settle::GiveBack));
        }
    }

    /// Returns the next message for the line, while there is one to take it.
    pub(crate) fn next_message(&mut self) -> Option<wire::FromWorker> {
        let what = self.is_up.then(|| self.outgoing.pop_front()).flatten()?;
        Some(wire::FromWorker { what: Some(what) })
    }

    /// Returns what becomes of messages since this was last asked.
    pub(crate) fn settled(&mut self) -> Vec<(D, Settle)> {
        std::mem::take(&mut self.settled)
    }

    /// Returns whether messages wait for the line.
    pub(crate) fn has_messages(&self) -> bool {
        self.is_up && !self.outgoing.is_empty()
    }

    /// Returns whether the line takes so little that it is as good as broken.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_up && self.outgoing.len() > MOST_OUTGOING
    }

    /// Returns whether all that was begun has been reported, and acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.outbox.is_empty()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_up
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    pub(crate) fn timing(&self) -> Timing {
        self.timing
    }

    pub(crate) fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    /// Returns how many attempts are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.held.len()
    }

    /// Returns how many rows wait for their acknowledgement.
    pub(crate) fn waiting_rows(&self) -> usize {
        self.outbox.len()
    }
}

#[cfg(test)]
mod tests;
