//! What becomes of a job's message, done beside the link: NATS may be slow or away.
//!
//! Nothing is tried twice: a message that could not be settled is delivered again, and then answered by
//! what the coordinator knows.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use mirror_queue::Delivery;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tracing::debug;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settle {
    /// Its job has a row: it goes.
    Ack,
    /// Nobody wants its job: it goes.
    End,
    /// Another worker gets it at once.
    GiveBack,
    /// Its job goes on: it stays with us.
    InProgress,
}

/// A message, and what becomes of it.
pub(crate) type Settled = (Arc<Delivery>, Settle);

/// Messages that wait to be settled: as many as there can be rows, twice.
pub(crate) const MOST_SETTLED: usize = 8_192;
/// Messages that are settled at once: NATS answers within milliseconds.
const AT_ONCE: usize = 64;
/// NATS that does not answer for so long is away; the message is delivered again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Settles messages until no more can come.
pub(crate) async fn settle(messages: mpsc::Receiver<Settled>) {
    ReceiverStream::new(messages)
        .for_each_concurrent(AT_ONCE, |(delivery, settle)| async move {
            let settled = async {
                match settle {
                    Settle::Ack => delivery.ack().await,
                    Settle::End => delivery.end().await,
                    Settle::GiveBack => delivery.give_back().await,
                    Settle::InProgress => delivery.in_progress().await,
                }
            };
            match timeout(PATIENCE, settled).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(?settle, %error, "a message could not be settled"),
                Err(_elapsed) => debug!(?settle, "NATS did not settle a message"),
            }
        })
        .await;
}
