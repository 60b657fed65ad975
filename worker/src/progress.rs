//! What jobs tell of themselves, gathered for those who watch. It may be lost.

use std::collections::{BTreeMap, HashMap};

use mirror_model::{Event, JobId, RunId};
use mirror_proto::wire::worker::v1 as wire;
use mirror_proto::{event_to, run_to};

/// Events of a run between two flushes: more than anybody can read, and 100 kB at the most.
const MOST_EVENTS: usize = 256;

/// Events since the last flush.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    runs: HashMap<RunId, Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    events: Vec<wire::Event>,
    /// Bytes that each job has sent.
    sent: BTreeMap<JobId, u64>,
}

impl Progress {
    /// Takes note of an event. Bytes are summed up; of others, those beyond the bound are lost.
    pub(crate) fn add(&mut self, run: RunId, event: &Event) {
        let gathered = self.runs.entry(run).or_default();
        if let Event::BytesSent { job, bytes } = *event {
            *gathered.sent.entry(job).or_default() += bytes;
        } else if gathered.events.len() < MOST_EVENTS {
            gathered.events.extend(event_to(event));
        }
    }

    /// Returns whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns what was gathered, and begins anew.
    pub(crate) fn take(&mut self) -> Vec<wire::Progress> {
        let messages = self.runs.drain().map(|(run, Gathered { mut events, sent })| {
            let sent = sent.into_iter().map(|(job, bytes)| Event::BytesSent { job, bytes });
            events.extend(sent.filter_map(|event| event_to(&event)));
            wire::Progress { run: run_to(run), events }
        });
        messages.filter(|message| !message.events.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use mirror_model::EntryIndex;

    use super::*;

    #[test]
    fn bytes_are_summed_and_floods_are_cut() {
        let job = |row| JobId { entry: EntryIndex(0), row };
        let mut progress = Progress::default();
        for _ in 0..10_000 {
            progress.add(RunId(1), &Event::BytesSent { job: job(0), bytes: 2 });
            progress.add(RunId(1), &Event::BytesSent { job: job(1), bytes: 1 });
            progress.add(RunId(2), &Event::JobSized { job: job(0), bytes: 7 });
        }
        let mut messages = progress.take();
        messages.sort_by(|one, other| one.run.cmp(&other.run));
        let sent: Vec<_> = messages[0].events.iter().map(|event| event.what.clone()).collect();
        let bytes = |bytes| Some(wire::event::What::SentBytes(bytes));
        assert_eq!(sent, [bytes(20_000), bytes(10_000)]);
        assert_eq!(messages[1].events.len(), MOST_EVENTS);
        assert!(progress.is_empty() && progress.take().is_empty());
    }
}
