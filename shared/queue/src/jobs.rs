//! The work queue of a region, as the coordinator has it.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use bytes::Bytes;
use futures_util::try_join;
use mirror_model::{JobId, RunId};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::assets::{self, CONSUMER, StreamInfo};
use crate::call::{PATIENCE, api_subject, codes, parse};
use crate::probe::NOWHERE;
use crate::{Nats, QueueError, Region};

/// The header of a job that wants a worker that does nothing else meanwhile.
pub(crate) const ALONE: &str = "Fm-Alone";

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
pub struct JobStream {
    nats: Nats,
    region: Region,
    stream: String,
    options: JobStreamOptions,
}

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

/// What the server says of a message that it stored.
#[derive(Debug, Deserialize)]
pub(crate) struct PubAck {
    pub(crate) seq: u64,
}

impl JobStream {
    /// Opens the queue: makes stream and consumer where there are none, and compares them where there are.
    ///
    /// # Errors
    /// [`QueueError::Differs`] names what differs, [`QueueError::Denied`] the permission that is missing;
    /// else NATS did not answer.
    pub async fn open(
        nats: &Nats,
        region: &Region,
        options: JobStreamOptions,
    ) -> Result<Self, QueueError> {
        let stream = assets::jobs(region);
        let queue = Self { nats: nats.clone(), region: region.clone(), stream, options };
        queue.make().await?;
        queue.try_permissions().await?;
        Ok(queue)
    }

    /// Returns when the stream was made, in nanoseconds since 1970; `None` where there is none.
    ///
    /// # Errors
    /// NATS did not answer.
    pub async fn created(&self) -> Result<Option<i128>, QueueError> {
        let info = self.nats.stream_info(&self.stream).await?;
        Ok(info.map(|StreamInfo { created, .. }| created))
    }

    /// Makes stream and consumer again where they are absent.
    ///
    /// # Errors
    /// NATS did not do it, or [`QueueError::Differs`].
    pub async fn make(&self) -> Result<(), QueueError> {
        let JobStreamOptions { replicas, ack_wait } = self.options;
        self.nats.make_stream(&assets::jobs_config(&self.region, replicas)).await?;
        self.nats.make_consumer(&self.stream, &assets::consumer_config(ack_wait)).await
    }

    /// Publishes a job for the `number`th time (`Nats-Msg-Id` is `<run>.<job>.<number>`); `alone` asks for
    /// a worker that does nothing else meanwhile. The same number again within 5 minutes stores nothing,
    /// and returns the sequence of the first.
    ///
    /// # Errors
    /// [`QueueError::Full`], [`QueueError::TooLarge`], [`QueueError::Absent`] and [`QueueError::Refused`]:
    /// NATS did not take it; else nobody knows, and the same number may be published again.
    pub async fn publish(
        &self,
        run: RunId,
        job: JobId,
        number: u32,
        alone: bool,
        message: Bytes,
    ) -> Result<Published, QueueError> {
        let mut headers = HeaderMap::new();
        let id = format!("{}.{job}.{number}", ulid::Ulid(run.0));
        headers.insert(NATS_MESSAGE_ID, id.as_str());
        headers.insert(NATS_EXPECTED_STREAM, self.stream.as_str());
        if alone {
            headers.insert(ALONE, "1");
        }
        let subject = assets::job_subject(&self.region, run);
        let answer = self.nats.ask(&subject, Some(headers), message, PATIENCE).await?;
        let Some(answer) = answer else {
            return Err(QueueError::Absent { asset: self.stream.clone() });
        };
        match parse::<PubAck>(&subject, &answer)? {
            Ok(PubAck { seq }) => Ok(Published { sequence: seq }),
            Err(refusal) => Err(refusal.into_error(&self.stream, &subject)),
        }
    }

    /// Returns whether a message is still in the stream: not where there is no stream.
    ///
    /// # Errors
    /// NATS did not answer.
    pub async fn holds(&self, published: Published) -> Result<bool, QueueError> {
        let call = format!("STREAM.MSG.GET.{}", self.stream);
        let body = json!({"seq": published.sequence});
        match self.nats.api::<IgnoredAny>(&call, &body).await? {
            Ok(_) => Ok(true),
            Err(refusal)
                if [codes::NO_MESSAGE, codes::STREAM_NOT_FOUND].contains(&refusal.code) =>
            {
                Ok(false)
            }
            Err(refusal) => Err(refusal.into_error(&self.stream, &api_subject(&call))),
        }
    }

    /// Takes a message out; one that is gone already is no error.
    ///
    /// # Errors
    /// NATS did not do it.
    pub async fn remove(&self, published: Published) -> Result<(), QueueError> {
        let call = format!("STREAM.MSG.DELETE.{}", self.stream);
        let body = json!({"seq": published.sequence, "no_erase": true});
        match self.nats.api::<IgnoredAny>(&call, &body).await? {
            Ok(_) => Ok(()),
            // The code of a message that is not there is that of any failure to delete.
            Err(refusal) => {
                if self.holds(published).await? {
                    Err(refusal.into_error(&self.stream, &api_subject(&call)))
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Returns what waits.
    ///
    /// # Errors
    /// [`QueueError::Absent`], or NATS did not answer.
    pub async fn depth(&self) -> Result<Depth, QueueError> {
        match self.nats.consumer_info(&self.stream).await? {
            Some(info) => {
                Ok(Depth { pending: info.num_pending, ack_pending: info.num_ack_pending })
            }
            None => Err(QueueError::Absent { asset: self.stream.clone() }),
        }
    }

    /// Tries what will be needed later: publishing, looking for a message, taking one out, making all again.
    async fn try_permissions(&self) -> Result<(), QueueError> {
        let (nats, stream) = (&self.nats, &self.stream);
        let job = assets::job_subject(&self.region, RunId(0));
        let [get, delete, create] = ["STREAM.MSG.GET", "STREAM.MSG.DELETE", "STREAM.CREATE"]
            .map(|call| format!("{call}.{stream}"));
        let consume = format!("CONSUMER.CREATE.{stream}.{CONSUMER}");
        let nothing = json!({"seq": NOWHERE});
        // A body that names no stream makes none.
        let nameless = json!({});
        try_join!(
            nats.try_publish(&job),
            nats.try_call(&get, &nothing),
            nats.try_call(&delete, &nothing),
            nats.try_call(&create, &nameless),
            nats.try_call(&consume, &nameless),
        )
        .map(drop)
    }
}
