//! The link to the leading coordinator: one task owns the [`Session`], all others hold a [`Link`].
//!
//! The task is never without a line for long: it dials for ever, with jitter, whoever leads. It never
//! waits for anybody but in its one `select!`.

use std::sync::Arc;
use std::time::Duration;

use mirror_model::{Event, Outcome, RunId};
use mirror_proto::AttemptRef;
use mirror_proto::wire::worker::v1::{FromWorker, ReleaseReason};
use mirror_queue::{Delivery, Timing};
use mirror_rpc::Dialer;
use mirror_transport::Transport;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::held::Beginning;
use crate::line::{Broken, Line, News};
use crate::metrics::Metrics;
use crate::progress::Progress;
use crate::session::{Ask, Order, Session};
use crate::settle::Settled;

/// Requests to the link's task that wait: it is quick, and who asks waits.
const COMMANDS: usize = 256;
/// Events that wait: what is more is lost.
const EVENTS: usize = 1_024;
/// Events are told so often: as often as a terminal is painted.
const FLUSH: Duration = Duration::from_millis(200);
/// While draining, it is looked so often whether a permission is over.
const LOOK: Duration = Duration::from_millis(100);
/// What was said last has so long to get through.
const GOODBYE: Duration = Duration::from_secs(1);
/// Units of time beyond these are a mistake: nobody would rest, or nobody would notice anything.
const SHORTEST_BEAT: Duration = Duration::from_millis(20);
const LONGEST_BEAT: Duration = Duration::from_secs(60);
/// An outage is warned of once in so many vain attempts: about once a minute.
const WARN_EVERY: u32 = 60;

/// How the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkState {
    /// A coordinator has welcomed us.
    pub(crate) is_up: bool,
    /// The outbox has room for the rows of further jobs.
    pub(crate) has_room: bool,
    /// The times of the protocol.
    pub(crate) timing: Timing,
}

/// A handle to the link; cheap to clone.
#[derive(Clone)]
pub(crate) struct Link {
    commands: mpsc::Sender<Command>,
    events: mpsc::Sender<(RunId, Event)>,
    state: watch::Receiver<LinkState>,
}

enum Command {
    Begin(Box<Beginning<Arc<Delivery>>>, oneshot::Sender<bool>),
    Ask(Box<Ask>),
    Finish(u64, Box<Outcome>),
    Release(AttemptRef, ReleaseReason),
    Signal(String, Duration),
    Farewell(Instant),
}

impl Link {
    /// Begins an attempt; returns whether it is to be worked on.
    pub(crate) async fn begin(&self, beginning: Beginning<Arc<Delivery>>) -> bool {
        let (reply, answer) = oneshot::channel();
        self.command(Command::Begin(Box::new(beginning), reply)).await;
        answer.await.unwrap_or(false)
    }

    /// Asks whether a name may be written.
    pub(crate) async fn ask(&self, ask: Ask) {
        self.command(Command::Ask(Box::new(ask))).await;
    }

    /// Hands over what came of an attempt.
    pub(crate) async fn finish(&self, attempt: u64, outcome: Outcome) {
        self.command(Command::Finish(attempt, Box::new(outcome))).await;
    }

    /// Tells that a job is left to others.
    pub(crate) async fn release(&self, attempt: AttemptRef, reason: ReleaseReason) {
        self.command(Command::Release(attempt, reason)).await;
    }

    /// Lets the link go once all rows are acknowledged, and no later than `latest`.
    pub(crate) async fn farewell(&self, latest: Instant) {
        self.command(Command::Farewell(latest)).await;
    }

    /// Tells what happens; may be lost.
    pub(crate) fn tell(&self, run: RunId, event: Event) {
        let _ = self.events.try_send((run, event));
    }

    /// Tells of a registry that asks for peace; may be lost. Does not keep the link.
    pub(crate) fn signals(&self) -> impl Fn(&str, Duration) + Send + Sync + use<> {
        let commands = self.commands.downgrade();
        move |host, wait| {
            if let Some(commands) = commands.upgrade() {
                let _ = commands.try_send(Command::Signal(host.to_owned(), wait));
            }
        }
    }

    /// Returns how the link is, to be looked at and waited on.
    pub(crate) fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    async fn command(&self, command: Command) {
        // Only a worker that ends has no such task any more.
        let _ = self.commands.send(command).await;
    }
}

