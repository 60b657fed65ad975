//! The work queue of a region, as a worker has it: messages are pulled, as many as there is room for.

use std::time::Duration;

use async_nats::{Message, Subject};
use bytes::Bytes;
use serde_json::json;
use tokio::time::timeout;

use crate::assets::{self, CONSUMER};
use crate::call::{PATIENCE, api_subject, parse};
use crate::fetch::Fetch;
use crate::jobs::ALONE;
use crate::{Nats, QueueError, Region};

/// The right end of a region's work queue; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pull {
    nats: Nats,
    stream: String,
}

/// A job message that is this worker's until it is acknowledged, given back, or silent for too long.
#[derive(Debug)]
pub struct Delivery {
    /// The job, as [`mirror_proto::encode_job`] wrote it.
    pub message: Bytes,
    /// The job wants a worker that does nothing else meanwhile.
    pub alone: bool,
    nats: Nats,
    /// Where what becomes of it is said.
    reply: Subject,
}

impl Pull {
    /// Opens the queue's right end.
    ///
    /// # Errors
    /// [`QueueError::Denied`] names the permission that is missing, [`QueueError::Absent`] says that there
    /// is no such queue yet; else NATS did not answer.
    pub async fn open(nats: &Nats, region: &Region) -> Result<Self, QueueError> {
        let pull = Self { nats: nats.clone(), stream: assets::jobs(region) };
        let stream = &pull.stream;
        if nats.consumer_info(stream).await?.is_none() {
            return Err(QueueError::Absent { asset: stream.clone() });
        }
        // Text that is no request takes no message.
        let next = format!("CONSUMER.MSG.NEXT.{stream}.{CONSUMER}");
        nats.ask(&api_subject(&next), None, Bytes::from_static(b"{"), PATIENCE).await?;
        let nobody = format!("$JS.ACK.{stream}.{CONSUMER}.1.0.0.0.0");
        let info = format!("CONSUMER.INFO.{stream}.{CONSUMER}");
        nats.try_silent(&nobody, b"+WPI", &info, &json!({})).await?;
        Ok(pull)
    }

    /// Asks for up to `most` messages, and waits `patience` for the first of them. Dropping the future
    /// asks no more; a message that comes all the same is delivered again later.
    ///
    /// # Errors
    /// The connection broke, heartbeats were missed, the server ended the pull, the queue is gone: none of
    /// it breaks anything here, and the caller may ask again. [`QueueError::retry`] says where that is of
    /// no use.
    pub async fn next(&self, most: usize, patience: Duration) -> Result<Vec<Delivery>, QueueError> {
        if most == 0 {
            // NATS takes none for one.
            return Ok(Vec::new());
        }
        let mut messages = self.fetch(most, Duration::ZERO).await?;
        if messages.is_empty() && !patience.is_zero() {
            // One alone is waited for: a request for more would go on when the first is here.
            messages = self.fetch(1, patience).await?;
            if !messages.is_empty() && most > 1 {
                // What is wrong now shows at the next call; this message is ours already.
                messages.extend(self.fetch(most - 1, Duration::ZERO).await.unwrap_or_default());
            }
        }
        Ok(messages.into_iter().filter_map(|message| self.delivery(message)).collect())
    }

    async fn fetch(&self, most: usize, wait: Duration) -> Result<Vec<Message>, QueueError> {
        let stream = &self.stream;
        let fetch = Fetch { stream, consumer: CONSUMER, most, wait };
        self.nats.fetch(fetch).await
    }

    fn delivery(&self, message: Message) -> Option<Delivery> {
        let headers = message.headers.as_ref();
        Some(Delivery {
            alone: headers.is_some_and(|headers| headers.get(ALONE).is_some()),
            message: message.payload,
            nats: self.nats.clone(),
            reply: message.reply?,
        })
    }
}

impl Delivery {
    /// The job is done: the message goes. Waits until NATS says so.
    ///
    /// # Errors
    /// Nobody knows: the message may be delivered again.
    pub async fn ack(&self) -> Result<(), QueueError> {
        let subject = self.reply.as_str();
        let answer = self.nats.ask(subject, None, Bytes::from_static(b"+ACK"), PATIENCE).await?;
        match answer {
            Some(message) if message.payload.is_empty() && message.status.is_none() => Ok(()),
            Some(message) => match parse::<serde::de::IgnoredAny>(subject, &message)? {
                Ok(_) => Ok(()),
                Err(refusal) => Err(refusal.into_error(subject, subject)),
            },
            None => Err(QueueError::Unavailable { subject: subject.to_owned() }),
        }
    }

    /// The job goes on: the message is not delivered again for a while.
    ///
    /// # Errors
    /// NATS was not reached.
    pub async fn in_progress(&self) -> Result<(), QueueError> {
        self.say(b"+WPI").await
    }

    /// Gives the job back: it is delivered again at once.
    ///
    /// # Errors
    /// NATS was not reached.
    pub async fn give_back(&self) -> Result<(), QueueError> {
        self.say(b"-NAK").await
    }

    /// Nobody wants the job: the message goes.
    ///
    /// # Errors
    /// NATS was not reached.
    pub async fn end(&self) -> Result<(), QueueError> {
        self.say(b"+TERM").await
    }

    /// Sends it, and waits until it is out of the process: a worker may end right after.
    async fn say(&self, what: &'static [u8]) -> Result<(), QueueError> {
        if !self.nats.is_up() {
            return Err(QueueError::Disconnected);
        }
        let subject = self.reply.as_str();
        let cannot = |source| QueueError::Client { subject: subject.to_owned(), source };
        let client = &self.nats.client;
        let sent = async {
            let sent = client.publish(self.reply.clone(), Bytes::from_static(what)).await;
            sent.map_err(|error| cannot(error.into()))?;
            client.flush().await.map_err(|error| cannot(error.into()))
        };
        match timeout(PATIENCE, sent).await {
            Ok(sent) => sent,
            Err(_) => Err(self.nats.silence(subject, PATIENCE)),
        }
    }
}
