//! Reading the log, from the stream's leader alone.
//!
//! A consumer would stand beside any replica: one that is behind, and finds an end that is none, or one
//! whose server is gone, and never answers. The leader is asked for the next message at or behind a
//! sequence, for several in a row at once where the log has no gaps.

use std::collections::VecDeque;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::RawMessage;
use futures_util::Stream;
use futures_util::future::join_all;
use futures_util::stream::try_unfold;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::assets::{self, LOG, LOG_SUBJECTS};
use crate::call::{api_subject, codes};
use crate::log::no_stamp;
use crate::{LogSubject, Logged, Nats, QueueError, Stamp};

/// The most messages that are asked for at once, and held: 16 MiB of the longest; the way to the server
/// and back is hidden by fewer.
const MOST: u64 = 16;

/// Reads the log.
pub(crate) struct Reader {
    nats: Nats,
    /// The next sequence that may be read.
    position: u64,
    filter: String,
    /// The last sequence that is read, once that is known.
    last: Option<u64>,
    /// How many are asked for at once: few where answers were the same, because of a gap.
    window: u64,
    held: VecDeque<Logged>,
}

impl Reader {
    pub(crate) fn new(nats: Nats, first: u64, subject: Option<LogSubject>) -> Self {
        let filter = subject.map_or_else(|| LOG_SUBJECTS.to_owned(), assets::log_subject);
        let held = VecDeque::new();
        Self { nats, position: first.max(1), filter, last: None, window: 1, held }
    }

    pub(crate) fn stream(self) -> impl Stream<Item = Result<Logged, QueueError>> + Send + use<> {
        try_unfold(self, |mut reader| async move {
            Ok(reader.next().await?.map(|logged| (logged, reader)))
        })
    }

    async fn next(&mut self) -> Result<Option<Logged>, QueueError> {
        let last = self.last().await?;
        loop {
            if let Some(logged) = self.held.pop_front() {
                return Ok(Some(logged));
            }
            if self.position > last {
                return Ok(None);
            }
            self.hold(last).await?;
        }
    }

    /// Returns where the log ended when this was asked first.
    async fn last(&mut self) -> Result<u64, QueueError> {
        if let Some(last) = self.last {
            return Ok(last);
        }
        let info = self.nats.stream_info(LOG).await?;
        let info = info.ok_or_else(|| QueueError::Absent { asset: LOG.to_owned() })?;
        let last = info.state.last_seq;
        self.last = Some(last);
        self.position = self.position.max(info.state.first_seq);
        Ok(last)
    }

    /// Asks for the next messages.
    async fn hold(&mut self, last: u64) -> Result<(), QueueError> {
        let asked = self.window.min(last - self.position + 1);
        let bodies: Vec<Value> = (self.position..self.position + asked)
            .map(|sequence| json!({"seq": sequence, "next_by_subj": self.filter}))
            .collect();
        let found = join_all(bodies.iter().map(|body| self.nats.message(LOG, body))).await;
        let mut new = 0;
        for message in found {
            match message?.filter(|message| message.sequence <= last) {
                // What stands behind a gap is the answer to all that ask within it.
                Some(message) if message.sequence < self.position => {}
                Some(message) => {
                    self.position = message.sequence + 1;
                    self.held.push_back(logged(message)?);
                    new += 1;
                }
                None => self.position = last + 1,
            }
        }
        self.window = if new == asked { (self.window * 2).min(MOST) } else { 1 };
        Ok(())
    }
}

impl Nats {
    /// Returns a message of a stream, by the stream's leader.
    pub(crate) async fn message(
        &self,
        stream: &str,
        body: &Value,
    ) -> Result<Option<StreamMessage>, QueueError> {
        #[derive(Deserialize)]
        struct Got {
            message: RawMessage,
        }
        let call = format!("STREAM.MSG.GET.{stream}");
        match self.api::<Got>(&call, body).await? {
            Ok(Got { message }) => {
                let sequence = message.sequence;
                let read = StreamMessage::try_from(message);
                read.map(Some).map_err(|error| QueueError::Corrupt {
                    asset: stream.to_owned(),
                    sequence,
                    reason: error.to_string(),
                })
            }
            Err(refusal) if refusal.code == codes::NO_MESSAGE => Ok(None),
            Err(refusal) => Err(refusal.into_error(stream, &api_subject(&call))),
        }
    }
}

fn logged(message: StreamMessage) -> Result<Logged, QueueError> {
    let StreamMessage { subject, sequence, headers, payload, .. } = message;
    let stamp = Stamp::read(&headers).ok_or_else(|| no_stamp(sequence))?;
    let subject = assets::read_log_subject(&subject).ok_or_else(|| QueueError::Corrupt {
        asset: LOG.to_owned(),
        sequence,
        reason: "its subject is none of the log's".to_owned(),
    })?;
    Ok(Logged { sequence, subject, stamp, payload })
}
