//! Workers: they come, begin attempts, tell rows, give jobs back, and pass on what registries ask for.

use std::time::Duration;

use mirror_model::RunId;
use mirror_proto::wire::worker::v1::{
    Draining, FromWorker, Hello, HostPause, HostSignal, Progress, Release, ReleaseReason, Row,
    Rows, RowsAck, Share, Started, ToWorker, Welcome, from_worker, to_worker,
};
use mirror_proto::{AttemptRef, Invalid, Record, attempt_from, attempt_to, outcome_from};
use mirror_queue::Region;
use tokio::sync::mpsc;

use crate::leader::Leader;
use crate::leader::input::Effect;
use crate::leader::links::Link;
use crate::leader::run::{Live, normal};
use crate::leader::store::Then;

/// Requests at once that all of a fleet may have under way at a registry: what one process has, since a
/// registry does not care how many we are.
const REQUESTS: usize = 64;

/// Pauses that are told to whoever comes: registries that ask for one at a time are a handful.
const MOST_PAUSES: usize = 256;

impl Leader {
    /// A worker has come, or come back.
    pub(crate) fn attached(&mut self, session: u64, hello: Hello, to: mpsc::Sender<ToWorker>) {
        let Hello { worker, region, slots, held, .. } = hello;
        let Ok(region) = region.parse::<Region>() else { return };
        let before = self.links.attach(session, (worker, region, slots, to), self.now);
        let beat_nanos = u64::try_from(self.options.timing.beat().as_nanos()).unwrap_or(u64::MAX);
        let welcome = Welcome { term: self.options.term, beat_nanos };
        self.links.say(session, to_worker::What::Welcome(welcome), self.now);
        for (host, until) in &self.pauses {
            let left = until.saturating_sub(self.now);
            if !left.is_zero() {
                self.links.say(session, pause(host, left), self.now);
            }
        }
        for attempt in held {
            if let Ok(attempt) = attempt_from(Some(attempt)) {
                self.begun(session, &attempt);
            }
        }
        // What it had and has no more was handed back, or its row is about to come.
        for held in before {
            let has = |link: &mut Link| link.held.contains_key(&held);
            if !self.links.get_mut(session).is_some_and(has) {
                self.over(session, held);
            }
        }
        self.share();
    }

    /// A worker says something.
    pub(crate) fn heard(&mut self, session: u64, message: FromWorker) {
        if self.links.heard(session, self.now).is_none() {
            return;
        }
        let understood = match message.what {
            None | Some(from_worker::What::Hello(_)) => Ok(()),
            Some(from_worker::What::Started(started)) => self.started(session, started),
            Some(from_worker::What::Commit(commit)) => self.commit(session, commit),
            Some(from_worker::What::Progress(progress)) => {
                self.progress(progress);
                Ok(())
            }
            Some(from_worker::What::Rows(rows)) => self.rows(session, rows),
            Some(from_worker::What::Release(release)) => self.released(session, release),
            Some(from_worker::What::HostSignal(HostSignal { host, pause_nanos })) => {
                self.paused(&host, Duration::from_nanos(pause_nanos), Some(session));
                Ok(())
            }
            Some(from_worker::What::Draining(Draining {})) => {
                if let Some(link) = self.links.get_mut(session) {
                    link.draining = true;
                }
                self.share();
                Ok(())
            }
        };
        if let Err(error) = understood {
            tracing::warn!(session, %error, "a worker said what is not understood");
        }
    }

    fn started(&mut self, session: u64, Started { attempt }: Started) -> Result<(), Invalid> {
        self.begun(session, &attempt_from(attempt)?);
        Ok(())
    }

    /// An attempt is under way.
    fn begun(&mut self, session: u64, attempt: &AttemptRef) {
        if !self.is_wanted(session, attempt) {
            return;
        }
        let AttemptRef { run, job, attempt, hash } = *attempt;
        if let Some(link) = self.links.get_mut(session) {
            link.held.insert((run, job, attempt), hash);
        }
        if let Some(live) = self.live(run, job) {
            live.attempts.insert(attempt, session);
        }
    }

    fn rows(&mut self, session: u64, rows: Rows) -> Result<(), Invalid> {
        for Row { attempt, outcome } in rows.rows {
            let (attempt, outcome) = (attempt_from(attempt)?, outcome_from(outcome)?);
            let AttemptRef { run: id, job, .. } = attempt;
            let is_same = |live: &Live| live.hash == attempt.hash;
            let wanted = self.runs.get(&id).filter(|run| {
                outcome.job == job
                    && run.is_planned(job)
                    && run.ended().is_none()
                    && run.jobs.get(&job).is_none_or(is_same)
            });
            let Some(run) = wanted else {
                // Nobody keeps a row of it any more, or it is of another message.
                let attempts = vec![attempt_to(&attempt)];
                self.links.say(session, to_worker::What::RowsAck(RowsAck { attempts }), self.now);
                continue;
            };
            let outcome = normal(outcome, run.first(job));
            let then = Then::Row { told: Some((session, attempt)) };
            self.put(id, Record::Row(Box::new(outcome)), then);
        }
        Ok(())
    }

    fn released(&mut self, session: u64, release: Release) -> Result<(), Invalid> {
        let reason = release.reason();
        let AttemptRef { run, job, attempt, .. } = attempt_from(release.attempt)?;
        let worker = self.links.worker(session);
        let now = self.now;
        if let (Some(live), Some(worker)) = (self.live(run, job), worker) {
            match reason {
                ReleaseReason::Drain | ReleaseReason::Unspecified => {}
                ReleaseReason::Unsupported | ReleaseReason::NotAllowed => {
                    live.refused.insert(worker);
                    live.refused_since.get_or_insert(now);
                }
            }
        }
        self.over(session, (run, job, attempt));
        Ok(())
    }

    fn progress(&self, progress: Progress) {
        let run: Result<[u8; 16], _> = progress.run.as_slice().try_into();
        if let Ok(run) = run
            && let Some(run) = self.runs.get(&RunId(u128::from_be_bytes(run)))
        {
            // Nobody may be watching.
            if let Some(watchers) = &run.progress {
                let _ = watchers.send(progress);
            }
        }
    }

    /// A registry asks for a pause: all keep it.
    pub(crate) fn paused(&mut self, host: &str, wait: Duration, from: Option<u64>) {
        let now = self.now;
        self.pauses.retain(|_, until| *until > now);
        if self.pauses.len() < MOST_PAUSES || self.pauses.contains_key(host) {
            let until = self.pauses.entry(host.to_owned()).or_default();
            *until = now.saturating_add(wait).max(*until);
        }
        self.links.say_all(&pause(host, wait), from, now);
        if from.is_some() {
            self.effects.push(Effect::Pause { host: host.to_owned(), wait });
        }
    }

    /// Divides what a registry may be asked at once among those who ask.
    pub(crate) fn share(&mut self) {
        let share = (REQUESTS / (self.links.open().count() + 1)).max(1);
        let requests = u32::try_from(share).unwrap_or(1);
        self.links.say_all(&to_worker::What::Share(Share { requests }), None, self.now);
        self.effects.push(Effect::Share(share));
    }
}

fn pause(host: &str, wait: Duration) -> to_worker::What {
    let pause_nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    to_worker::What::HostPause(HostPause { host: host.to_owned(), pause_nanos })
}
