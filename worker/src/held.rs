//! An attempt that this worker has under way.

use std::sync::Arc;
use std::time::Duration;

use mirror_model::Seen;
use mirror_proto::AttemptRef;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pulse::Pulse;

/// What begins.
#[derive(Debug)]
pub(crate) struct Beginning<D> {
    /// The attempt.
    pub(crate) attempt: AttemptRef,
    /// Its message.
    pub(crate) delivery: D,
    /// Ends its work.
    pub(crate) cancel: CancellationToken,
    /// Its signs of life.
    pub(crate) pulse: Arc<Pulse>,
    /// The registries that it works with: source, and destination.
    pub(crate) hosts: [String; 2],
}

/// What is said of a name that was asked for. Where nothing is said, the question was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It may be written.
    Go(Seen),
    /// Ask again.
    Hold,
    /// A newer run writes it.
    Superseded,
    /// The job is not wanted any more.
    Drop,
}

/// An attempt that is under way.
#[derive(Debug)]
pub(crate) struct Held<D> {
    pub(crate) begun: Beginning<D>,
    asked: Option<(u32, oneshot::Sender<Answer>)>,
    /// Until when a name may be being written.
    go: Option<Instant>,
}

impl<D> Held<D> {
    pub(crate) fn new(begun: Beginning<D>) -> Self {
        Self { begun, asked: None, go: None }
    }

    /// Takes note of a question.
    pub(crate) fn ask(&mut self, number: u32, reply: oneshot::Sender<Answer>) {
        self.asked = Some((number, reply));
    }

    /// An earlier question is lost, and what an earlier answer permitted is over: somebody asks anew.
    pub(crate) fn withdraw(&mut self) {
        (self.asked, self.go) = (None, None);
    }

    /// Hands over an answer, if it is to the question that waits for one.
    pub(crate) fn answer(&mut self, number: u32, answer: Answer) -> bool {
        match self.asked.take() {
            Some((asked, reply)) if asked == number => {
                self.begun.pulse.beat();
                reply.send(answer).is_ok()
            }
            other => {
                self.asked = other;
                false
            }
        }
    }

    /// A name may be being written for so long from now on.
    pub(crate) fn permit(&mut self, now: Instant, lasts: Duration) {
        self.go = Some(now + lasts);
    }

    /// Nobody will answer any more.
    pub(crate) fn forget_question(&mut self) {
        self.asked = None;
    }

    /// Returns whether somebody is to answer.
    pub(crate) fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// Returns whether it asks to write a name, or may be writing one.
    pub(crate) fn is_writing(&self, now: Instant) -> bool {
        self.is_asking() || self.go.is_some_and(|until| now < until)
    }
}
