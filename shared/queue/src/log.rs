//! The log of runs: one stream, appended to by whoever knows its last sequence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use async_nats::HeaderMap;
use async_nats::header::{
    NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM,
};
use bytes::Bytes;
use futures_util::{Stream, try_join};
use mirror_model::RunId;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::assets::{self, LOG, StreamInfo};
use crate::call::{PATIENCE, api_subject, codes, parse};
use crate::jobs::PubAck;
use crate::probe::NOWHERE;
use crate::read::Reader;
use crate::{Nats, QueueError};

/// The headers of a stamp.
const WRITER: &str = "Fm-Writer";
const NUMBER: &str = "Fm-Number";

/// How the log's stream is kept.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Replicas of the stream: 1, 3 or 5.
    pub replicas: usize,
    /// Bytes at most.
    pub max_bytes: u64,
}

/// The log of runs; cheap to clone.
#[derive(Clone, Debug)]
pub struct RunLog {
    nats: Nats,
    options: LogOptions,
    /// An append was not answered, and may be under way.
    doubt: Arc<AtomicBool>,
}

/// Who wrote a batch, and its how manieth it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The writer: random per process.
    pub writer: u64,
    /// Counts the writer's appends.
    pub number: u64,
}

/// What a batch is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogSubject {
    /// Leadership.
    Leader,
    /// A run.
    Run(RunId),
}

/// Where the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// When the stream was made, in nanoseconds since 1970: another one is another stream.
    pub created: i128,
    /// The sequence of the first batch that is kept, and of the last ever written; 0 for none.
    pub first: u64,
    /// See `first`.
    pub last: u64,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Who wrote the last batch; `None` where it is gone or there was none.
    pub stamp: Option<Stamp>,
}

/// What came of an append.
#[derive(Debug)]
pub enum Appended {
    /// It is the batch of this sequence.
    Stored(u64),
    /// The log does not end where it was thought to.
    Refused,
    /// Nobody knows: it may be there or not.
    Unknown(QueueError),
}

/// A batch of the log.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Its sequence.
    pub sequence: u64,
    /// What it is about.
    pub subject: LogSubject,
    /// Who wrote it.
    pub stamp: Stamp,
    /// The batch as [`mirror_proto::encode_batch`] wrote it.
    pub payload: Bytes,
}

impl RunLog {
    /// Opens the log: makes its stream where there is none, and compares it where there is.
    ///
    /// # Errors
    /// [`QueueError::Differs`] names what differs, [`QueueError::Denied`] the permission that is missing;
    /// else NATS did not answer.
    pub async fn open(nats: &Nats, options: LogOptions) -> Result<Self, QueueError> {
        let log = Self { nats: nats.clone(), options, doubt: Arc::default() };
        nats.make_stream(&assets::log_config(options)).await?;
        log.try_permissions().await?;
        Ok(log)
    }

    /// Returns where the log ends; `None` where there is no such stream. An append of ours that was not
    /// answered is waited for where that can be had: in a cluster, or when the connection broke, it may be
    /// stored later still: then the next append is refused, and the tail shows the earlier number.
    ///
    /// # Errors
    /// NATS did not answer; [`QueueError::Corrupt`] where the last message is none of ours.
    pub async fn tail(&self) -> Result<Option<Tail>, QueueError> {
        self.settle().await?;
        match self.nats.stream_info(LOG).await? {
            Some(info) => self.tail_of(&info).await.map(Some),
            None => Ok(None),
        }
    }

