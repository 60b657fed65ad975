//! Who may write a name: one writer at a time, and never an older run after a newer one.
//!
//! Names are tags of destinations. A writer's turn ends with its row, or once whatever it was allowed
//! must have come to an end; another attempt's row does not end it. Until then a writer may have turns on
//! several names: it asks for them one after the other, its job's own tag first and then the others in
//! the order of their tags, as every writer does, so that no two wait for each other.

use std::collections::HashMap;
use std::time::Duration;

use mirror_model::{JobId, Naming, RunId};
use mirror_oci::TagRef;

/// Where a job's plan stands in the log: sequence, then place in the batch. Of two runs, the one that
/// planned a name later is the newer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Order(pub(crate) u64, pub(crate) usize);

/// An attempt that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Writer {
    pub(crate) run: RunId,
    pub(crate) job: JobId,
    pub(crate) attempt: u64,
}

/// May a name be written?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Once the intent is in the log. The name is the writer's from now on.
    Yes,
    /// Somebody else may be writing it.
    Hold,
    /// A newer run has written it, or is about to.
    Superseded,
}

/// The names of all runs under way.
#[derive(Debug, Default)]
pub(crate) struct Names {
    open: HashMap<TagRef, Open>,
    /// Names that a writer has, or has had, a turn on.
    turns: HashMap<Writer, Vec<TagRef>>,
    /// Of values alone: to a set everybody adds, and nobody is too late.
    newest: HashMap<TagRef, (Order, RunId)>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    writer: Writer,
    /// `None` while the intent is on its way to the log.
    until: Option<Duration>,
}

impl Names {
    /// Asks for a name.
    pub(crate) fn ask(
        &mut self,
        now: Duration,
        (name, naming): (&TagRef, Naming),
        writer: Writer,
        order: Order,
    ) -> Answer {
        // Among the entries of one run nobody is newer: their plans stand in the log in any order.
        let is_older = |(newest, run): &(Order, RunId)| *newest > order && *run != writer.run;
        match naming {
            Naming::Value if self.newest.get(name).is_some_and(is_older) => {
                return Answer::Superseded;
            }
            Naming::Value | Naming::Set => {}
        }
        let is_taken = self.open.get(name).is_some_and(|open| {
            open.writer != writer && open.until.is_none_or(|until| now < until)
        });
        if is_taken {
            return Answer::Hold;
        }
        self.turn(name, Open { writer, until: None });
        Answer::Yes
    }

    /// Gives a writer its turn, or more time for it.
    fn turn(&mut self, name: &TagRef, open: Open) {
        let before = self.open.insert(name.clone(), open);
        if before.is_none_or(|before| before.writer != open.writer) {
            self.turns.entry(open.writer).or_default().push(name.clone());
        }
    }

    /// The writer's intent is in the log: it may write until then.
    pub(crate) fn intended(
        &mut self,
        (name, naming): (&TagRef, Naming),
        writer: Writer,
        order: Order,
        until: Duration,
    ) {
        self.turn(name, Open { writer, until: Some(until) });
        match naming {
            Naming::Value => self.wrote(name, writer.run, order),
            Naming::Set => {}
        }
    }

    /// A row says that the run has brought about what the name holds.
    pub(crate) fn wrote(&mut self, name: &TagRef, run: RunId, order: Order) {
        let newest = self.newest.entry(name.clone()).or_insert((order, run));
        *newest = (*newest).max((order, run));
    }

    /// The writer's row is in the log: its turns are over.
    pub(crate) fn release(&mut self, writer: Writer) {
        for name in self.turns.remove(&writer).unwrap_or_default() {
            if self.open.get(&name).is_some_and(|open| open.writer == writer) {
                self.open.remove(&name);
            }
        }
    }

