//! What the coordinator says, and what follows from it.

use std::time::Duration;

use mirror_proto::seen_from;
use mirror_proto::wire::worker::v1 as wire;
use tokio::time::Instant;
use tracing::{debug, info, warn};
use wire::to_worker::What;

use super::Session;
use crate::held::{Answer, Held};
use crate::settle::Settle;

/// What the coordinator wants of the whole process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Leave a registry alone.
    Pause(String, Duration),
    /// Ask no registry for more small things at once.
    Share(usize),
    /// Finish and go.
    Drain,
}

impl<D: Clone> Session<D> {
    /// Takes note of what the coordinator says; returns what others have to do about it. What is about
    /// an attempt that is not under way any more, or about an older question of it, is of no interest.
    pub(crate) fn hear(&mut self, message: wire::ToWorker, now: Instant) -> Option<Order> {
        match message.what? {
            What::Welcome(_) => warn!("welcomed twice"),
            What::Go(go) => self.go(go, now),
            What::Hold(hold) => self.answer(hold.attempt, hold.ask, Answer::Hold),
            What::Superseded(over) => self.answer(over.attempt, over.ask, Answer::Superseded),
            What::Done(done) => self.stop(done.attempt.as_ref(), Settle::Ack),
            What::Drop(dropped) => self.stop(dropped.attempt.as_ref(), Settle::End),
            What::RowsAck(ack) => {
                for attempt in ack.attempts {
                    let deliveries = self.outbox.remove(attempt.attempt);
                    let acked = deliveries.into_iter().map(|delivery| (delivery, Settle::Ack));
                    self.settled.extend(acked);
                }
            }
            What::Cancelled(wire::Cancelled { run }) => self.cancel(&run),
            What::HostPause(wire::HostPause { host, pause_nanos }) => {
                let wait = Duration::from_nanos(pause_nanos);
                self.hosts.pause(&host, wait, now);
                return Some(Order::Pause(host, wait));
            }
            What::Share(wire::Share { requests }) => {
                return Some(Order::Share(usize::try_from(requests).unwrap_or(usize::MAX)));
            }
            What::Drain(wire::Drain {}) => {
                info!("the coordinator asks to drain");
                return Some(Order::Drain);
            }
        }
        None
    }

    fn go(&mut self, go: wire::Go, now: Instant) {
        let wire::Go { attempt, ask, seen } = go;
        let seen = match seen_from(seen) {
            Ok(seen) => seen,
            Err(error) => {
                warn!(%error, "a permission that cannot be read is none");
                return;
            }
        };
        let lasts = self.timing.go() + self.timing.put();
        if let Some(held) = self.of(attempt)
            && held.answer(ask, Answer::Go(seen))
        {
            held.permit(now, lasts);
        }
    }

    fn answer(&mut self, attempt: Option<wire::Attempt>, number: u32, answer: Answer) {
        if let Some(held) = self.of(attempt) {
            held.answer(number, answer);
        }
    }

    /// Ends an attempt without a row: somebody else's counts, or none is wanted.
    fn stop(&mut self, attempt: Option<&wire::Attempt>, settle: Settle) {
        let Some(&wire::Attempt { attempt, .. }) = attempt else { return };
        if let Some(Held { begun, .. }) = self.held.remove(&attempt) {
            debug!(job = %begun.attempt.job, ?settle, "the job is not wanted any more");
            begun.cancel.cancel();
            self.settled.push((begun.delivery, settle));
        }
        let deliveries = self.outbox.remove(attempt);
        self.settled.extend(deliveries.into_iter().map(|delivery| (delivery, settle)));
    }

    /// Ends the attempts of a run; each still reports its row.
    fn cancel(&mut self, run: &[u8]) {
        let Ok(run) = mirror_proto::run_from(run) else {
            warn!("a cancelled run that cannot be read");
            return;
        };
        let held = self.held.values().filter(|held| held.begun.attempt.run == run);
        held.for_each(|held| held.begun.cancel.cancel());
    }

    fn of(&mut self, attempt: Option<wire::Attempt>) -> Option<&mut Held<D>> {
        self.held.get_mut(&attempt?.attempt)
    }
}
