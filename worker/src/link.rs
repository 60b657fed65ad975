//! A handle to the link to the leading coordinator. One task owns the link; see [`LinkTask`].

mod task;

use std::sync::Arc;
use std::time::Duration;

use mirror_model::{Event, Outcome, RunId};
use mirror_proto::AttemptRef;
use mirror_proto::wire::worker::v1::ReleaseReason;
use mirror_queue::{Delivery, Timing};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::held::Beginning;
use crate::session::Ask;

pub(crate) use task::LinkTask;

/// Requests to the link's task that wait: it is quick, and who asks waits.
const COMMANDS: usize = 256;
/// Events that wait: what is more is lost.
const EVENTS: usize = 1_024;

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
