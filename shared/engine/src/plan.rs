//! Planning: list, select, and pin each selected tag to a digest.

use std::sync::Arc;

use futures_util::stream::{self, Stream, StreamExt};
use mirror_model::{
    Entry, EntryIndex, EntryPlan, EntrySource, Failure, FailureKind, JobId, Planned, Row, RunId,
    RunOptions, Source, Stage, Status,
};
use mirror_oci::{Place, Tag};
use mirror_registry::Access;
use mirror_transport::Budget;
use tokio_util::sync::CancellationToken;

use crate::Engine;
use crate::cause::{At, Cause};
use crate::persist::persist;

/// Entries that are planned side by side: enough to hide their latency, few enough to keep their order
/// of ending close to the config's.
const ENTRIES_AT_ONCE: usize = 16;
/// Tags of an entry that are resolved side by side; the host's window bounds them over all entries.
const TAGS_AT_ONCE: usize = 64;

/// Numbers entries as a run does: in the order in which they are given.
pub fn numbered(entries: &[Entry]) -> Vec<(EntryIndex, Entry)> {
    entries.iter().cloned().enumerate().map(|(index, entry)| (EntryIndex(index), entry)).collect()
}

impl Engine {
    /// Plans `entries` side by side; plans come as they are ready, each exactly once. What could not be
    /// planned is part of the result.
    pub fn plan(
        self: Arc<Self>,
        run: RunId,
        entries: Vec<(EntryIndex, Entry)>,
        options: RunOptions,
        cancel: CancellationToken,
    ) -> impl Stream<Item = (EntryIndex, EntryPlan)> + Send + use<> {
        stream::iter(entries)
            .map(move |(index, entry)| {
                let engine = Arc::clone(&self);
                let (options, cancel) = (options.clone(), cancel.clone());
                async move {
                    let planning =
                        Planning { engine: &engine, run, index, entry: &entry, options: &options };
                    let items = tokio::select! {
                        biased;
                        () = cancel.cancelled() => Err(Failure::cancelled()),
                        items = planning.items() => items,
                    };
                    (index, planning.plan(items))
                }
            })
            .buffer_unordered(ENTRIES_AT_ONCE)
    }
}

/// The planning of one entry.
struct Planning<'p> {
    engine: &'p Engine,
    run: RunId,
    index: EntryIndex,
    entry: &'p Entry,
    options: &'p RunOptions,
}

impl Planning<'_> {
    fn plan(&self, items: Result<Vec<Planned>, Failure>) -> EntryPlan {
        EntryPlan {
            source: self.entry.source_name.clone(),
            destination: self.entry.destination_name.clone(),
            items,
            warnings: Vec::new(),
        }
    }

    async fn items(&self) -> Result<Vec<Planned>, Failure> {
        match &self.entry.source {
            EntrySource::Artifact { place, referrers: false, verify: None } => {
                self.artifact(place).await
            }
            // Nothing that protects is ever passed over in silence.
            EntrySource::Artifact { .. } | EntrySource::Chart(_) => Err(Failure::text(
                Stage::List,
                FailureKind::Internal,
                "charts, referrers and verification are not supported by this version",
            )),
        }
    }

    async fn artifact(&self, place: &Place) -> Result<Vec<Planned>, Failure> {
        let limits = self.options.limits;
        let budget = Budget::new(limits.timeout);
        let store = self.engine.store(place, Access::Pull, &budget);
        let list = || async { store.tags().await.at(Stage::List) };
        let tags = persist(&budget, limits, Stage::List, |_, _, _| (), list).await.result?;
        let selected: Vec<Tag> = self.entry.selector.select(&tags).into_iter().cloned().collect();
        let pins = stream::iter(selected.into_iter().enumerate())
            .map(|(row, tag)| self.pin(place, row, tag))
            .buffered(TAGS_AT_ONCE);
        Ok(pins.collect().await)
    }

    /// Finds the digest of one tag; a tag that has none is a failed row, and the others go on.
    async fn pin(&self, place: &Place, row: usize, tag: Tag) -> Planned {
        let limits = self.options.limits;
        let budget = Budget::new(limits.timeout);
        let store = self.engine.store(place, Access::Pull, &budget);
        let resolve = || async {
            match store.resolve(&tag).await {
                Ok(None) => Err(Cause::NoTag { tag: tag.to_string() }).at(Stage::Resolve),
                found => found.at(Stage::Resolve),
            }
        };
        let resolved = persist(&budget, limits, Stage::Resolve, |_, _, _| (), resolve).await.result;
        match resolved {
            Ok(Some(root)) => {
                let id = tag.to_string();
                let source = Source::Artifact { place: place.clone(), root };
                let job = JobId { entry: self.index, row };
                let job = self.entry.job(self.run, job, source, tag, self.options);
                Planned::Job { id, verification: None, job: Box::new(job) }
            }
            Ok(None) => Planned::Settled(failed_row(&tag, Failure::cancelled())),
            Err(failure) => Planned::Settled(failed_row(&tag, failure)),
        }
    }
}

fn failed_row(tag: &Tag, failure: Failure) -> Row {
    Row {
        tag: tag.to_string(),
        status: Status::Failed(failure),
        digest: None,
        referrers: Vec::new(),
        verification: None,
    }
}
