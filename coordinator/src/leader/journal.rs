//! The appender: records wait here, and leave in batches, one under way at a time.
//!
//! What is to happen once a record is in the log waits with it. Whether a record is still wanted is
//! asked as its batch is made, not as it is put here: between the two, another may have come first.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use mirror_proto::{MAX_RECORD_BYTES, PlanPart, Record, encode_batch};
use mirror_queue::LogSubject;

/// Records in a batch: more would hold up what waits for the first of them.
const MOST_RECORDS: usize = 256;

/// A record, and what is to happen once it is in the log.
pub(crate) struct Pending<T> {
    pub(crate) record: Record,
    pub(crate) then: T,
}

/// A batch that is on its way.
pub(crate) struct Flight<T> {
    pub(crate) number: u64,
    pub(crate) subject: LogSubject,
    pub(crate) payload: Bytes,
    pub(crate) pending: Vec<Pending<T>>,
}

/// The appender.
pub(crate) struct Journal<T> {
    /// The log's last sequence.
    last: u64,
    number: u64,
    flight: Option<Flight<T>>,
    waiting: HashMap<LogSubject, VecDeque<Pending<T>>>,
    /// Subjects with something waiting, in turn.
    turns: VecDeque<LogSubject>,
}

impl<T> Journal<T> {
    /// Appends after `last`; `number` counts the writer's appends so far.
    pub(crate) fn new(last: u64, number: u64) -> Self {
        let (waiting, turns) = (HashMap::new(), VecDeque::new());
        Self { last, number, flight: None, waiting, turns }
    }

    /// Puts a record in line, behind those of its subject.
    pub(crate) fn put(&mut self, subject: LogSubject, record: Record, then: T) {
        let waiting = self.waiting.entry(subject).or_default();
        if waiting.is_empty() {
            self.turns.push_back(subject);
        }
        waiting.push_back(Pending { record, then });
    }

    /// Makes the next batch, if none is under way: of the subject whose turn it is. Records that are not
    /// wanted any more are handed to `unwanted`.
    pub(crate) fn next(
        &mut self,
        mut is_wanted: impl FnMut(LogSubject, &Record) -> bool,
        mut unwanted: impl FnMut(LogSubject, Pending<T>),
    ) -> Option<(u64, &Flight<T>)> {
        while self.flight.is_none() {
            let subject = self.turns.pop_front()?;
            let waiting = self.waiting.get_mut(&subject)?;
            let (mut pending, mut bytes) = (Vec::new(), 0);
            while pending.len() < MOST_RECORDS
                && let Some(next) = waiting.pop_front()
            {
                if !is_wanted(subject, &next.record) {
                    unwanted(subject, next);
                    continue;
                }
                bytes += weight(&next.record);
                if bytes > MAX_RECORD_BYTES && !pending.is_empty() {
                    waiting.push_front(next);
                    break;
                }
                pending.push(next);
            }
            if waiting.is_empty() {
                self.waiting.remove(&subject);
            } else {
                self.turns.push_back(subject);
            }
            if !pending.is_empty() {
                let records: Vec<Record> =
                    pending.iter().map(|pending| pending.record.clone()).collect();
                self.number += 1;
                let payload = encode_batch(&records).into();
                self.flight = Some(Flight { number: self.number, subject, payload, pending });
                return self.flight.as_ref().map(|flight| (self.last, flight));
            }
        }
        None
    }

    /// Returns the log's last sequence, as far as it is known.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// The batch under way is in the log, with this sequence.
    pub(crate) fn stored(&mut self, sequence: u64) -> Option<Flight<T>> {
        self.last = sequence;
        self.flight.take()
    }

    /// The log was written again, and ends here: what was under way goes again.
    pub(crate) fn rebase(&mut self, last: u64, number: u64) -> Option<(u64, &Flight<T>)> {
        self.last = last;
        self.number = number;
        if let Some(flight) = &mut self.flight {
            self.number += 1;
            flight.number = self.number;
        }
        self.flight.as_ref().map(|flight| (last, flight))
    }
}

/// About how many bytes a record takes, before it is compressed.
fn weight(record: &Record) -> usize {
    match record {
        // Alone: it is as large as a record may be.
        Record::Submitted(_) => MAX_RECORD_BYTES,
        Record::Planned(PlanPart { items, warnings, .. }) => {
            let items = items.as_ref().map_or(1, |part| part.items.len());
            let warnings: usize = warnings.iter().map(String::len).sum();
            200 + items * 160 + warnings
        }
        Record::Row(outcome) => {
            let message = match &outcome.status {
                mirror_model::Status::Failed(failure) => failure.message.len(),
                mirror_model::Status::Copied
                | mirror_model::Status::Overwritten
                | mirror_model::Status::Skipped(_)
                | mirror_model::Status::Drifted
                | mirror_model::Status::WouldCopy
                | mirror_model::Status::WouldOverwrite => 0,
            };
            120 + message + outcome.referrers.len() * 160
        }
        Record::Seen { .. }
        | Record::Intent(_)
        | Record::Lost(_)
        | Record::Cancelled
        | Record::Ended { .. }
        | Record::Origin
        | Record::Term { .. }
        | Record::Beat { .. }
        | Record::Resigned { .. } => 200,
    }
}
