//! A log that was lost is written again: what of it, and what follows.

use std::collections::HashMap;

use bytes::Bytes;
use mirror_queue::LogSubject;

use crate::leader::Leader;
use crate::leader::input::Effect;

impl Leader {
    /// Returns the batches of all live runs, in the order of the log that was lost.
    pub(crate) fn memory(&self) -> Vec<(u64, LogSubject, Bytes)> {
        let mut memory: Vec<(u64, LogSubject, Bytes)> = self
            .runs
            .iter()
            .filter_map(|(id, run)| Some((LogSubject::Run(*id), run.history(0)?)))
            .flat_map(|(subject, history)| {
                history.into_iter().map(move |(sequence, payload)| (sequence, subject, payload))
            })
            .collect();
        memory.sort_by_key(|(sequence, _, _)| *sequence);
        memory
    }

    /// The log was written again: what stood at a sequence stands at another, it ends at `last`, and
    /// `number` batches of it are this process's. What was under way goes again.
    pub(crate) fn rebase(
        &mut self,
        sequences: &HashMap<u64, u64>,
        last: u64,
        number: u64,
    ) -> Vec<Effect> {
        self.base += self.journal.last();
        // Runs that had ended went with the log.
        self.runs.retain(|_, run| run.ended().is_none());
        for run in self.runs.values_mut() {
            run.moved(sequences);
        }
        if let Some((expected, flight)) = self.journal.rebase(last, number) {
            self.effects.push(Effect::Append {
                expected,
                number: flight.number,
                subject: flight.subject,
                payload: flight.payload.clone(),
            });
        }
        std::mem::take(&mut self.effects)
    }
}
