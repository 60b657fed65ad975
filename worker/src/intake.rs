//! Taking jobs from the queue: as many as there are free slots, and only while there is a link.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use mirror_model::{Job, JobId, RunId};
use mirror_proto::wire::worker::v1::ReleaseReason;
use mirror_proto::{AttemptRef, JobHash};
use mirror_queue::{Delivery, Nats, Pull, QueueError, Region, Timing};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::admit::{Admission, admit};
use crate::allowed::Allowed;
use crate::copy::copy;
use crate::engines::Engines;
use crate::link::{Link, LinkState};

/// Jobs that are not ours and are kept for a moment, before others are offered them again: enough that
/// ours are found behind them, few enough that a region's queue is not ours alone.
const MOST_TURNED_AWAY: usize = 64;

/// Takes jobs from the queue.
pub(crate) struct Intake {
    pub(crate) nats: Nats,
    pub(crate) region: Region,
    pub(crate) allowed: Allowed,
    pub(crate) desk: Arc<Desk>,
}

/// Where jobs are worked on.
pub(crate) struct Desk {
    pub(crate) link: Link,
    pub(crate) engines: Engines,
    pub(crate) drain: CancellationToken,
    permits: Arc<Semaphore>,
    slots: u32,
}

impl Desk {
    pub(crate) fn new(
        link: Link,
        engines: Engines,
        slots: NonZeroUsize,
        drain: CancellationToken,
    ) -> Self {
        // More slots than a semaphore counts are as many as it counts.
        let slots = u32::try_from(slots.get().min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        let permits = Arc::new(Semaphore::new(slots as usize));
        Self { link, engines, drain, permits, slots }
    }
}

impl Intake {
    /// Takes jobs until the drain begins, and waits until those under way have ended. Returns when it
    /// began; an error where that was because the queue cannot be used, and waiting does not help.
    pub(crate) async fn run(self) -> (Instant, Result<(), QueueError>) {
        let mut jobs = JoinSet::new();
        let mut turned_away = JoinSet::new();
        let drain = self.desk.drain.clone();
        let taken = tokio::select! {
            biased;
            () = drain.cancelled() => Ok(()),
            taken = self.take(&mut jobs, &mut turned_away) => taken,
        };
        drain.cancel();
        let since = Instant::now();
        while jobs.join_next().await.is_some() {}
        while turned_away.join_next().await.is_some() {}
        (since, taken)
    }

    async fn take(
        &self,
        jobs: &mut JoinSet<()>,
        turned_away: &mut JoinSet<()>,
    ) -> Result<(), QueueError> {
        let queue = self.open().await?;
        let mut state = self.desk.link.state();
        loop {
            while jobs.try_join_next().is_some() {}
            while turned_away.len() >= MOST_TURNED_AWAY {
                turned_away.join_next().await;
            }
            while turned_away.try_join_next().is_some() {}
            self.desk.engines.forget_idle();
            let may_pull = |state: &LinkState| state.is_up && state.has_room;
            let timing = match state.wait_for(may_pull).await {
                Ok(state) => state.timing,
                Err(_ended) => return Ok(()),
            };
            let Some(mut permits) = self.free_slots().await else { return Ok(()) };
            let most = permits.num_permits().min(MOST_TURNED_AWAY);
            let pulled = tokio::select! {
                biased;
                closed = state.wait_for(|state| !may_pull(state)) => {
                    drop(closed);
                    continue;
                }
                pulled = queue.next(most, timing.in_progress()) => pulled,
            };
            let deliveries = match pulled {
                Ok(deliveries) => deliveries,
                Err(error) => {
                    warn!(%error, "cannot pull");
                    sleep(timing.beat().mul_f64(fastrand::f64())).await;
                    continue;
                }
            };
            let mut alone = Vec::new();
            for delivery in deliveries.into_iter().map(Arc::new) {
                match admit(&delivery.message, &self.allowed) {
                    Admission::Rubbish(error) => {
                        warn!(%error, "a message that is no job");
                        jobs.spawn(end(delivery));
                    }
                    Admission::TurnAway { run, job, reason } => {
                        let desk = Arc::clone(&self.desk);
                        turned_away.spawn(desk.turn_away(delivery, run, job, reason, timing));
                    }
                    Admission::Run(job) if delivery.alone => {
                        let (ended, end) = oneshot::channel();
                        alone.push(end);
                        let desk = Arc::clone(&self.desk);
                        jobs.spawn(desk.work_alone(delivery, *job, timing, ended));
                    }
                    Admission::Run(job) => {
                        let desk = Arc::clone(&self.desk);
                        match permits.split(1) {
                            Some(slot) => jobs.spawn(desk.work(delivery, *job, slot)),
                            // More than was asked for.
                            None => jobs.spawn(give_back(delivery)),
                        };
                    }
                }
            }
            drop(permits);
            for ended in alone {
                let _ = ended.await;
            }
        }
    }

