//! The queue between a run and the thread that writes.
//!
//! Putting never waits. What a user must see (rows, warnings) is kept however slow the reader is:
//! the report holds those rows as well. What is merely log or progress is left out beyond a bound.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Zoned;
use mirror_model::Event;

use crate::output::RunStart;

/// Notes that may wait before log and progress are left out: some 10 MB, and more than a reader
/// who is only slow ever falls behind.
const MAX_WAITING: usize = 16_384;

/// Something to be shown.
#[derive(Debug)]
pub(crate) enum Note {
    /// The run begins.
    Started(RunStart),
    /// Something happened.
    Event(Box<Event>),
    /// So much of the log was left out before this.
    LeftOut(u64),
}

/// Something to be shown, and when it happened where that is shown too.
#[derive(Debug)]
pub(crate) struct Stamped {
    /// When.
    pub(crate) at: Option<Zoned>,
    /// What.
    pub(crate) note: Note,
}

/// What a thread gets when it asks.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Notes, in the order in which they came; none where the wait was over first.
    Notes(VecDeque<Stamped>),
    /// Nothing is left, and nothing more will come.
    Closed,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    notes: VecDeque<Stamped>,
    left_out: u64,
    closed: bool,
}

impl Inbox {
    /// Takes a note in. `now` is asked under the lock, so that times never go backwards.
    pub(crate) fn put(&self, note: Note, now: Option<&dyn Fn() -> Zoned>) {
        let mut queue = self.lock();
        if queue.closed {
            return;
        }
        if queue.notes.len() >= MAX_WAITING && !is_lasting(&note) {
            queue.left_out += 1;
            return;
        }
        let at = now.map(|now| now());
        let left_out = mem::take(&mut queue.left_out);
        if left_out > 0 {
            queue.notes.push_back(Stamped { at: at.clone(), note: Note::LeftOut(left_out) });
        }
        // Bytes are looked at with the next tick: no thread is woken for every chunk.
        let wake = !is_bytes(&note);
        queue.notes.push_back(Stamped { at, note });
        drop(queue);
        if wake {
            self.filled.notify_one();
        }
    }

    /// Takes everything out, after waiting for it: until something comes, or for `tick`.
    pub(crate) fn take(&self, tick: Option<Duration>) -> Taken {
        let idle = |queue: &mut Queue| queue.notes.is_empty() && !queue.closed;
        let mut queue = self.lock();
        queue = match tick {
            None => self.filled.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner),
            Some(tick) => {
                let waited = self.filled.wait_timeout_while(queue, tick, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        if queue.notes.is_empty() && queue.closed {
            return Taken::Closed;
        }
        Taken::Notes(mem::take(&mut queue.notes))
    }

    /// Takes nothing more in.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// A panic elsewhere leaves the queue as it was: whole.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether a note says no more than that bytes were sent.
fn is_bytes(note: &Note) -> bool {
    matches!(note, Note::Event(event) if matches!(**event, Event::BytesSent { .. }))
}

/// Returns whether a note is kept whatever waits: what is printed for the user, not for the log.
fn is_lasting(note: &Note) -> bool {
    match note {
        Note::Started(_) | Note::LeftOut(_) => true,
        Note::Event(event) => match **event {
            Event::EntryFailed { .. } | Event::RowSettled { .. } | Event::Warning(_) => true,
            Event::EntryPlanned { .. }
            | Event::JobStarted { .. }
            | Event::JobSized { .. }
            | Event::BytesSent { .. }
            | Event::BlobSettled { .. }
            | Event::ManifestPushed { .. }
            | Event::FallbackTag { .. }
            | Event::JobRetrying { .. } => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use mirror_model::{EntryIndex, Failure};

    use super::*;

    fn event(event: Event) -> Note {
        Note::Event(Box::new(event))
    }

    fn planned() -> Note {
        event(Event::EntryPlanned { entry: EntryIndex(0), rows: 1 })
    }

    fn failed() -> Note {
        let (source, failure) = ("a".to_owned(), Failure::cancelled());
        event(Event::EntryFailed { entry: EntryIndex(0), source, failure })
    }

    #[track_caller]
    fn taken(inbox: &Inbox) -> VecDeque<Stamped> {
        match inbox.take(Some(Duration::ZERO)) {
            Taken::Notes(notes) => notes,
            Taken::Closed => panic!("closed"),
        }
    }

    #[test]
    fn beyond_the_bound_rows_are_kept_and_the_log_is_counted() {
        let inbox = Inbox::default();
        for _ in 0..MAX_WAITING + 7 {
            inbox.put(planned(), None);
        }
        inbox.put(failed(), None);
        let notes = taken(&inbox);
        assert_eq!(notes.len(), MAX_WAITING + 2);
        assert!(matches!(notes[MAX_WAITING].note, Note::LeftOut(7)));
        assert!(is_lasting(&notes[MAX_WAITING + 1].note));

        inbox.put(planned(), None);
        assert_eq!(taken(&inbox).len(), 1, "the count begins anew");
    }

    #[test]
    fn what_waits_is_taken_before_the_end() {
        let inbox = Inbox::default();
        assert!(taken(&inbox).is_empty());
        inbox.put(planned(), None);
        inbox.close();
        inbox.put(planned(), None);
        assert_eq!(taken(&inbox).len(), 1);
        assert!(matches!(inbox.take(None), Taken::Closed));
    }
}
