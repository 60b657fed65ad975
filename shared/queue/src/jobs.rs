//! The work queue of a region, as the coordinator has it.

use std::time::Duration;

use bytes::Bytes;
use mirror_model::{JobId, RunId};

use crate::{Nats, QueueError, Region};

/// How a work queue's stream and consumer are kept.
#[derive(Clone, Copy, Debug)]
pub struct JobStreamOptions {
    /// Replicas of the stream: 1, 3 or 5.
    pub replicas: usize,
    /// After this, a message that is neither acknowledged nor in progress is delivered again.
    pub ack_wait: Duration,
}

/// The work queue of a region; cheap to clone.
#[derive(Clone, Debug)]
pub struct JobStream;

/// A message that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its sequence in the stream.
    pub sequence: u64,
}

/// What waits in a work queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that no worker has.
    pub pending: u64,
    /// Messages that workers have.
    pub ack_pending: u64,
}

impl JobStream {
    /// Opens the queue: makes stream and consumer where there are none, and compares them where there are.
    ///
    /// # Errors
    /// One that names what differs, or the permission that is missing.
    pub async fn open(
        _nats: &Nats,
        _region: &Region,
        _options: JobStreamOptions,
    ) -> Result<Self, QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Returns when the stream was made, in nanoseconds since 1970; `None` where there is none.
    ///
    /// # Errors
    /// NATS did not answer.
    pub async fn created(&self) -> Result<Option<i128>, QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Makes stream and consumer again where they are absent.
    ///
    /// # Errors
    /// NATS did not do it.
    pub async fn make(&self) -> Result<(), QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Publishes a job for the `number`th time (`Nats-Msg-Id` is `<run>.<job>.<number>`); `alone` asks for a worker that does nothing else meanwhile.
    ///
    /// # Errors
    /// NATS did not take it, or nobody knows.
    pub async fn publish(
        &self,
        _run: RunId,
        _job: JobId,
        _number: u32,
        _alone: bool,
        _message: Bytes,
    ) -> Result<Published, QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Returns whether a message is still in the stream.
    ///
    /// # Errors
    /// NATS did not answer.
    pub async fn holds(&self, _published: Published) -> Result<bool, QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Takes a message out.
    ///
    /// # Errors
    /// NATS did not do it.
    pub async fn remove(&self, _published: Published) -> Result<(), QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Returns what waits.
    ///
    /// # Errors
    /// NATS did not answer.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        std::future::ready(()).await;
        todo!()
    }
}
