//! Who may write a name: one writer at a time, and never an older run after a newer one.
//!
//! Names are tags of destinations. A writer's turn ends with its row, or once whatever it was allowed
//! must have come to an end; another attempt's row does not end it.

use std::collections::HashMap;
use std::time::Duration;

use mirror_model::{JobId, RunId};
use mirror_oci::TagRef;

/// Where a job's plan stands in the log: sequence, then place in the batch. Of two runs, the one that
/// planned a name later is the newer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Order(pub(crate) u64, pub(crate) usize);

/// An attempt that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        name: &TagRef,
        writer: Writer,
        order: Order,
    ) -> Answer {
        // Among the entries of one run nobody is newer: their plans stand in the log in any order.
        let is_older = |(newest, run): &(Order, RunId)| *newest > order && *run != writer.run;
        if self.newest.get(name).is_some_and(is_older) {
            return Answer::Superseded;
        }
        let is_taken = self.open.get(name).is_some_and(|open| {
            open.writer != writer && open.until.is_none_or(|until| now < until)
        });
        if is_taken {
            return Answer::Hold;
        }
        self.open.insert(name.clone(), Open { writer, until: None });
        Answer::Yes
    }

    /// The writer's intent is in the log: it may write until then.
    pub(crate) fn intended(
        &mut self,
        name: &TagRef,
        writer: Writer,
        order: Order,
        until: Duration,
    ) {
        self.open.insert(name.clone(), Open { writer, until: Some(until) });
        self.wrote(name, writer.run, order);
    }

    /// A row says that the run has brought about what the name holds.
    pub(crate) fn wrote(&mut self, name: &TagRef, run: RunId, order: Order) {
        let newest = self.newest.entry(name.clone()).or_insert((order, run));
        *newest = (*newest).max((order, run));
    }

    /// The writer's row is in the log: its turn is over.
    pub(crate) fn release(&mut self, name: &TagRef, writer: Writer) {
        if self.open.get(name).is_some_and(|open| open.writer == writer) {
            self.open.remove(name);
        }
    }

    /// Forgets what can not matter any more: turns that are over, and writes that no unfinished run is
    /// older than; `oldest` is where the oldest of them stands.
    pub(crate) fn prune(&mut self, now: Duration, oldest: Option<Order>) {
        self.open.retain(|_, open| open.until.is_none_or(|until| now < until));
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

    #[test]
    fn an_older_run_is_superseded_and_another_entry_of_the_same_is_not() {
        let (mut names, now) = (Names::default(), Duration::ZERO);
        let name = TagRef {
            place: mirror_oci::Place::Registry("r.io/a".parse().unwrap()),
            tag: "v1".parse().unwrap(),
        };
        let first = writer(2, 0);
        assert_eq!(names.ask(now, &name, first, Order(9, 0)), Answer::Yes);
        names.intended(&name, first, Order(9, 0), Duration::from_secs(25));
        assert_eq!(names.ask(now, &name, writer(2, 1), Order(7, 0)), Answer::Hold);
        names.release(&name, first);
        assert_eq!(names.ask(now, &name, writer(1, 0), Order(8, 0)), Answer::Superseded);
        // The second entry was planned first, and writes after the first has failed.
        assert_eq!(names.ask(now, &name, writer(2, 1), Order(7, 0)), Answer::Yes);
    }
}
