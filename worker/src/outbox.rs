//! Rows that the coordinator has not acknowledged yet, and the messages that wait for it.

use std::collections::BTreeMap;

use mirror_model::{JobId, Outcome, RunId};
use mirror_proto::wire::worker::v1 as wire;
use mirror_proto::{AttemptRef, attempt_to, outcome_to};

/// Rows that may wait: some minutes of a fast worker while nobody leads, and a few MB. Beyond this,
/// nothing is pulled; the jobs that are under way still find room.
const MOST_ROWS: usize = 4_096;
/// Rows in one message: far below what a message may have.
const ROWS_PER_MESSAGE: usize = 64;

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
        let rows: Vec<wire::Row> = self.rows.values().map(row).collect();
        rows.chunks(ROWS_PER_MESSAGE).map(|rows| wire::Rows { rows: rows.to_vec() }).collect()
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