/// The task that owns the link.
pub(crate) struct LinkTask {
    pub(crate) session: Session<Arc<Delivery>>,
    pub(crate) dialer: Dialer,
    pub(crate) transport: Transport,
    pub(crate) settler: mpsc::Sender<Settled>,
    pub(crate) metrics: Arc<Metrics>,
    /// Begins the drain; the task fires it too.
    pub(crate) drain: CancellationToken,
    /// What a drain may take.
    pub(crate) grace: Duration,
}

/// What comes to the task.
struct Inbox {
    commands: mpsc::Receiver<Command>,
    events: mpsc::Receiver<(RunId, Event)>,
    state: watch::Sender<LinkState>,
}

impl LinkTask {
    /// Returns a handle, and the task's work.
    pub(crate) fn start(self) -> (Link, impl Future<Output = ()> + Send) {
        let (commands, received) = mpsc::channel(COMMANDS);
        let (events, told) = mpsc::channel(EVENTS);
        let (state, seen) = watch::channel(state(&self.session));
        let link = Link { commands, events, state: seen };
        let inbox = Inbox { commands: received, events: told, state };
        (link, Box::pin(self.run(inbox)))
    }

    async fn run(mut self, mut inbox: Inbox) {
        let mut line = Line::wait(Duration::ZERO);
        let mut out: Option<mpsc::Sender<FromWorker>> = None;
        let mut outage = Outage::default();
        let mut progress = Progress::default();
        let mut keep_at = Instant::now() + self.session.timing().in_progress();
        let mut flush_at = Instant::now() + FLUSH;
        let mut leave_at: Option<Instant> = None;
        loop {
            self.step(&inbox.state, out.as_ref());
            if leave_at.is_some_and(|latest| self.may_leave(latest)) {
                break;
            }
            let has_messages = self.session.has_messages();
            tokio::select! {
                Some(command) = inbox.commands.recv() => {
                    leave_at = self.obey(command).or(leave_at);
                }
                Some((run, event)) = inbox.events.recv() => progress.add(run, &event),
                () = room(out.as_ref()), if has_messages => {}
                () = self.drain.cancelled(), if !self.session.is_draining() => {
                    info!(under_way = self.session.under_way(), "draining");
                    self.session.drain(Instant::now());
                }
                () = tokio::time::sleep(LOOK), if self.session.is_draining() => {}
                () = sleep_until(keep_at) => {
                    self.session.keep(Instant::now());
                    keep_at = Instant::now() + self.session.timing().in_progress();
                }
                () = sleep_until(flush_at), if !progress.is_empty() => {
                    self.session.tell(progress.take());
                    flush_at = Instant::now() + FLUSH;
                }
                news = line.next() => match news {
                    News::Due => {
                        let (dialing, sender) = Line::dial(&self.dialer, self.session.hello());
                        (line, out) = (dialing, Some(sender));
                    }
                    News::Attached(attached) => {
                        let beat = Duration::from_nanos(attached.welcome.beat_nanos);
                        info!(
                            coordinator = self.dialer.target(),
                            term = attached.welcome.term,
                            under_way = self.session.under_way(),
                            "link up"
                        );
                        self.session.welcome(timing(beat));
                        keep_at = keep_at.min(Instant::now() + self.session.timing().in_progress());
                        outage = Outage { up_since: Some(Instant::now()), ..outage };
                        line = Line::Up(attached.inbound);
                    }
                    News::Said(message) => self.hear(*message),
                    News::Broken(broken) => {
                        (line, out) = (self.mend(&broken, &mut outage), None);
                    }
                },
            }
            if self.session.is_stuck() {
                (line, out) = (self.mend(&Broken::Stuck, &mut outage), None);
            }
        }
        drop(out);
        self.say_goodbye(line).await;
    }

    /// Does what follows from the session's state.
    fn step(&mut self, told: &watch::Sender<LinkState>, out: Option<&mpsc::Sender<FromWorker>>) {
        self.session.hand_back(Instant::now(), self.grace);
        if let Some(out) = out {
            while let Ok(room) = out.try_reserve() {
                let Some(message) = self.session.next_message() else { break };
                room.send(message);
            }
        }
        for (delivery, settle) in self.session.settled() {
            if self.settler.try_send((delivery, settle)).is_err() {
                warn!(?settle, "too many messages wait for NATS; it will deliver one again");
            }
        }
        let state = state(&self.session);
        told.send_if_modified(|before| std::mem::replace(before, state) != state);
        self.metrics.link(&self.session);
    }

