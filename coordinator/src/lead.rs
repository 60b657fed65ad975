//! Leading: the one task that owns the leader, and carries out what it decides.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{BoxFuture, FutureExt, OptionFuture};
use mirror_monitor::Requests;
use mirror_proto::Record;
use mirror_queue::{LogSubject, RunLog};
use mirror_registry::Registries;
use mirror_transport::{Noticed, boot_time};
use mirror_verify::Trust;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use crate::driver::{Driver, drive_run};
use crate::leader::{Effect, Input, Leader};
use crate::log::{Log, Written};
use crate::queues::{Forgotten, Queues};
use crate::standby::Led;

/// What may wait for the leader before those who ask it wait too.
const WAITING: usize = 4096;
/// Ticks per beat: what is late is late by no more.
const TICKS_PER_BEAT: u32 = 8;
/// Between two looks at how full the log is.
const ROOM: Duration = Duration::from_secs(60);
/// Between two tries to write a log again.
const PAUSE: Duration = Duration::from_millis(500);

/// A way to the leader; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    inputs: mpsc::Sender<Input>,
    /// The log, for runs that memory does not have.
    pub(crate) log: RunLog,
    /// When the log was made, as of the last time that it was written again.
    pub(crate) created: tokio::sync::watch::Receiver<i128>,
}

/// The leader is gone: another one leads, or soon will.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this coordinator does not lead any more")]
pub(crate) struct Gone;

impl Handle {
    /// Tells the leader something.
    pub(crate) async fn tell(&self, input: Input) -> Result<(), Gone> {
        self.inputs.send(input).await.map_err(|_gone| Gone)
    }

    /// Asks the leader something.
    pub(crate) async fn ask<T>(
        &self,
        input: impl FnOnce(tokio::sync::oneshot::Sender<T>) -> Input,
    ) -> Result<T, Gone> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.tell(input(reply)).await?;
        answer.await.map_err(|_gone| Gone)
    }
}

/// Why leading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was asked to end, and has said so in the log.
    Resigned,
    /// Somebody else leads.
    Deposed,
}

/// What carrying out takes.
pub(crate) struct Means {
    pub(crate) log: Log,
    pub(crate) queues: Arc<Queues>,
    pub(crate) registries: Arc<Registries>,
    /// By which root signatures are judged.
    pub(crate) trust: Arc<Trust>,
    /// What registries answer the coordinator itself.
    pub(crate) requests: Arc<Requests>,
    /// How full the log may be, in bytes.
    pub(crate) max_bytes: u64,
}

/// Leads.
pub(crate) struct Leading {
    leader: Leader,
    means: Means,
    created: i128,
    created_told: tokio::sync::watch::Sender<i128>,
    number: u64,
    term: Record,
    resigned: Record,
    tick: Duration,
    inputs: mpsc::Receiver<Input>,
    handle: Handle,
    /// The append under way, and the number of its batch.
    append: Option<BoxFuture<'static, Written>>,
    tasks: JoinSet<()>,
}

impl Leading {
    /// Prepares to lead; the handle may be given away.
    pub(crate) fn new(led: Led, means: Means) -> (Self, Handle) {
        let Led { leader, created, number, options } = led;
        let (sender, inputs) = mpsc::channel(WAITING);
        let (created_told, created_known) = tokio::sync::watch::channel(created);
        let log = means.log.reader().clone();
        let handle = Handle { inputs: sender, log, created: created_known };
        let term = Record::Term { term: options.term, advertise: options.advertise };
        let resigned = Record::Resigned { term: options.term };
        let leading = Self {
            leader,
            means,
            created,
            created_told,
            number,
            term,
            resigned,
            tick: options.timing.beat() / TICKS_PER_BEAT,
            inputs,
            handle: handle.clone(),
            append: None,
            tasks: JoinSet::new(),
        };
        (leading, handle)
    }

    /// Leads until `shutdown`, or until somebody else does.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> Ended {
        let (noticed, requests) = (self.handle.inputs.clone(), Arc::clone(&self.means.requests));
        self.means.registries.transport().watch(Arc::new(move |host, what| match what {
            // Where the leader is that busy, the pause is asked for again.
            Noticed::Paused(wait) => drop(noticed.try_send(Input::Paused(host.to_owned(), wait))),
            Noticed::Answered(code) => requests.count(host, code.as_u16()),
        }));
        let mut ticks = tokio::time::interval(self.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rooms = tokio::time::interval(ROOM);
        let effects = self.leader.begin();
        self.carry_out(effects);
        loop {
            let append = OptionFuture::from(self.append.as_mut());
            let input = tokio::select! {
                biased;
                () = shutdown.cancelled() => return self.resign().await,
                Some(written) = append => {
                    self.append = None;
                    match written {
                        Written::Stored(sequence) => Input::Stored(sequence),
                        Written::Deposed => return Ended::Deposed,
                        Written::Lost => {
                            if !self.rewrite(&shutdown).await {
                                return Ended::Deposed;
                            }
                            continue;
                        }
                    }
                }
                // Before what is asked: who is asked much must still show that he lives.
                _ = ticks.tick() => Input::Tick(wall_seconds()),
                _ = rooms.tick() => {
                    self.look_at_room();
                    continue;
                }
                Some(_) = self.tasks.join_next() => continue,
                Some(input) = self.inputs.recv() => input,
            };
            let effects = self.leader.handle(boot_time(), input);
            self.carry_out(effects);
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.carry_out_one(effect);
        }
    }