    /// Forgets what can not matter any more: turns that are over, and writes that no unfinished run is
    /// older than; `oldest` is where the oldest of them stands.
    pub(crate) fn prune(&mut self, now: Duration, oldest: Option<Order>) {
        self.open.retain(|_, open| open.until.is_none_or(|until| now < until));
        let open = &self.open;
        self.turns.retain(|writer, names| {
            names.retain(|name| open.get(name).is_some_and(|open| open.writer == *writer));
            !names.is_empty()
        });
        match oldest {
            None => self.newest.clear(),
            Some(oldest) => self.newest.retain(|_, (order, _)| *order > oldest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirror_model::EntryIndex;

    fn writer(run: u128, entry: usize) -> Writer {
        Writer { run: RunId(run), job: JobId { entry: EntryIndex(entry), row: 0 }, attempt: 1 }
    }

    fn name(tag: &str) -> TagRef {
        let place = mirror_oci::Place::Registry("r.io/a".parse().unwrap());
        TagRef { place, tag: tag.parse().unwrap() }
    }

    const NOW: Duration = Duration::ZERO;
    const UNTIL: Duration = Duration::from_secs(25);

    #[test]
    fn an_older_run_is_superseded_and_another_entry_of_the_same_is_not() {
        let mut names = Names::default();
        let (name, first) = (name("v1"), writer(2, 0));
        let value = (&name, Naming::Value);
        assert_eq!(names.ask(NOW, value, first, Order(9, 0)), Answer::Yes);
        names.intended(value, first, Order(9, 0), UNTIL);
        assert_eq!(names.ask(NOW, value, writer(2, 1), Order(7, 0)), Answer::Hold);
        names.release(first);
        assert_eq!(names.ask(NOW, value, writer(1, 0), Order(8, 0)), Answer::Superseded);
        // The second entry was planned first, and writes after the first has failed.
        assert_eq!(names.ask(NOW, value, writer(2, 1), Order(7, 0)), Answer::Yes);
    }

    #[test]
    fn a_set_has_one_writer_at_a_time_and_the_older_run_writes_it_too() {
        let mut names = Names::default();
        let name = name("sha256-ab");
        let set = (&name, Naming::Set);
        let (newer, older) = (writer(2, 0), writer(1, 0));
        assert_eq!(names.ask(NOW, set, newer, Order(9, 0)), Answer::Yes);
        // Also before its intent is in the log, and once it is.
        assert_eq!(names.ask(NOW, set, older, Order(8, 0)), Answer::Hold);
        names.intended(set, newer, Order(9, 0), UNTIL);
        assert_eq!(names.ask(NOW, set, older, Order(8, 0)), Answer::Hold);
        names.release(newer);
        assert_eq!(names.ask(NOW, set, older, Order(8, 0)), Answer::Yes);
        names.intended(set, older, Order(8, 0), UNTIL);
        assert_eq!(names.ask(UNTIL, set, newer, Order(9, 0)), Answer::Yes, "the time is over");
        // A set leaves nothing behind: where a run wants the name for a value, none was before it.
        names.release(newer);
        let value = (&name, Naming::Value);
        assert_eq!(names.ask(NOW, value, older, Order(1, 0)), Answer::Yes);
        // Nor does it heed what a value left: nobody is too late for it.
        names.release(older);
        names.wrote(&name, newer.run, Order(9, 0));
        assert_eq!(names.ask(NOW, value, older, Order(1, 0)), Answer::Superseded);
        assert_eq!(names.ask(NOW, set, older, Order(1, 0)), Answer::Yes);
    }

    #[test]
    fn a_row_ends_all_turns_of_its_writer_and_none_of_anothers() {
        let mut names = Names::default();
        let (tag, old, set) = (name("v1"), name("sha256-ab.sig"), name("sha256-ab"));
        let all = [(&tag, Naming::Value), (&old, Naming::Value), (&set, Naming::Set)];
        let (first, second) = (writer(1, 0), writer(1, 1));
        for name in all {
            assert_eq!(names.ask(NOW, name, first, Order(1, 0)), Answer::Yes);
            names.intended(name, first, Order(1, 0), UNTIL);
        }
        // Its time on one is over, and that one is another's.
        let late = UNTIL + Duration::from_secs(1);
        assert_eq!(names.ask(late, all[2], second, Order(1, 0)), Answer::Yes);
        names.release(first);
        assert_eq!(names.ask(NOW, all[0], second, Order(1, 0)), Answer::Yes);
        assert_eq!(names.ask(NOW, all[1], second, Order(1, 0)), Answer::Yes);
        assert_eq!(names.ask(NOW, all[2], first, Order(1, 0)), Answer::Hold);
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut names = Names::default();
        let (gone, kept) = (name("v1"), name("v2"));
        names.intended((&gone, Naming::Value), writer(1, 0), Order(1, 0), UNTIL);
        names.intended((&kept, Naming::Set), writer(2, 0), Order(2, 0), 2 * UNTIL);
        names.prune(UNTIL, None);
        assert_eq!((names.open.len(), names.turns.len(), names.newest.len()), (1, 1, 0));
        names.release(writer(2, 0));
        assert!(names.open.is_empty() && names.turns.is_empty());
    }
}
