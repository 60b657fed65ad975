//! Losses: workers that are gone, jobs that NATS forgot, jobs that nobody can do.

use std::collections::BTreeMap;

use mirror_model::{Failure, FailureKind, JobId, RunId, Stage};
use mirror_proto::Record;
use mirror_queue::Region;

use crate::leader::Leader;
use crate::leader::input::Effect;
use crate::leader::jobs::no_worker;
use crate::leader::run::{Live, Phase};
use crate::leader::store::Then;

/// After so many losses a job runs alone on a worker; only a loss there is its last.
pub(crate) const BEFORE_ALONE: u32 = 2;
/// Messages that are looked for at once, per region: the oldest, since one that was forgotten is soon
/// among them.
const CHECKED: usize = 64;

impl Leader {
    /// Finds out who is lost, and what he had.
    pub(crate) fn lose(&mut self) {
        let timing = self.options.timing;
        let lost = self.links.lost(self.now, timing.link_lost(), timing.silence());
        if lost.is_empty() {
            return;
        }
        for (session, link) in lost {
            tracing::warn!(session, region = %link.region, jobs = link.held.len(), "lost a worker");
            let is_alone = link.held.len() == 1;
            for ((run, job, attempt), _) in link.held {
                self.lost(run, job, attempt, is_alone);
            }
        }
        self.share();
    }

    /// An attempt is lost with its worker.
    fn lost(&mut self, id: RunId, job: JobId, attempt: u64, is_alone: bool) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let losses = run.losses.get(&job).copied().unwrap_or_default();
        let Some(live) = run.jobs.get_mut(&job) else { return };
        live.attempts.remove(&attempt);
        if !live.attempts.is_empty() || !matches!(live.phase, Phase::Published(_)) {
            return;
        }
        if live.unwanted.is_some() {
            self.fail(id, job, Failure::cancelled());
        } else if losses >= BEFORE_ALONE && is_alone {
            let message = format!(
                "{} workers were lost while they had this job, the last with nothing else to do",
                losses + 1
            );
            self.fail(id, job, Failure::text(Stage::Run, FailureKind::Internal, message));
        } else {
            self.put(id, Record::Lost(job), Then::Again(job));
        }
    }

    /// A job whose worker was lost goes again. The message that the worker had goes: whoever NATS would
    /// deliver it to again would do the job beside another worker, and not alone where it is to be alone.
    pub(crate) fn again(&mut self, id: RunId, job: JobId) {
        let Some(live) = self.live(id, job) else { return };
        if let Phase::Published(Some(published)) = live.phase
            && live.attempts.is_empty()
        {
            let region = live.region.clone();
            self.effects.push(Effect::Remove { region, published });
        }
        self.publish_again(id, job);
    }

    /// A job is published again, unless a worker has it.
    fn publish_again(&mut self, id: RunId, job: JobId) {
        let Some(live) = self.live(id, job) else { return };
        if matches!(live.phase, Phase::Published(_)) && live.attempts.is_empty() {
            let region = live.region.clone();
            self.regions.done(&region);
            self.make_ready(id, job, true);
        }
    }

    /// NATS has forgotten a job: it goes again, unless a worker has it.
    pub(crate) fn missing(&mut self, id: RunId, job: JobId, number: u32) {
        let Some(live) = self.live(id, job) else { return };
        if live.number == number {
            self.publish_again(id, job);
        }
    }

    /// NATS has forgotten all jobs of a region: those that no worker is known to have go again.
    pub(crate) fn forgotten(&mut self, region: &Region) {
        let lost = |live: &Live| {
            live.region == *region
                && live.attempts.is_empty()
                && matches!(live.phase, Phase::Published(Some(_)))
        };
        let jobs = self.runs.iter().flat_map(|(id, run)| {
            let lost = run.jobs.iter().filter(|(_, live)| lost(live));
            lost.map(move |(job, _)| (*id, *job))
        });
        for (id, job) in jobs.collect::<Vec<_>>() {
            // Nothing of theirs is left to be removed: their sequences are others' by now.
            self.publish_again(id, job);
        }
    }

    /// Has NATS asked for the oldest jobs that are published and that no worker is known to have.
    pub(crate) fn reconcile(&mut self) {
        let mut regions: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (id, run) in &self.runs {
            for (job, live) in &run.jobs {
                if let Phase::Published(Some(published)) = live.phase
                    && live.attempts.is_empty()
                {
                    let jobs = regions.entry(live.region.clone()).or_default();
                    jobs.push((published.sequence, (*id, *job, live.number, published)));
                }
            }
        }
        for (region, mut jobs) in regions {
            jobs.sort_by_key(|(sequence, _)| *sequence);
            let jobs = jobs.into_iter().take(CHECKED).map(|(_, job)| job).collect();
            self.effects.push(Effect::Check { region, jobs });
        }
    }

    /// Fails the jobs that nobody will do: their region has had no worker for too long, none of its
    /// workers takes them, or whoever has them does not let go.
    pub(crate) fn give_up(&mut self) {
        let (now, patience) = (self.now, self.options.schedule_timeout);
        let links = &self.links;
        let deserted = self.regions.deserted(now, patience, |region| links.slots(region));
        let mut failed: Vec<(RunId, JobId, Failure)> = Vec::new();
        for (id, run) in &self.runs {
            for (job, live) in &run.jobs {
                let is_refused = live.refused_since.is_some_and(|since| now >= since + patience)
                    && links
                        .open()
                        .filter(|(_, link)| link.region == live.region)
                        .all(|(_, link)| live.refused.contains(&link.worker));
                let failure = if live.unwanted.is_some_and(|until| now >= until) {
                    Failure::cancelled()
                } else if deserted.contains(&live.region) && live.attempts.is_empty() {
                    no_worker(&live.region, "")
                } else if is_refused && live.attempts.is_empty() {
                    no_worker(&live.region, " takes this job: none may write there, or knows how")
                } else {
                    continue;
                };
                failed.push((*id, *job, failure));
            }
        }
        for (id, job, failure) in failed {
            let live = self.live(id, job);
            if let Some((region, published)) = live.and_then(|live| match live.phase {
                Phase::Published(Some(published)) => Some((live.region.clone(), published)),
                Phase::Published(None)
                | Phase::Waiting
                | Phase::Looking
                | Phase::Ready
                | Phase::Publishing => None,
            }) {
                self.effects.push(Effect::Remove { region, published });
            }
            self.fail(id, job, failure);
        }
    }
}
