//! One attempt at a job, stage by stage: read, copy, commit, tag, and then what is attached.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use mirror_model::{Event, Outcome, ReferrerRow, Seen, Sight, Stage, Status};
use mirror_oci::{Digest, Referrer};
use tokio::sync::{AcquireError, OnceCell, SemaphorePermit};

use crate::Commits;
use crate::cause::{At, Cause, StageError};
use crate::copy::Copying;
use crate::decide::{Decision, decide_first};
use crate::name::Value;
use crate::place::SeenChart;
use crate::tree::Tree;

/// A job under way, across its attempts.
pub(crate) struct Attempt {
    pub(crate) copying: Arc<Copying>,
    pub(crate) commits: Arc<dyn Commits>,
    /// What a later attempt need not do again.
    pub(crate) first: OnceCell<SeenChart>,
    pub(crate) tree: OnceCell<Tree>,
    pub(crate) started: OnceCell<()>,
    pub(crate) tagged: OnceCell<Status>,
    /// What was seen here of what is attached, by its place in the job: only where nobody had seen it
    /// before.
    pub(crate) sights: Mutex<HashMap<usize, Sight>>,
    /// What was put of what is attached, with what a listing has to say of it where the destination does
    /// not list it by itself.
    pub(crate) put: Mutex<HashMap<Digest, Option<Referrer>>>,
    /// Rows of what is attached, as of the last attempt.
    pub(crate) rows: Mutex<Vec<ReferrerRow>>,
}

/// How an attempt that did not fail ended.
pub(crate) enum Done {
    /// With this row.
    Settled(Status),
    /// Somebody else has done the job: this is what came of it.
    Elsewhere(Box<Outcome>),
    /// The job is not wanted any more.
    Dropped,
}

impl Attempt {
    /// Makes the first attempt at a job.
    pub(crate) fn new(copying: Arc<Copying>, commits: Arc<dyn Commits>) -> Self {
        Self {
            copying,
            commits,
            first: OnceCell::new(),
            tree: OnceCell::new(),
            started: OnceCell::new(),
            tagged: OnceCell::new(),
            sights: Mutex::default(),
            put: Mutex::default(),
            rows: Mutex::default(),
        }
    }

    /// Goes through the stages.
    pub(crate) async fn run(&self) -> Result<Done, StageError> {
        let status = match self.tagged.get() {
            Some(status) => status.clone(),
            None => match self.content().await? {
                Done::Settled(status) => self.tagged.get_or_init(async || status).await.clone(),
                done @ (Done::Elsewhere(_) | Done::Dropped) => return Ok(done),
            },
        };
        if self.copying.job.referrers.is_empty() {
            return Ok(Done::Settled(status));
        }
        Ok(self.attached().await?.unwrap_or(Done::Settled(status)))
    }

    /// Brings the tag's content there and the tag to it, if it is to be.
    async fn content(&self) -> Result<Done, StageError> {
        let copying = &self.copying;
        let first = *self.first.get_or_try_init(|| self.first_look()).await.at(Stage::Compare)?;
        if let Decision::Leave(status) = decide_first(&copying.job, first) {
            return Ok(Done::Settled(status));
        }
        let first = first.manifest;
        let wanted = copying.job.wanted();
        let read = self.tree.get_or_try_init(|| self.read(wanted));
        let (tree, _permit) = if copying.source.is_read_whole() {
            let permit = self.turn().await;
            (read.await.at(Stage::Copy)?, permit)
        } else {
            let tree = read.await.at(Stage::Copy)?;
            (tree, self.turn().await)
        };
        self.begin().await;
        match self.settle(tree, first).await {
            // What was thought to be there is not: it is sent after all, once.
            Err(error) if error.cause.is_missing_content() => {
                self.distrust(tree);
                // Also what was left out because it was known to be there.
                let whole = self.read(wanted).await.at(Stage::Copy)?;
                self.settle(&whole, first).await
            }
            settled => settled,
        }
    }

    /// Waits for the right to copy a tag.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        let Copying { engine, budget, .. } = &*self.copying;
        let _waiting = budget.wait();
        engine.permits.acquire().await
    }

    /// Returns what the run first saw; where that is not known, what is there now.
    async fn first_look(&self) -> Result<SeenChart, Cause> {
        let Copying { job, destination, .. } = &*self.copying;
        match job.seen {
            Seen::Unknown => destination.see_for(job).await,
            // Where the chart there was the same, looking has settled the job.
            manifest @ (Seen::Absent | Seen::Present(_)) => Ok(SeenChart { manifest, layer: None }),
        }
    }

    /// Reads all manifests below one: before the permit where that moves no blobs.
    pub(crate) async fn read(&self, root: Digest) -> Result<Tree, Cause> {
        let Copying { engine, job, source, .. } = &*self.copying;
        source.read(engine, root, &job.destination.place).await
    }

    /// Tells, once, that the job begins to copy.
    pub(crate) async fn begin(&self) {
        let Copying { job, observer, .. } = &*self.copying;
        let tell = async || {
            observer.observe(Event::JobStarted {
                job: job.id,
                source: job.source_name(),
                destination: job.destination.to_string(),
            });
        };
        self.started.get_or_init(tell).await;
    }

    /// The destination lacks what it was thought to have.
    pub(crate) fn distrust(&self, tree: &Tree) {
        let Copying { engine, job, .. } = &*self.copying;
        engine.known.forget(&job.destination.place);
        engine.known.distrust(&job.destination.place, tree.digests());
    }

    /// Brings the content there, and then the tag to it, if it is to be.
    async fn settle(&self, tree: &Tree, seen: Seen) -> Result<Done, StageError> {
        let Copying { job, .. } = &*self.copying;
        self.copying.tell_size(tree);
        self.copying.copy(tree, self.copying.most_at_once()).await.at(Stage::Copy)?;
        self.write(&Value { name: &job.destination, root: &tree.root, is_grown: false }, seen).await
    }
}
