//! Reading the log: much of it by a consumer, the end of it by the stream's leader.
//!
//! A consumer may stand beside a replica that is behind, and find an end that is none. So where it finds
//! no more, the stream's leader is asked for the next message, until there is none.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::RawMessage;
use async_nats::{HeaderMap, Message};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::try_unfold;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::assets::{self, ConsumerInfo, LOG, LOG_SUBJECTS};
use crate::call::{api_subject, codes};
use crate::fetch::Fetch;
use crate::log::no_stamp;
use crate::{LogSubject, Logged, Nats, QueueError, Stamp};

/// So many messages are read one by one: making a consumer costs as much, and in a cluster more.
const FEW: u64 = 16;
/// The most messages that are held, and the most bytes: eight of the longest at least.
const HELD: usize = 64;
const HELD_BYTES: usize = 8 * 1024 * 1024;
/// The server forgets a consumer that nobody asks for so long: a reader that stopped half-way leaves one.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Reads the log.
pub(crate) struct Reader {
    nats: Nats,
    /// The next sequence that may be read.
    position: u64,
    filter: String,
    /// The last sequence that is read, once that is known.
    last: Option<u64>,
    way: Way,
    held: VecDeque<Logged>,
}

/// How messages are had.
enum Way {
    /// Not decided, or to be decided anew.
    Open,
    /// By a consumer, which delivered so many.
    Consumer { name: String, delivered: u64 },
    /// One by one, from the stream's leader.
    Leader,
}

impl Reader {
    pub(crate) fn new(nats: Nats, first: u64, subject: Option<LogSubject>) -> Self {
        let filter = subject.map_or_else(|| LOG_SUBJECTS.to_owned(), assets::log_subject);
        let held = VecDeque::new();
        Self { nats, position: first.max(1), filter, last: None, way: Way::Open, held }
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
                self.forget_consumer().await;
                return Ok(None);
            }
            match &self.way {
                Way::Open if last - self.position < FEW => self.way = Way::Leader,
                Way::Open => self.way = self.make_consumer().await?,
                Way::Consumer { .. } => self.hold_many(last).await?,
                Way::Leader => self.hold_one(last).await?,
            }
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

    async fn hold_one(&mut self, last: u64) -> Result<(), QueueError> {
        let body = json!({"seq": self.position, "next_by_subj": self.filter});
        let message = self.nats.message(LOG, &body).await?;
        match message.filter(|message| message.sequence <= last) {
            Some(message) => {
                self.position = message.sequence + 1;
                let StreamMessage { sequence, subject, headers, payload, .. } = message;
                self.held.push_back(logged(sequence, &subject, &headers, payload)?);
            }
            None => self.position = last + 1,
        }
        Ok(())
    }

    async fn hold_many(&mut self, last: u64) -> Result<(), QueueError> {
        let Way::Consumer { name, delivered } = &mut self.way else { return Ok(()) };
        let messages = self
            .nats
            .fetch(Fetch {
                stream: LOG,
                consumer: name,
                most: HELD,
                most_bytes: Some(HELD_BYTES),
                wait: Duration::ZERO,
            })
            .await?;
        if messages.is_empty() {
            self.forget_consumer().await;
            self.way = Way::Leader;
            return Ok(());
        }
        for message in messages {
            let at = Place::of(&message);
            let Some(at) = at.filter(|at| at.delivered == *delivered + 1) else {
                // One was lost on its way to us: the next consumer begins with it.
                self.forget_consumer().await;
                self.way = Way::Open;
                return Ok(());
            };
            *delivered = at.delivered;
            if at.sequence > last {
                self.position = last + 1;
                return Ok(());
            }
            self.position = at.sequence + 1;
            let headers = message.headers.unwrap_or_default();
            self.held.push_back(logged(at.sequence, &message.subject, &headers, message.payload)?);
        }
        Ok(())
    }

    async fn make_consumer(&self) -> Result<Way, QueueError> {
        let call = format!("CONSUMER.CREATE.{LOG}");
        let config = json!({
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self.position,
            "replay_policy": "instant",
            "ack_policy": "none",
            "filter_subject": self.filter,
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": assets::nanoseconds(FORGOTTEN),
        });
        let body = json!({"stream_name": LOG, "config": config});
        match self.nats.api::<ConsumerInfo>(&call, &body).await? {
            Ok(info) => Ok(Way::Consumer { name: info.name, delivered: 0 }),
            Err(refusal) => Err(refusal.into_error(LOG, &api_subject(&call))),
        }
    }

    /// Takes the consumer away, if that can be had: the server does it later by itself.
    async fn forget_consumer(&mut self) {
        if let Way::Consumer { name, .. } = &self.way {
            let call = format!("CONSUMER.DELETE.{LOG}.{name}");
            if let Err(error) = self.nats.api::<IgnoredAny>(&call, &json!({})).await {
                tracing::debug!(%error, "cannot delete the consumer of the log");
            }
            self.way = Way::Leader;
        }
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

fn logged(
    sequence: u64,
    subject: &str,
    headers: &HeaderMap,
    payload: Bytes,
) -> Result<Logged, QueueError> {
    let stamp = Stamp::read(headers).ok_or_else(|| no_stamp(sequence))?;
    let subject = assets::read_log_subject(subject).ok_or_else(|| QueueError::Corrupt {
        asset: LOG.to_owned(),
        sequence,
        reason: "its subject is none of the log's".to_owned(),
    })?;
    Ok(Logged { sequence, subject, stamp, payload })
}

/// Where a delivered message stands in the stream, and how manieth of its consumer it is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    sequence: u64,
    delivered: u64,
}

impl Place {
    /// Reads `$JS.ACK.STREAM.CONSUMER.TIMES.SEQUENCE.DELIVERED.TIME.PENDING`, which newer servers may write
    /// with a domain and an account behind `ACK`, and with something behind it all.
    fn of(message: &Message) -> Option<Self> {
        Self::read(message.reply.as_ref()?)
    }

    fn read(reply: &str) -> Option<Self> {
        let tokens: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        let begin = match tokens.len() {
            7 => 0,
            9.. => 2,
            _ => return None,
        };
        let number = |index: usize| tokens.get(begin + index)?.parse().ok();
        Some(Self { sequence: number(3)?, delivered: number(4)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reply: &str, expected: Option<(u64, u64)>) {
        let place = Place::read(reply).map(|place| (place.sequence, place.delivered));
        assert_eq!(place, expected, "{reply}");
    }

    #[test]
    fn both_forms_of_reply_are_read() {
        check("$JS.ACK.FM_RUNLOG.abc.1.17.4.1700000000000000000.5", Some((17, 4)));
        check("$JS.ACK._.hash.FM_RUNLOG.abc.1.17.4.1700000000000000000.5", Some((17, 4)));
        check("$JS.ACK.eu.hash.FM_RUNLOG.abc.1.17.4.1700000000000000000.5.x", Some((17, 4)));
        check("$JS.ACK.FM_RUNLOG", None);
        check("_INBOX.1", None);
    }
}