    /// Asks for the server's time: returns when that was asked, what it said, and when it came; `None` where
    /// the server does not tell.
    ///
    /// # Errors
    /// NATS did not answer.
    pub async fn clock(&self) -> Result<Option<[SystemTime; 3]>, QueueError> {
        let sent = SystemTime::now();
        let info = self.nats.stream_info(LOG).await?;
        let received = SystemTime::now();
        let theirs = info.and_then(|info| u64::try_from(info.now?).ok());
        let theirs = theirs.map(|nanos| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos));
        Ok(theirs.map(|theirs| [sent, theirs, received]))
    }

    /// Makes the stream, which is absent, again.
    ///
    /// # Errors
    /// NATS did not do it, or [`QueueError::Differs`].
    pub async fn make(&self) -> Result<Tail, QueueError> {
        let info = self.nats.make_stream(&assets::log_config(self.options)).await?;
        self.tail_of(&info).await
    }

    /// Appends a batch, if the log's last sequence is `expected`. Never tries twice. Waits 5 s for the
    /// connection and the answer at most. [`Appended::Unknown`] holds [`QueueError::Full`],
    /// [`QueueError::TooLarge`] or [`QueueError::Denied`] where it is certain that nothing was stored.
    pub async fn append(
        &self,
        expected: u64,
        stamp: Stamp,
        subject: LogSubject,
        payload: Bytes,
    ) -> Appended {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_STREAM, LOG);
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, expected.to_string());
        if expected == 0 {
            // Servers before 2.10 take a stream's 0 for "do not care", but not a subject's.
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, "0");
        }
        stamp.write(&mut headers);
        // Also when this is dropped while it waits.
        self.doubt.store(true, Ordering::Release);
        match self.publish(&assets::log_subject(subject), headers, payload).await {
            Ok(appended) => {
                self.doubt.store(false, Ordering::Release);
                appended
            }
            Err(error) => Appended::Unknown(error),
        }
    }

    /// Reads batches from `first` on, in order, to where the log ended when this was called; of one
    /// subject where `subject` is given. Holds a bounded number in memory: 16. Purged batches are passed
    /// over. Ends with the first error: read on from the sequence behind the last batch.
    pub fn read(
        &self,
        first: u64,
        subject: Option<LogSubject>,
    ) -> impl Stream<Item = Result<Logged, QueueError>> + Send + use<> {
        Reader::new(self.nats.clone(), first, subject).stream()
    }

    /// Forgets a run.
    ///
    /// # Errors
    /// NATS did not do it.
    pub async fn purge(&self, run: RunId) -> Result<(), QueueError> {
        let call = format!("STREAM.PURGE.{LOG}");
        let body = json!({"filter": assets::log_subject(LogSubject::Run(run))});
        match self.nats.api::<IgnoredAny>(&call, &body).await? {
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.into_error(LOG, &api_subject(&call))),
        }
    }

    /// Forgets what leaders said of themselves in batches before `sequence`.
    ///
    /// # Errors
    /// NATS did not do it.
    pub async fn purge_leaders(&self, sequence: u64) -> Result<(), QueueError> {
        let call = format!("STREAM.PURGE.{LOG}");
        // Up to the sequence, without it; 0 would be all.
        let body = json!({
            "filter": assets::log_subject(LogSubject::Leader),
            "seq": sequence.max(1),
        });
        match self.nats.api::<IgnoredAny>(&call, &body).await? {
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.into_error(LOG, &api_subject(&call))),
        }
    }

    /// Waits until NATS is through with what was sent before: messages to a stream stand in one line,
    /// questions about it in another, which may be faster.
    async fn settle(&self) -> Result<(), QueueError> {
        if self.doubt.load(Ordering::Acquire) {
            self.nats.try_publish(&assets::log_subject(LogSubject::Leader)).await?;
            self.doubt.store(false, Ordering::Release);
        }
        Ok(())
    }

    async fn publish(
        &self,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Appended, QueueError> {
        let answer = self.nats.ask(subject, Some(headers), payload, PATIENCE).await?;
        let answer = answer.ok_or_else(|| QueueError::Absent { asset: LOG.to_owned() })?;
        match parse::<PubAck>(subject, &answer)? {
            Ok(PubAck { seq }) => Ok(Appended::Stored(seq)),
            Err(refusal)
                if [codes::WRONG_LAST_SEQUENCE, codes::WRONG_LAST_SEQUENCE_CONSTANT]
                    .contains(&refusal.code) =>
            {
                Ok(Appended::Refused)
            }
            Err(refusal) => Err(refusal.into_error(LOG, subject)),
        }
    }

    async fn tail_of(&self, info: &StreamInfo) -> Result<Tail, QueueError> {
        let last = info.state.last_seq;
        let message =
            if last == 0 { None } else { self.nats.message(LOG, &json!({"seq": last})).await? };
        let stamp = match &message {
            Some(message) => Some(Stamp::read(&message.headers).ok_or_else(|| no_stamp(last))?),
            None => None,
        };
        let is_empty = info.state.messages == 0;
        Ok(Tail {
            created: info.created,
            first: if is_empty { 0 } else { info.state.first_seq },
            last,
            bytes: info.state.bytes,
            stamp,
        })
    }

    /// Tries what will be needed later: appending, reading, forgetting, making the stream again.
    async fn try_permissions(&self) -> Result<(), QueueError> {
        let nats = &self.nats;
        let run = assets::log_subject(LogSubject::Run(RunId(0)));
        let leader = assets::log_subject(LogSubject::Leader);
        let [get, purge, create] =
            ["STREAM.MSG.GET", "STREAM.PURGE", "STREAM.CREATE"].map(|call| format!("{call}.{LOG}"));
        let (nothing, filter) = (json!({"seq": NOWHERE}), json!({"filter": run}));
        // A body that names no stream makes none.
        let nameless = json!({});
        try_join!(
            nats.try_publish(&leader),
            nats.try_publish(&run),
            nats.try_call(&get, &nothing),
            nats.try_call(&purge, &filter),
            nats.try_call(&create, &nameless),
        )
        .map(drop)
    }
}

impl Stamp {
    fn write(self, headers: &mut HeaderMap) {
        headers.insert(WRITER, self.writer.to_string());
        headers.insert(NUMBER, self.number.to_string());
    }

    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let number = |name| headers.get(name)?.as_str().parse().ok();
        Some(Self { writer: number(WRITER)?, number: number(NUMBER)? })
    }
}

/// A message that nobody of us wrote, or that was spoilt.
pub(crate) fn no_stamp(sequence: u64) -> QueueError {
    QueueError::Corrupt { asset: LOG.to_owned(), sequence, reason: "it has no stamp".to_owned() }
}