    /// Does as it was asked; returns when to leave at the latest, if it was asked that.
    fn obey(&mut self, command: Command) -> Option<Instant> {
        match command {
            Command::Begin(begun, reply) => {
                let is_begun = self.session.begin(*begun);
                if is_begun {
                    self.metrics.begun();
                }
                let _ = reply.send(is_begun);
            }
            Command::Ask(ask) => self.session.ask(*ask),
            Command::Finish(attempt, outcome) => {
                let (status, elapsed) = (outcome.status.as_str(), outcome.elapsed);
                let (job, bytes) = (outcome.job, outcome.bytes);
                let is_wanted = self.session.finish(attempt, *outcome);
                debug!(%job, status, is_wanted, "job ended");
                if is_wanted {
                    self.metrics.row(status, elapsed, bytes);
                }
            }
            Command::Release(attempt, reason) => self.session.release(&attempt, reason),
            Command::Signal(host, wait) => self.session.signal(host, wait, Instant::now()),
            Command::Farewell(latest) => return Some(latest),
        }
        None
    }

    fn hear(&mut self, message: mirror_proto::wire::worker::v1::ToWorker) {
        match self.session.hear(message, Instant::now()) {
            None => {}
            Some(Order::Drain) => self.drain.cancel(),
            Some(Order::Pause(host, wait)) => {
                debug!(host, ?wait, "a registry is to be left alone");
                self.transport.pause(&host, wait);
            }
            Some(Order::Share(requests)) => {
                debug!(requests, "requests at once to a registry");
                self.transport.share(requests);
            }
        }
    }

    /// Learns from a broken line, and waits for the next.
    fn mend(&mut self, broken: &Broken, outage: &mut Outage) -> Line {
        self.session.break_off();
        let coordinator = self.dialer.target();
        let refusal = match broken {
            Broken::Status(status) => {
                let refusal = self.dialer.refusal(status);
                self.dialer.learn(status);
                refusal
            }
            Broken::Closed | Broken::Unwelcome | Broken::Stuck => {
                self.dialer.learn(&tonic::Status::unavailable(broken.to_string()));
                None
            }
            Broken::Unreachable(_) => None,
        };
        let since = outage.up_since.take();
        if since.is_some_and(|since| since.elapsed() >= self.session.timing().beat()) {
            outage.attempts = 0;
        }
        outage.attempts = outage.attempts.saturating_add(1);
        if outage.attempts % WARN_EVERY == 1 {
            match refusal {
                Some(error) => warn!(coordinator, %error, "no link"),
                None => warn!(coordinator, error = %Causes(broken), "no link"),
            }
        } else {
            debug!(coordinator, error = %Causes(broken), "no link");
        }
        Line::wait(Dialer::pause(outage.attempts))
    }

    /// Returns whether nothing is left to be done here.
    fn may_leave(&self, latest: Instant) -> bool {
        let is_told = self.session.is_empty() && !self.session.has_messages();
        if !is_told && Instant::now() >= latest {
            warn!(rows = self.session.waiting_rows(), "rows were not acknowledged in time");
        }
        is_told || Instant::now() >= latest
    }

    /// Lets what was said last get through.
    async fn say_goodbye(self, line: Line) {
        drop(self.settler);
        if let Line::Up(mut inbound) = line {
            let ended = async { while let Ok(Some(_)) = inbound.message().await {} };
            let _ = timeout(GOODBYE, ended).await;
        }
    }
}

/// How often a line was tried in vain.
#[derive(Default)]
struct Outage {
    attempts: u32,
    up_since: Option<Instant>,
}

fn state(session: &Session<Arc<Delivery>>) -> LinkState {
    let (is_up, has_room, timing) = (session.is_up(), session.has_room(), session.timing());
    LinkState { is_up, has_room, timing }
}

/// The times of a unit; of the usual one, where none is said.
fn timing(beat: Duration) -> Timing {
    if beat.is_zero() {
        Timing::default()
    } else {
        Timing::of(beat.clamp(SHORTEST_BEAT, LONGEST_BEAT))
    }
}

/// Waits until the line takes another message.
async fn room(out: Option<&mpsc::Sender<FromWorker>>) {
    match out {
        Some(out) => drop(out.reserve().await),
        None => std::future::pending().await,
    }
}

/// An error with its causes, in one line.
struct Causes<'e>(&'e (dyn std::error::Error + 'static));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stage, kind) = (mirror_model::Stage::Run, mirror_model::FailureKind::Unavailable);
        mirror_model::Failure::new(stage, kind, self.0).fmt(formatter)
    }
}
