//! Rows that the coordinator has not acknowledged yet, and the messages that wait for it.

use std::collections::BTreeMap;

use mirror_model::{JobId, Outcome, RunId};
use mirror_proto::wire::worker::v1 as wire;
use mirror_proto::{AttemptRef, attempt_to, outcome_to};
use mirror_rpc::MAX_MESSAGE_BYTES;
use prost::Message as _;

/// Rows that may wait: some minutes of a fast worker while nobody leads, and a few MB. Beyond this,
/// nothing is pulled; the jobs that are under way still find room.
const MOST_ROWS: usize = 4_096;
/// Rows in one message: most have a few hundred bytes, and others wait behind them.
const ROWS_PER_MESSAGE: usize = 64;
/// Bytes in one message, but where one row alone has more: a row with ten thousand referrers has some
/// hundred thousand, and one that is far larger than those still is below what a message may have.
const BYTES_PER_MESSAGE: usize = MAX_MESSAGE_BYTES / 4;

/// Rows that wait for their acknowledgement, in order of ending.
#[derive(Debug)]
pub(crate) struct Outbox<D> {
    rows: BTreeMap<u64, Waiting<D>>,
    next: u64,
}

#[derive(Debug)]
struct Waiting<D> {
    attempt: AttemptRef,
    outcome: Outcome,
    /// The message, as often as it was delivered.
    deliveries: Vec<D>,
}

/// A message that comes again while its row waits is remembered so often; any one of them will do.
const MOST_DELIVERIES: usize = 4;

impl<D> Default for Outbox<D> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), next: 0 }
    }
}

impl<D> Outbox<D> {
    /// Keeps a row, and returns the message that tells it.
    pub(crate) fn push(
        &mut self,
        attempt: AttemptRef,
        outcome: Outcome,
        delivery: D,
    ) -> wire::Rows {
        let waiting = Waiting { attempt, outcome, deliveries: vec![delivery] };
        let rows = wire::Rows { rows: vec![row(&waiting)] };
        self.rows.insert(self.next, waiting);
        self.next += 1;
        rows
    }

    /// Returns all rows again, for a coordinator that may not have them.
    pub(crate) fn again(&self) -> Vec<wire::Rows> {
        let mut messages: Vec<wire::Rows> = Vec::new();
        let mut bytes = 0;
        for row in self.rows.values().map(row) {
            let size = row.encoded_len();
            bytes += size;
            match messages.last_mut() {
                Some(last) if last.rows.len() < ROWS_PER_MESSAGE && bytes <= BYTES_PER_MESSAGE => {
                    last.rows.push(row);
                }
                Some(_) | None => {
                    bytes = size;
                    messages.push(wire::Rows { rows: vec![row] });
                }
            }
        }
        messages
    }

    /// Keeps `delivery` with the row of its job, if one waits; else gives it back.
    pub(crate) fn attach(&mut self, run: RunId, job: JobId, delivery: D) -> Option<D> {
        let of_job =
            |waiting: &&mut Waiting<D>| waiting.attempt.run == run && waiting.attempt.job == job;
        match self.rows.values_mut().find(of_job) {
            None => Some(delivery),
            Some(waiting) => {
                if waiting.deliveries.len() == MOST_DELIVERIES {
                    waiting.deliveries.remove(0);
                }
                waiting.deliveries.push(delivery);
                None
            }
        }
    }

    /// Forgets the row of an attempt and returns its messages; none where no row of it waits.
    pub(crate) fn remove(&mut self, attempt: u64) -> Vec<D> {
        let found = self.rows.iter().find(|(_, waiting)| waiting.attempt.attempt == attempt);
        let Some(key) = found.map(|(&key, _)| key) else { return Vec::new() };
        self.rows.remove(&key).map(|waiting| waiting.deliveries).unwrap_or_default()
    }

    /// Returns the messages that wait.
    pub(crate) fn deliveries(&self) -> impl Iterator<Item = &D> {
        self.rows.values().filter_map(|waiting| waiting.deliveries.last())
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns whether jobs may be begun, as far as their rows are concerned.
    pub(crate) fn has_room(&self) -> bool {
        self.rows.len() < MOST_ROWS
    }
}

fn row<D>(waiting: &Waiting<D>) -> wire::Row {
    wire::Row {
        attempt: Some(attempt_to(&waiting.attempt)),
        outcome: Some(outcome_to(&waiting.outcome)),
    }
}

#[cfg(test)]
mod tests {
    use mirror_model::{EntryIndex, ReferrerRow, Status};
    use mirror_oci::Digest;
    use mirror_proto::JobHash;

    use super::*;

    fn attempt(number: usize) -> AttemptRef {
        let job = JobId { entry: EntryIndex(0), row: number };
        AttemptRef { run: RunId(7), job, attempt: number as u64, hash: JobHash([0; 32]) }
    }

    fn outcome(number: usize, referrers: usize) -> Outcome {
        let row = ReferrerRow {
            digest: Digest::of(b"referrer"),
            artifact_type: Some("application/spdx+json".to_owned()),
            name: None,
            status: Status::Copied,
        };
        let idle = Outcome::idle(attempt(number).job, Status::Copied, None);
        Outcome { referrers: vec![row; referrers], ..idle }
    }

    /// How many rows are in each message that tells them again.
    fn told(referrers: &[usize]) -> Vec<usize> {
        let mut outbox = Outbox::default();
        for (number, referrers) in referrers.iter().enumerate() {
            outbox.push(attempt(number), outcome(number, *referrers), ());
        }
        let messages = outbox.again();
        let attempts = messages.iter().flat_map(|rows| &rows.rows);
        let attempts = attempts.map(|row| row.attempt.as_ref().unwrap().attempt);
        assert!(attempts.eq(0..referrers.len() as u64), "each once, and in order");
        assert!(messages.iter().all(|rows| rows.encoded_len() < MAX_MESSAGE_BYTES));
        messages.iter().map(|rows| rows.rows.len()).collect()
    }

    #[test]
    fn rows_that_wait_are_told_again_in_messages_that_a_link_takes() {
        assert_eq!(told(&[0; 130]), [64, 64, 2]);
        assert_eq!(told(&[10_000; 12]), [2; 6]);
        assert_eq!(told(&[0, 0, 30_000, 0]), [2, 1, 1]);
        assert_eq!(told(&[]), [0; 0]);
    }
}
