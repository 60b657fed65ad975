//! The appender: records wait here, and leave in batches, one under way at a time.
//!
//! What is to happen once a record is in the log waits with it. Whether a record is still wanted is
//! asked as its batch is made, not as it is put here: between the two, another may have come first.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use mirror_model::{Failure, FailureKind, Stage, Status};
use mirror_proto::{MAX_RECORD_BYTES, Record, encode_batch, record_bytes};
use mirror_queue::LogSubject;

/// Records in a batch: more would hold up what waits for the first of them.
const MOST_RECORDS: usize = 256;
/// What a batch takes at most, compressed: NATS servers take messages of 1 MiB by default, headers
/// included. A batch that is never taken would be tried for ever, and everything would wait behind it.
const MOST_PAYLOAD_BYTES: usize = 1_000_000;

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
                bytes += record_bytes(&next.record);
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
                let payload = payload(&mut pending);
                self.number += 1;
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

/// Writes a batch. A row that no batch can hold becomes one that says so: whoever told it made it larger
/// than any that follows from a plan.
fn payload<T>(pending: &mut [Pending<T>]) -> Bytes {
    let encode = |pending: &[Pending<T>]| {
        let records: Vec<Record> = pending.iter().map(|pending| pending.record.clone()).collect();
        encode_batch(&records)
    };
    let payload = encode(pending);
    let size = payload.len();
    if size <= MOST_PAYLOAD_BYTES {
        return payload.into();
    }
    for pending in &mut *pending {
        let Record::Row(outcome) = &mut pending.record else { continue };
        let message = format!(
            "its row with {} referrers takes {size} bytes of the log, {MOST_PAYLOAD_BYTES} are allowed",
            outcome.referrers.len()
        );
        outcome.referrers.clear();
        outcome.status = Status::Failed(Failure::text(Stage::Run, FailureKind::TooLarge, message));
    }
    encode(pending).into()
}

#[cfg(test)]
mod tests {
    use mirror_model::{EntryIndex, JobId, Outcome, ReferrerRow, RunId};
    use mirror_oci::Digest;
    use mirror_proto::decode_batch;

    use super::*;

    const RUN: LogSubject = LogSubject::Run(RunId(1));

    fn row(job: usize, referrers: usize, name: impl Fn(usize) -> Option<String>) -> Record {
        let job = JobId { entry: EntryIndex(0), row: job };
        let mut outcome = Outcome::idle(job, Status::Copied, Digest::of(b"root"));
        outcome.referrers = (0..referrers)
            .map(|index| ReferrerRow {
                digest: digest(index),
                artifact_type: Some("application/spdx+json".to_owned()),
                name: name(index).map(|name| name.parse().unwrap()),
                status: Status::Copied,
            })
            .collect();
        Record::Row(Box::new(outcome))
    }

    /// What does not compress.
    fn digest(index: usize) -> Digest {
        let half = |part: u8| match Digest::of(format!("{index} {part}").as_bytes()) {
            Digest::Sha256(half) => half,
            Digest::Sha512(_) => panic!("sha512"),
        };
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&half(0));
        bytes[32..].copy_from_slice(&half(1));
        Digest::Sha512(bytes)
    }

    /// The batches that records make, each with its size.
    fn batches(records: Vec<Record>) -> Vec<(usize, Vec<Record>)> {
        let mut journal = Journal::new(0, 0);
        for record in records {
            journal.put(RUN, record, ());
        }
        let mut batches = Vec::new();
        loop {
            let flight = journal.next(|_, _| true, |_, _| panic!("all are wanted"));
            let Some((last, Flight { payload, .. })) = flight else { return batches };
            batches.push((payload.len(), decode_batch(payload).unwrap()));
            journal.stored(last + 1);
        }
    }

    #[test]
    fn a_row_that_is_larger_than_a_batch_is_one_alone() {
        let small = |job| row(job, 3, |_| None);
        let records = vec![small(0), small(1), row(2, 8_000, |_| None), small(3), small(4)];
        let made = batches(records.clone());
        let counts: Vec<usize> = made.iter().map(|(_, records)| records.len()).collect();
        assert_eq!(counts, [2, 1, 2]);
        assert!(made[1].0 > MAX_RECORD_BYTES && made[1].0 <= MOST_PAYLOAD_BYTES, "{}", made[1].0);
        let made: Vec<Record> = made.into_iter().flat_map(|(_, records)| records).collect();
        assert!(made == records);
    }

    #[test]
    fn a_row_that_no_batch_can_hold_says_so() {
        // Nobody names them so but to do harm.
        let name = |index: usize| Some(digest(index + 50_000).hex());
        let made = batches(vec![row(0, 10_000, name), row(1, 0, |_| None)]);
        let [(size, alone), (_, after)] = made.as_slice() else { panic!("{}", made.len()) };
        assert!(*size < 1_000);
        let [Record::Row(outcome)] = alone.as_slice() else { panic!("{}", alone.len()) };
        let Status::Failed(failure) = &outcome.status else { panic!("{outcome:?}") };
        assert!(failure.message.starts_with("its row with 10000 referrers takes 1"), "{failure}");
        assert!(outcome.referrers.is_empty());
        assert_eq!(after, &[row(1, 0, |_| None)]);
    }
}