    fn carry_out_one(&mut self, effect: Effect) {
        let (queues, inputs) = (Arc::clone(&self.means.queues), self.handle.inputs.clone());
        match effect {
            Effect::Append { expected, number, subject, payload } => {
                let (log, created) = (self.means.log.clone(), self.created);
                self.number = number;
                let append =
                    async move { log.append(created, expected, number, subject, payload).await };
                self.append = Some(append.boxed());
            }
            Effect::Publish(publish) => {
                self.tasks.spawn(async move {
                    let (run, job, number) = (publish.run, publish.job, publish.number);
                    let published = queues.publish(publish).await;
                    let published = published.map_err(|error| error.to_string());
                    let _ = inputs.send(Input::Published(run, job, number, published)).await;
                });
            }
            Effect::Remove { region, published } => {
                self.tasks.spawn(async move {
                    // Whoever pulls it all the same is told that nobody wants it.
                    if let Err(error) = queues.remove(&region, published).await {
                        tracing::debug!(%region, %error, "cannot remove a job");
                    }
                });
            }
            Effect::Check { region, jobs } => {
                self.tasks.spawn(async move {
                    let jobs: Vec<_> = jobs
                        .into_iter()
                        .map(|(run, job, number, published)| ((run, job, number), published))
                        .collect();
                    match queues.forgotten(&region, &jobs).await {
                        Ok(Forgotten::Some(forgotten)) => {
                            for (run, job, number) in forgotten {
                                let _ = inputs.send(Input::Missing(run, job, number)).await;
                            }
                        }
                        Ok(Forgotten::All) => {
                            let _ = inputs.send(Input::Forgotten(region)).await;
                        }
                        Err(error) => tracing::warn!(%region, %error, "cannot check the queue"),
                    }
                });
            }
            Effect::Drive { run, history, cancel } => {
                let driver = Driver {
                    run,
                    history,
                    cancel,
                    handle: self.handle.clone(),
                    registries: Arc::clone(&self.means.registries),
                    trust: Arc::clone(&self.means.trust),
                    queues,
                };
                self.tasks.spawn(drive_run(driver));
            }
            Effect::Purge(run) => {
                let log = self.handle.log.clone();
                self.tasks.spawn(async move {
                    if let Err(error) = log.purge(run).await {
                        tracing::warn!(%error, "cannot forget a run");
                    }
                });
            }
            Effect::Pause { host, wait } => self.means.registries.transport().pause(&host, wait),
            Effect::Share(requests) => self.means.registries.transport().share(requests),
        }
    }

    fn look_at_room(&mut self) {
        let (log, inputs) = (self.means.log.clone(), self.handle.inputs.clone());
        let most = self.means.max_bytes.max(1);
        let last = self.leader.last();
        self.tasks.spawn(async move {
            log.forget_leaders(last).await;
            if let Ok(Some(tail)) = log.reader().tail().await {
                let _ = inputs.send(Input::Room(tail.bytes.saturating_mul(100) / most)).await;
            }
        });
    }

    /// Writes a lost log again. Returns whether this process still leads.
    async fn rewrite(&mut self, shutdown: &CancellationToken) -> bool {
        tracing::warn!("the log of runs was lost: it is written again from memory");
        loop {
            let memory = self.leader.memory();
            let rewrite = self.means.log.rewrite(self.term.clone(), memory, self.number);
            // Whoever is asked to end has a beat left for it.
            let over = async {
                shutdown.cancelled().await;
                tokio::time::sleep(self.tick * TICKS_PER_BEAT).await;
            };
            let rewritten = tokio::select! {
                biased;
                rewritten = rewrite => rewritten,
                () = over => return true,
            };
            match rewritten {
                Ok(rewritten) => {
                    self.created = rewritten.created;
                    self.number = rewritten.number;
                    // Whoever watches begins anew, also where the log was only cut back.
                    self.created_told.send_modify(|told| *told = rewritten.created.max(*told + 1));
                    let effects =
                        self.leader.rebase(&rewritten.sequences, rewritten.last, rewritten.number);
                    self.carry_out(effects);
                    return true;
                }
                Err(None) => return false,
                Err(Some(error)) => tracing::warn!(%error, "cannot write the log again yet"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return true,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Goes, and says so: whoever stands by need not wait. What is not in the log was not promised.
    /// Where the log does not answer within a beat each time, it goes without having said so.
    async fn resign(mut self) -> Ended {
        self.tasks.abort_all();
        let patience = self.tick * TICKS_PER_BEAT;
        let mut last = self.leader.last();
        if let Some(append) = self.append.take() {
            match timeout(patience, append).await {
                Ok(Written::Stored(sequence)) => last = sequence,
                Ok(Written::Deposed | Written::Lost) => return Ended::Deposed,
                Err(_elapsed) => return Ended::Resigned,
            }
        }
        let payload = mirror_proto::encode_batch(&[self.resigned.clone()]).into();
        let log = &self.means.log;
        let resign = log.append(self.created, last, self.number + 1, LogSubject::Leader, payload);
        let _ = timeout(patience, resign).await;
        Ended::Resigned
    }
}

/// Seconds since 1970.
pub(crate) fn wall_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
