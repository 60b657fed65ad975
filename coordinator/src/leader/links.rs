//! The workers that are attached, and the attempts that they have under way.

use std::collections::BTreeMap;
use std::time::Duration;

use mirror_model::{JobId, RunId};
use mirror_proto::JobHash;
use mirror_proto::wire::worker::v1::{ToWorker, to_worker};
use mirror_queue::Region;
use tokio::sync::mpsc;

/// An attempt at a job.
pub(crate) type Held = (RunId, JobId, u64);

/// A worker's link.
pub(crate) struct Link {
    pub(crate) worker: u64,
    pub(crate) region: Region,
    pub(crate) slots: u32,
    to: mpsc::Sender<ToWorker>,
    heard: Duration,
    closed: Option<Duration>,
    pub(crate) draining: bool,
    /// Attempts under way, and of which message.
    pub(crate) held: BTreeMap<Held, JobHash>,
}

/// The links, by a number that the coordinator gives them.
#[derive(Default)]
pub(crate) struct Links {
    links: BTreeMap<u64, Link>,
}

impl Links {
    /// A worker has come; the links that it had before are gone. Returns what it had by them.
    pub(crate) fn attach(
        &mut self,
        session: u64,
        link: (u64, Region, u32, mpsc::Sender<ToWorker>),
        now: Duration,
    ) -> Vec<Held> {
        let (worker, region, slots, to) = link;
        let mut before = Vec::new();
        self.links.retain(|_, other| {
            let is_other = other.worker != worker;
            if !is_other {
                before.extend(other.held.keys().copied());
            }
            is_other
        });
        let held = BTreeMap::new();
        let link =
            Link { worker, region, slots, to, heard: now, closed: None, draining: false, held };
        self.links.insert(session, link);
        before
    }

    /// The link is closed: its worker has a while to come back.
    pub(crate) fn close(&mut self, session: u64, now: Duration) {
        if let Some(link) = self.links.get_mut(&session) {
            link.closed.get_or_insert(now);
        }
    }

    /// The worker said something.
    pub(crate) fn heard(&mut self, session: u64, now: Duration) -> Option<&mut Link> {
        let link = self.links.get_mut(&session)?;
        link.heard = now;
        Some(link)
    }

    /// Returns a link.
    pub(crate) fn get_mut(&mut self, session: u64) -> Option<&mut Link> {
        self.links.get_mut(&session)
    }

    /// Returns who a link's worker is.
    pub(crate) fn worker(&self, session: u64) -> Option<u64> {
        self.links.get(&session).map(|link| link.worker)
    }

    /// Says something to a worker. One that does not listen is cut off: it will come back.
    pub(crate) fn say(&mut self, session: u64, what: to_worker::What, now: Duration) {
        if let Some(link) = self.links.get_mut(&session)
            && link.closed.is_none()
            && link.to.try_send(ToWorker { what: Some(what) }).is_err()
        {
            link.closed = Some(now);
        }
    }

    /// Says something to all workers but one.
    pub(crate) fn say_all(&mut self, what: &to_worker::What, but: Option<u64>, now: Duration) {
        let sessions: Vec<u64> = self.links.keys().copied().collect();
        for session in sessions.into_iter().filter(|session| Some(*session) != but) {
            self.say(session, what.clone(), now);
        }
    }

    /// Takes out the links whose workers are lost: closed for longer than `patience`, or silent for
    /// longer than `silence`.
    pub(crate) fn lost(
        &mut self,
        now: Duration,
        patience: Duration,
        silence: Duration,
    ) -> Vec<(u64, Link)> {
        let is_lost = |link: &Link| {
            link.closed.is_some_and(|closed| now >= closed + patience)
                || now >= link.heard + silence
        };
        let lost: Vec<u64> = self
            .links
            .iter()
            .filter(|(_, link)| is_lost(link))
            .map(|(session, _)| *session)
            .collect();
        lost.into_iter()
            .filter_map(|session| Some((session, self.links.remove(&session)?)))
            .collect()
    }

    /// Returns how many jobs the open links of a region take at once; `None` where there is none.
    pub(crate) fn slots(&self, region: &Region) -> Option<usize> {
        let open = self.open().filter(|(_, link)| link.region == *region);
        open.map(|(_, link)| link.slots as usize).reduce(|sum, slots| sum + slots)
    }

    /// Returns the links that are open and do not drain.
    pub(crate) fn open(&self) -> impl Iterator<Item = (u64, &Link)> {
        let open = self.links.iter().filter(|(_, link)| link.closed.is_none() && !link.draining);
        open.map(|(session, link)| (*session, link))
    }
}
