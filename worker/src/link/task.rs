//! The task that owns the [`Session`], and with it the link to the leading coordinator.
//!
//! It is never without a line for long: it dials for ever, with jitter, whoever leads. It never waits
//! for anybody but in its one `select!`.

use std::sync::Arc;
use std::time::Duration;

use mirror_model::{Event, Failure, FailureKind, RunId, Stage};
use mirror_proto::wire::worker::v1::{FromWorker, ToWorker};
use mirror_queue::{Delivery, Timing};
use mirror_rpc::Dialer;
use mirror_transport::Transport;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{COMMANDS, Command, EVENTS, Link, LinkState};
use crate::line::{Attached, Broken, Line, News};
use crate::metrics::Metrics;
use crate::progress::Progress;
use crate::session::{Order, Session};
use crate::settle::Settled;

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
        let mut phone = Phone::default();
        let mut progress = Progress::default();
        let mut keep_at = Instant::now();
        let mut beat_at = Instant::now();
        let mut flush_at = Instant::now();
        let mut leave_at: Option<Instant> = None;
        loop {
            self.step(&inbox.state, phone.out.as_ref());
            if leave_at.is_some_and(|latest| self.may_leave(latest)) {
                break;
            }
            let has_messages = self.session.has_messages();
            tokio::select! {
                Some(command) = inbox.commands.recv() => {
                    leave_at = self.obey(command).or(leave_at);
                }
                Some((run, event)) = inbox.events.recv() => progress.add(run, &event),
                () = self.drain.cancelled(), if !self.session.is_draining() => {
                    info!(under_way = self.session.under_way(), "draining");
                    self.session.drain(Instant::now());
                }
                () = sleep(LOOK), if self.session.is_draining() => {}
                () = sleep_until(keep_at) => {
                    self.session.keep(Instant::now());
                    keep_at = Instant::now() + self.session.timing().in_progress();
                }
                () = sleep_until(beat_at) => {
                    self.session.beat();
                    beat_at = Instant::now() + self.session.timing().beat();
                }
                () = sleep_until(flush_at), if !progress.is_empty() => {
                    self.session.tell(progress.take());
                    flush_at = Instant::now() + FLUSH;
                }
                is_open = has_room(phone.out.as_ref()), if has_messages => {
                    if !is_open {
                        self.mend(&Broken::Closed, &mut phone);
                    }
                }
                news = phone.line.next() => {
                    self.learn(news, &mut phone);
                    // The unit of time may be another now.
                    keep_at = keep_at.min(Instant::now() + self.session.timing().in_progress());
                    beat_at = beat_at.min(Instant::now() + self.session.timing().beat());
                }
            }
            if self.session.is_stuck() {
                self.mend(&Broken::Stuck, &mut phone);
            }
        }
        drop(phone.out);
        self.say_goodbye(phone.line).await;
    }

    /// Does what is to be done about the line.
    fn learn(&mut self, news: News, phone: &mut Phone) {
        match news {
            News::Due => {
                let (line, out) = Line::dial(&self.dialer, self.session.hello());
                (phone.line, phone.out) = (line, Some(out));
            }
            News::Attached(Attached { welcome, inbound }) => {
                info!(
                    coordinator = self.dialer.target(),
                    term = welcome.term,
                    under_way = self.session.under_way(),
                    "link up"
                );
                self.session.welcome(timing(Duration::from_nanos(welcome.beat_nanos)));
                phone.up_since = Some(Instant::now());
                phone.line = Line::Up(inbound);
            }
            News::Said(message) => self.hear(*message),
            News::Broken(broken) => self.mend(&broken, phone),
        }
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

    fn hear(&mut self, message: ToWorker) {
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

    /// Learns from a broken line, and waits before the next.
    fn mend(&mut self, broken: &Broken, phone: &mut Phone) {
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
        let since = phone.up_since.take();
        if since.is_some_and(|since| since.elapsed() >= self.session.timing().beat()) {
            phone.attempts = 0;
        }
        phone.attempts = phone.attempts.saturating_add(1);
        if phone.attempts % WARN_EVERY == 1 {
            match refusal {
                Some(error) => warn!(coordinator, %error, "no link"),
                None => warn!(coordinator, error = %Causes(broken), "no link"),
            }
        } else {
            debug!(coordinator, error = %Causes(broken), "no link");
        }
        (phone.line, phone.out) = (Line::wait(Dialer::pause(phone.attempts)), None);
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

/// The line, and how it went with it.
struct Phone {
    line: Line,
    /// Where messages go, while there is a line or one is dialled.
    out: Option<mpsc::Sender<FromWorker>>,
    /// How often in a row it broke, or never came to be.
    attempts: u32,
    up_since: Option<Instant>,
}

impl Default for Phone {
    fn default() -> Self {
        Self { line: Line::wait(Duration::ZERO), out: None, attempts: 0, up_since: None }
    }
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

/// Waits until the line takes another message; returns whether it ever will.
async fn has_room(out: Option<&mpsc::Sender<FromWorker>>) -> bool {
    match out {
        Some(out) => out.reserve().await.is_ok(),
        None => std::future::pending().await,
    }
}

/// An error with its causes, in one line.
struct Causes<'e>(&'e (dyn std::error::Error + 'static));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Failure::new(Stage::Run, FailureKind::Unavailable, self.0).fmt(formatter)
    }
}
