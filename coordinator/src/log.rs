//! The log under this process's hand: the one place where it is appended to and written again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use mirror_proto::{Record, encode_batch};
use mirror_queue::{Appended, LogSubject, QueueError, RunLog, Stamp, Tail};

use crate::judge::{Judgement, judge};

/// Between two tries to append to a log that does not take it.
const PAUSE: Duration = Duration::from_secs(1);

/// The log, as whoever leads has it; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    stream: RunLog,
    writer: u64,
    /// Who wrote before this process led.
    before: Arc<Mutex<HashSet<u64>>>,
}

/// A log that was written again.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) created: i128,
    /// Where batches stood, and stand now.
    pub(crate) sequences: HashMap<u64, u64>,
    pub(crate) last: u64,
    /// Batches of this process so far.
    pub(crate) number: u64,
}

/// Batches at the end of the log in which nothing is forgotten: who led, and when, is worth knowing.
const KEPT: u64 = 1_000;

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is in the log.
    Stored(u64),
    /// Somebody else leads.
    Deposed,
    /// The log was lost.
    Lost,
}

impl Log {
    /// Takes the log in hand; `writer` is this process.
    pub(crate) fn new(stream: RunLog, writer: u64) -> Self {
        Self { stream, writer, before: Arc::default() }
    }

    /// Returns the log as it is read.
    pub(crate) fn reader(&self) -> &RunLog {
        &self.stream
    }

    /// Takes note of who wrote a batch before this process led.
    pub(crate) fn note(&self, stamp: Stamp) {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).insert(stamp.writer);
    }

    /// Forgets what leaders said of themselves long before the log's end: reading it would hold up whoever
    /// takes the log over.
    pub(crate) async fn forget_leaders(&self, last: u64) {
        if let Err(error) = self.stream.purge_leaders(last.saturating_sub(KEPT)).await {
            tracing::warn!(%error, "cannot forget former leaders");
        }
    }

    fn is_before(&self, writer: u64) -> bool {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).contains(&writer)
    }

    /// Appends a batch to the log that was made at `created` and ends at `expected`, however long it
    /// takes to find out what became of it.
    pub(crate) async fn append(
        &self,
        created: i128,
        expected: u64,
        number: u64,
        subject: LogSubject,
        payload: Bytes,
    ) -> Written {
        let stamp = Stamp { writer: self.writer, number };
        loop {
            match self.stream.append(expected, stamp, subject, payload.clone()).await {
                Appended::Stored(sequence) => return Written::Stored(sequence),
                Appended::Refused => {}
                Appended::Unknown(error) => tracing::warn!(%error, "cannot append to the log"),
            }
            let judgement = match self.stream.tail().await {
                Ok(tail) => judge(tail, created, expected, stamp, |writer| self.is_before(writer)),
                Err(error) => {
                    tracing::warn!(%error, "cannot read the end of the log");
                    Judgement::Again
                }
            };
            match judgement {
                Judgement::Stored(sequence) => return Written::Stored(sequence),
                Judgement::Deposed => return Written::Deposed,
                Judgement::Lost => return Written::Lost,
                Judgement::Again => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Writes a log that was lost again, from memory: `Origin`, `Term`, and every batch of every run
    /// that has not ended.
    ///
    /// # Errors
    /// `None` where somebody else leads by now; else NATS did not do it, and it may be tried again.
    pub(crate) async fn rewrite(
        &self,
        term: Record,
        memory: Vec<(u64, LogSubject, Bytes)>,
        mut number: u64,
    ) -> Result<Rewritten, Option<QueueError>> {
        let tail = match self.stream.tail().await.map_err(Some)? {
            Some(tail) => tail,
            None => self.stream.make().await.map_err(Some)?,
        };
        let Tail { created, mut last, stamp, .. } = tail;
        let is_other = |stamp: Stamp| stamp.writer != self.writer && !self.is_before(stamp.writer);
        if stamp.is_some_and(is_other) {
            return Err(None);
        }
        let origin = (0, LogSubject::Leader, encode_batch(&[Record::Origin, term]).into());
        let mut sequences = HashMap::new();
        for (before, subject, payload) in std::iter::once(origin).chain(memory) {
            number += 1;
            match self.append(created, last, number, subject, payload).await {
                Written::Stored(sequence) => {
                    sequences.insert(before, sequence);
                    last = sequence;
                }
                Written::Deposed => return Err(None),
                // It was lost once more.
                Written::Lost => {
                    return Err(Some(QueueError::Absent { asset: "log of runs".to_owned() }));
                }
            }
        }
        Ok(Rewritten { created, sequences, last, number })
    }
}
