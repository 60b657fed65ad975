//! The log of runs: one stream, appended to by whoever knows its last sequence.

use bytes::Bytes;
use futures_util::Stream;
use mirror_model::RunId;

use crate::{Nats, QueueError};

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
pub struct RunLog;

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
    /// One that names what differs, or the permission that is missing.
    pub async fn open(_nats: &Nats, _options: LogOptions) -> Result<Self, QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Returns where the log ends; `None` where there is no such stream.
    ///
    /// # Errors
    /// NATS did not answer.
    pub async fn tail(&self) -> Result<Option<Tail>, QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Makes the stream, which is absent, again.
    ///
    /// # Errors
    /// NATS did not do it.
    pub async fn make(&self) -> Result<Tail, QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Appends a batch, if the log's last sequence is `expected`. Never tries twice.
    pub async fn append(
        &self,
        _expected: u64,
        _stamp: Stamp,
        _subject: LogSubject,
        _payload: Bytes,
    ) -> Appended {
        std::future::ready(()).await;
        todo!()
    }

    /// Reads batches from `first` on, in order, to where the log ended when this was called; of one
    /// subject where `subject` is given. Holds a bounded number in memory.
    pub fn read(
        &self,
        _first: u64,
        _subject: Option<LogSubject>,
    ) -> impl Stream<Item = Result<Logged, QueueError>> + Send + use<> {
        futures_util::stream::empty()
    }

    /// Forgets a run.
    ///
    /// # Errors
    /// NATS did not do it.
    pub async fn purge(&self, _run: RunId) -> Result<(), QueueError> {
        std::future::ready(()).await;
        todo!()
    }
}
