//! One attempt at a job, stage by stage: read, copy, commit, tag, and then what is attached.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use mirror_model::{Event, Outcome, ReferrerRow, Seen, Sight, Source, Stage, Status};
use mirror_oci::{Digest, Referrer};
use tokio::sync::OnceCell;

use crate::Commits;
use crate::cause::{At, Cause, StageError};
use crate::copy::Copying;
use crate::decide::{Decision, decide};
use crate::name::Value;
use crate::tree::{Reader, Tree};

/// A job under way, across its attempts.
pub(crate) struct Attempt {
    pub(crate) copying: Arc<Copying>,
    pub(crate) commits: Arc<dyn Commits>,
    /// What a later attempt need not do again.
    pub(crate) first: OnceCell<Seen>,
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
        if let Decision::Leave(status) =
            decide(first, first, copying.job.wanted(), copying.job.policy)
        {
            return Ok(Done::Settled(status));
        }
        let wanted = copying.job.wanted();
        let tree = self.tree.get_or_try_init(|| self.read(wanted)).await.at(Stage::Copy)?;
        let _permit = {
            let _waiting = copying.budget.wait();
            copying.engine.permits.acquire().await
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

    /// Returns what the run first saw; where that is not known, what is there now.
    async fn first_look(&self) -> Result<Seen, Cause> {
        let Copying { job, destination, .. } = &*self.copying;
        match job.seen {
            Seen::Unknown => destination.see(&job.destination.tag).await,
            seen @ (Seen::Absent | Seen::Present(_)) => Ok(seen),
        }
    }

    /// Reads all manifests below one: before the permit, since it moves no blobs.
    pub(crate) async fn read(&self, root: Digest) -> Result<Tree, Cause> {
        let Copying { engine, job, source, .. } = &*self.copying;
        let Source::Artifact { place, .. } = &job.source;
        let destination = &job.destination.place;
        Reader { known: &engine.known, source, source_place: place, destination }.read(root).await
    }

    /// Tells, once, that the job begins to copy.
    pub(crate) async fn begin(&self) {
        let Copying { job, observer, .. } = &*self.copying;
        let Source::Artifact { place, .. } = &job.source;
        let tell = async || {
            observer.observe(Event::JobStarted {
                job: job.id,
                source: format!("{place}:{}", job.destination.tag),
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
