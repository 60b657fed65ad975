//! The work queue of a region, as a worker has it: messages are pulled, as many as there is room for.

use std::time::Duration;

use bytes::Bytes;

use crate::{Nats, QueueError, Region};

/// The right end of a region's work queue.
#[derive(Clone, Debug)]
pub struct Pull;

/// A job message that is this worker's until it is acknowledged, given back, or silent for too long.
#[derive(Debug)]
pub struct Delivery {
    /// The job, as [`mirror_proto::encode_job`] wrote it.
    pub message: Bytes,
    /// The job wants a worker that does nothing else meanwhile.
    pub alone: bool,
}

impl Pull {
    /// Opens the queue's right end.
    ///
    /// # Errors
    /// One that names the permission that is missing, or says that there is no such queue.
    pub async fn open(_nats: &Nats, _region: &Region) -> Result<Self, QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Asks for up to `most` messages, and waits `patience` for the first of them. Dropping the future
    /// asks no more; a message that comes all the same is delivered again later.
    ///
    /// # Errors
    /// NATS did not answer; it may be asked again.
    pub async fn next(
        &self,
        _most: usize,
        _patience: Duration,
    ) -> Result<Vec<Delivery>, QueueError> {
        std::future::ready(()).await;
        todo!()
    }
}

impl Delivery {
    /// The job is done: the message goes. Waits until NATS says so.
    ///
    /// # Errors
    /// Nobody knows: the message may be delivered again.
    pub async fn ack(&self) -> Result<(), QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// The job goes on: the message is not delivered again for a while.
    ///
    /// # Errors
    /// NATS was not reached.
    pub async fn in_progress(&self) -> Result<(), QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Gives the job back: it is delivered again at once.
    ///
    /// # Errors
    /// NATS was not reached.
    pub async fn give_back(&self) -> Result<(), QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Nobody wants the job: the message goes.
    ///
    /// # Errors
    /// NATS was not reached.
    pub async fn end(&self) -> Result<(), QueueError> {
        std::future::ready(()).await;
        todo!()
    }
}