    /// Opens the queue's end; the coordinator may not have made it yet.
    async fn open(&self) -> Result<Pull, QueueError> {
        let mut is_told = false;
        loop {
            match Pull::open(&self.nats, &self.region).await {
                Ok(queue) => return Ok(queue),
                Err(error) if !error.retry() => return Err(error),
                Err(error) if !is_told => {
                    warn!(region = %self.region, %error, "waiting for the queue");
                    is_told = true;
                }
                Err(error) => debug!(region = %self.region, %error, "waiting for the queue"),
            }
            sleep(Timing::default().beat().mul_f64(fastrand::f64())).await;
        }
    }

    /// Waits for a free slot, and takes all that are free. None once nothing is to be done any more.
    async fn free_slots(&self) -> Option<OwnedSemaphorePermit> {
        let permits = &self.desk.permits;
        let mut slots = Arc::clone(permits).acquire_owned().await.ok()?;
        while let Ok(slot) = Arc::clone(permits).try_acquire_owned() {
            slots.merge(slot);
        }
        Some(slots)
    }
}

impl Desk {
    async fn work(self: Arc<Self>, delivery: Arc<Delivery>, job: Job, slot: OwnedSemaphorePermit) {
        copy(&self.link, &self.engines, delivery, job).await;
        drop(slot);
    }

    /// Works on a job that may have brought workers down: with nothing beside it. Until all others have
    /// ended, its message is kept.
    async fn work_alone(
        self: Arc<Self>,
        delivery: Arc<Delivery>,
        job: Job,
        timing: Timing,
        _ended: oneshot::Sender<()>,
    ) {
        info!(run = %ulid::Ulid(job.run.0), job = %job.id, "a job is to run alone");
        let all = Arc::clone(&self.permits).acquire_many_owned(self.slots);
        tokio::pin!(all);
        let slots = loop {
            tokio::select! {
                biased;
                () = self.drain.cancelled() => {
                    give_back(delivery).await;
                    return;
                }
                slots = &mut all => break slots,
                () = sleep(timing.in_progress()) => {
                    if let Err(error) = delivery.in_progress().await {
                        debug!(%error, "a message could not be kept");
                    }
                }
            }
        };
        copy(&self.link, &self.engines, delivery, job).await;
        drop(slots);
    }

    /// Leaves a job to others; after a beat, so that it does not come and go without end where there are
    /// no others.
    async fn turn_away(
        self: Arc<Self>,
        delivery: Arc<Delivery>,
        run: RunId,
        job: JobId,
        reason: ReleaseReason,
        timing: Timing,
    ) {
        info!(run = %ulid::Ulid(run.0), %job, ?reason, "a job is left to others");
        let hash = JobHash::of(&delivery.message);
        let attempt = AttemptRef { run, job, attempt: fastrand::u64(..), hash };
        self.link.release(attempt, reason).await;
        pause(&self.drain, timing.beat()).await;
        give_back(delivery).await;
    }
}

/// Waits, unless there is a drain.
async fn pause(drain: &CancellationToken, wait: Duration) {
    tokio::select! {
        () = drain.cancelled() => {}
        () = sleep(wait) => {}
    }
}

async fn give_back(delivery: Arc<Delivery>) {
    if let Err(error) = delivery.give_back().await {
        debug!(%error, "a message could not be given back");
    }
}

async fn end(delivery: Arc<Delivery>) {
    if let Err(error) = delivery.end().await {
        debug!(%error, "a message could not be ended");
    }
}
