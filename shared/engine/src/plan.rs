//! Planning: list, select, pin each selected tag to a digest, judge its signatures, and find what is
//! attached to it. What differs for the versions of a chart is in [`crate::versions`].

use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, Stream, StreamExt};
use mirror_model::{
    Attached, Entry, EntryIndex, EntryPlan, EntrySource, Failure, FailureKind, Job, JobId, Pin,
    PlanNote, Planned, Row, RunId, RunOptions, SkipReason, Source, Stage, Status, VerifyPolicy,
};
use mirror_oci::{Digest, Place, Tag};
use mirror_registry::Access;
use mirror_transport::Budget;
use mirror_verify::{Judgement, Verifier};
use tokio_util::sync::CancellationToken;

use crate::Engine;
use crate::attachments::{Listing, SideTags};
use crate::cause::{At, Cause};
use crate::closure::Finding;
use crate::evidence::{Signatures, compare_clocks};
use crate::persist::persist;
use crate::place::Store;

/// Entries that are planned side by side: enough to hide their latency, few enough to keep their order
/// of ending close to the config's.
const ENTRIES_AT_ONCE: usize = 16;
/// Tags of an entry that are resolved side by side; the host's window bounds them over all entries.
pub(crate) const TAGS_AT_ONCE: usize = 64;

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
        self.indexes.want(entries.iter().map(|(_, entry)| entry));
        stream::iter(entries)
            .map(move |(index, entry)| {
                let engine = Arc::clone(&self);
                let (options, cancel) = (options.clone(), cancel.clone());
                async move {
                    let (entry, options) = (&entry, &options);
                    let planning = Planning::new(&engine, run, (index, entry), options);
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
pub(crate) struct Planning<'p> {
    pub(crate) engine: &'p Engine,
    pub(crate) run: RunId,
    pub(crate) index: EntryIndex,
    pub(crate) entry: &'p Entry,
    pub(crate) options: &'p RunOptions,
    /// What the user should know.
    warnings: Mutex<Vec<String>>,
    /// What is for the log alone.
    notes: Mutex<Vec<PlanNote>>,
}

impl<'p> Planning<'p> {
    fn new(
        engine: &'p Engine,
        run: RunId,
        (index, entry): (EntryIndex, &'p Entry),
        options: &'p RunOptions,
    ) -> Self {
        let (warnings, notes) = (Mutex::default(), Mutex::default());
        Self { engine, run, index, entry, options, warnings, notes }
    }
}

impl Planning<'_> {
    fn plan(&self, items: Result<Vec<Planned>, Failure>) -> EntryPlan {
        EntryPlan {
            source: self.entry.source_name.clone(),
            destination: self.entry.destination_name.clone(),
            items,
            warnings: mem::take(&mut *self.warnings()),
            notes: mem::take(&mut *self.notes()),
        }
    }

    fn warnings(&self) -> MutexGuard<'_, Vec<String>> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the user something.
    pub(crate) fn warn(&self, warning: String) {
        self.warnings().push(warning);
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Vec<PlanNote>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn items(&self) -> Result<Vec<Planned>, Failure> {
        match &self.entry.source {
            EntrySource::Artifact { place, referrers, verify } => {
                let policy = verify.clone().map(Arc::new);
                self.artifact(&Wanted { place, referrers: *referrers, policy }).await
            }
            EntrySource::Chart(chart) => self.chart(chart).await,
        }
    }

    async fn artifact(&self, wanted: &Wanted<'_>) -> Result<Vec<Planned>, Failure> {
        let limits = self.options.limits;
        let budget = Budget::new(limits.timeout);
        let store = self.engine.store(wanted.place, Access::Pull, &budget);
        let list = || async { store.tags().await.at(Stage::List) };
        let tags = persist(&budget, limits, Stage::List, |_, _, _| (), list).await.result?;
        if wanted.policy.as_ref().is_some_and(|policy| !policy.min_age.is_zero()) {
            let clocks = self.engine.signatures.iter().flat_map(|signatures| &signatures.clocks);
            let told = compare_clocks(clocks.cloned().chain(store.clock()))?;
            self.warnings().extend(told);
        }
        let selected: Vec<Tag> = self.entry.selector.select(&tags).into_iter().cloned().collect();
        let side_tags = match wanted {
            Wanted { referrers: false, policy: None, .. } => SideTags::default(),
            Wanted { .. } => SideTags::of(&tags),
        };
        drop(tags);
        let count = selected.len();
        let tags = stream::iter(selected.into_iter().enumerate())
            .map(|(row, tag)| self.tag(wanted, row, tag, &side_tags))
            .buffered(TAGS_AT_ONCE);
        let (mut tags, mut planned) = (std::pin::pin!(tags), Vec::new());
        while let Some(tag) = tags.next().await {
            match tag {
                Tagged::Planned(one) => planned.push(one),
                // Those before it still run; what was read of those after it is of no use.
                Tagged::Unverified(row) => {
                    let left = count.saturating_sub(planned.len() + 1);
                    if left > 0 {
                        self.notes().push(PlanNote::Stopped { tag: row.tag.clone(), left });
                    }
                    planned.push(Planned::Settled(row));
                    break;
                }
            }
        }
        Ok(planned)
    }

    /// Plans one tag; one that cannot be planned is a failed row, and the others go on.
    async fn tag(&self, wanted: &Wanted<'_>, row: usize, tag: Tag, side_tags: &SideTags) -> Tagged {
        let (id, place) = (tag.to_string(), wanted.place);
        let root = match self.pin(place, &tag).await {
            Ok(root) => root,
            Err(failure) => return failed(id, None, failure),
        };
        let (mut verification, mut listing) = (None, None);
        if let Some(policy) = &wanted.policy {
            match self.verify(place, &root, policy, side_tags).await {
                Ok((Judgement::Confirmed(confirmed), listed)) => {
                    (verification, listing) = (Some(confirmed), Some(listed));
                }
                Ok((Judgement::TooNew(young), _)) => {
                    let status = Status::Skipped(SkipReason::SignatureTooNew);
                    let digest = Some(root.digest);
                    let row = settled_row(id, status, digest);
                    let row = Row { verification: Some(young), ..row };
                    return Tagged::Planned(Planned::Settled(row));
                }
                Ok((Judgement::Failed(error), _)) => {
                    let kind = FailureKind::Unverified;
                    return self.unverified(id, Failure::new(Stage::Verify, kind, &error));
                }
                Err(failure) => return self.unverified(id, failure),
            }
        }
        let mut referrers = Vec::new();
        if wanted.referrers {
            match self.referrers(place, &root, listing, side_tags).await {
                Ok(found) => referrers = found,
                Err(failure) => return failed(id, Some(root.digest), failure),
            }
        }
        let source = Source::Artifact { place: place.clone(), root };
        let job = JobId { entry: self.index, row };
        let job = self.entry.job(self.run, job, source, tag, self.options);
        let job = Box::new(Job { referrers, ..job });
        Tagged::Planned(Planned::Job { id, verification, job })
    }

    /// Returns the row of a tag whose signatures do not satisfy, or could not be read.
    fn unverified(&self, id: String, failure: Failure) -> Tagged {
        let Failure { stage, kind, message } = failure;
        let message = format!("verify {}:{id}: {message}", self.entry.source_name);
        let status = Status::Failed(Failure { stage, kind, message });
        Tagged::Unverified(settled_row(id, status, None))
    }

    /// Judges the signatures of one tag's content.
    async fn verify(
        &self,
        place: &Place,
        root: &Pin,
        policy: &Arc<VerifyPolicy>,
        side_tags: &SideTags,
    ) -> Result<(Judgement, Listing), Failure> {
        let Some(signatures) = &self.engine.signatures else {
            let message = "this process does not judge signatures";
            return Err(Failure::text(Stage::Verify, FailureKind::Internal, message));
        };
        let verifier = self.verifier(signatures).await?;
        let budget = Budget::new(self.options.limits.timeout);
        let store = self.engine.store(place, Access::Pull, &budget);
        let finding = self.finding(place, &store, side_tags, &budget);
        finding.verify(verifier, root, policy, signatures.now).await
    }

    /// Returns who judges signatures. What is to be said of the root is said once a run: all are judged by
    /// the same.
    async fn verifier(&self, signatures: &Signatures) -> Result<Arc<Verifier>, Failure> {
        let verifier = signatures.trust.verifier().await.map_err(|error| {
            let failure = Failure::new(Stage::Verify, FailureKind::Unverified, &error);
            if !self.engine.told_no_trust.swap(true, Ordering::Relaxed) {
                (signatures.tell)(&failure.message);
            }
            failure
        })?;
        if let Some(warning) = signatures.trust.warning()
            && !self.engine.told_trust.swap(true, Ordering::Relaxed)
        {
            (signatures.tell)(&warning);
            self.warn(warning);
        }
        Ok(verifier)
    }

    /// Finds the digest of one tag.
    async fn pin(&self, place: &Place, tag: &Tag) -> Result<Pin, Failure> {
        let limits = self.options.limits;
        let budget = Budget::new(limits.timeout);
        let store = self.engine.store(place, Access::Pull, &budget);
        let resolve = || async {
            match store.resolve(tag).await {
                Ok(None) => Err(Cause::NoTag { tag: tag.to_string() }).at(Stage::Resolve),
                Ok(Some(root)) => Ok(root),
                Err(cause) => Err(cause).at(Stage::Resolve),
            }
        };
        persist(&budget, limits, Stage::Resolve, |_, _, _| (), resolve).await.result
    }

    /// Finds what is attached to the content of one tag.
    async fn referrers(
        &self,
        place: &Place,
        root: &Pin,
        listing: Option<Listing>,
        side_tags: &SideTags,
    ) -> Result<Vec<Attached>, Failure> {
        let budget = Budget::new(self.options.limits.timeout);
        let store = self.engine.store(place, Access::Pull, &budget);
        self.finding(place, &store, side_tags, &budget).attached(root, listing).await
    }

    fn finding<'f>(
        &'f self,
        place: &'f Place,
        store: &'f Store,
        side_tags: &'f SideTags,
        budget: &'f Arc<Budget>,
    ) -> Finding<'f> {
        let limits = self.options.limits;
        Finding { engine: self.engine, place, store, side_tags, budget, limits }
    }
}

/// What an entry wants of an artifact's tags.
struct Wanted<'w> {
    place: &'w Place,
    referrers: bool,
    policy: Option<Arc<VerifyPolicy>>,
}

/// What one tag comes to.
enum Tagged {
    Planned(Planned),
    /// The entry's planning stops here.
    Unverified(Row),
}

fn failed(id: String, digest: Option<Digest>, failure: Failure) -> Tagged {
    Tagged::Planned(Planned::Settled(settled_row(id, Status::Failed(failure), digest)))
}

fn settled_row(tag: String, status: Status, digest: Option<Digest>) -> Row {
    Row { tag, status, digest, referrers: Vec::new(), verification: None }
}
