//! The indexes of a run's chart repositories: each read once, for all entries that want charts of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use mirror_charts::Index;
use mirror_model::{Chart, Entry, EntrySource, Failure, Limits, Stage};
use mirror_transport::Budget;

use crate::Engine;
use crate::cause::At;
use crate::persist::persist;

/// The indexes of a run, by repository.
#[derive(Default)]
pub(crate) struct Indexes(Mutex<HashMap<String, Arc<Slot>>>);

/// A place for one index; whoever holds the lock reads it for all.
#[derive(Default)]
struct Slot {
    /// The charts that are wanted of it.
    wanted: Mutex<BTreeSet<String>>,
    read: tokio::sync::Mutex<Option<Result<Arc<Index>, Failure>>>,
}

impl Indexes {
    /// Takes note of the charts that a run wants, so that an index is read for all of them.
    pub(crate) fn want<'e>(&self, entries: impl Iterator<Item = &'e Entry>) {
        for entry in entries {
            if let EntrySource::Chart(chart) = &entry.source {
                self.slot(chart).want(&chart.name);
            }
        }
    }

    fn slot(&self, chart: &Chart) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let repository = chart.repository.trim_end_matches('/').to_owned();
        Arc::clone(slots.entry(repository).or_default())
    }
}

impl Slot {
    fn want(&self, name: &str) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.insert(name.to_owned());
    }

    fn wanted(&self) -> BTreeSet<String> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Engine {
    /// Returns the index that a chart is in, read by the first who asks; what went wrong then goes wrong
    /// for all.
    pub(crate) async fn index(&self, chart: &Chart, limits: Limits) -> Result<Arc<Index>, Failure> {
        let slot = self.indexes.slot(chart);
        slot.want(&chart.name);
        let mut read = slot.read.lock().await;
        let wanted = slot.wanted();
        match &*read {
            Some(Ok(index)) if index.covers(&wanted) => return Ok(Arc::clone(index)),
            Some(Err(failure)) => return Err(failure.clone()),
            Some(Ok(_)) | None => {}
        }
        let budget = Budget::new(limits.timeout);
        let ask = || async {
            self.charts.index(&chart.repository, &wanted, &budget).await.at(Stage::List)
        };
        let index = persist(&budget, limits, Stage::List, |_, _, _| (), ask).await.result;
        *read = Some(index.clone());
        index
    }
}
