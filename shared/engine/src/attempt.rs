//! One attempt at a job, stage by stage: read, copy, commit, tag.

use std::sync::Arc;

use mirror_model::{Event, Outcome, Seen, SkipReason, Source, Stage, Status};
use mirror_registry::RegistryError;
use mirror_transport::{TransportError, Validity};
use tokio::sync::OnceCell;

use crate::cause::{At, Cause, StageError};
use crate::copy::Copying;
use crate::decide::{Decision, decide};
use crate::tree::{Reader, Tree};
use crate::{Commits, Verdict};

/// A permission that is over before it could be used is asked for anew so often; then the attempt has
/// failed.
const MOST_ASKS: usize = 8;

/// A job under way, across its attempts.
pub(crate) struct Attempt {
    pub(crate) copying: Arc<Copying>,
    pub(crate) commits: Arc<dyn Commits>,
    /// What a later attempt need not do again.
    pub(crate) first: OnceCell<Seen>,
    pub(crate) tree: OnceCell<Tree>,
    pub(crate) started: OnceCell<()>,
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
    /// Goes through the stages.
    pub(crate) async fn run(&self) -> Result<Done, StageError> {
        let copying = &self.copying;
        let first = *self.first.get_or_try_init(|| self.first_look()).await.at(Stage::Compare)?;
        if let Decision::Leave(status) =
            decide(first, first, copying.job.wanted(), copying.job.policy)
        {
            return Ok(Done::Settled(status));
        }
        let tree = self.tree.get_or_try_init(|| self.read()).await.at(Stage::Copy)?;
        let _permit = {
            let _waiting = copying.budget.wait();
            copying.engine.permits.acquire().await
        };
        self.started.get_or_init(|| async { self.tell_started() }).await;
        match self.settle(tree, first).await {
            // What was thought to be there is not: it is sent after all, once.
            Err(StageError { cause: Cause::Registry(error), .. }) if error.is_missing_content() => {
                let place = &copying.job.destination.place;
                copying.engine.known.forget(place);
                copying.engine.known.distrust(place, tree.digests());
                // Also what was left out because it was known to be there.
                let whole = self.read().await.at(Stage::Copy)?;
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

    /// Reads all manifests: before the permit, since it moves no blobs.
    async fn read(&self) -> Result<Tree, Cause> {
        let Copying { engine, job, source, .. } = &*self.copying;
        let Source::Artifact { place, root } = &job.source;
        let destination = &job.destination.place;
        Reader { known: &engine.known, source, source_place: place, destination }
            .read(root.digest)
            .await
    }

    fn tell_started(&self) {
        let Copying { job, observer, .. } = &*self.copying;
        let Source::Artifact { place, .. } = &job.source;
        observer.observe(Event::JobStarted {
            job: job.id,
            source: format!("{place}:{}", job.destination.tag),
            destination: job.destination.to_string(),
        });
    }

    /// Brings the content there, and then the tag to it, if it is to be.
    async fn settle(&self, tree: &Tree, seen: Seen) -> Result<Done, StageError> {
        self.copying.copy(tree).await.at(Stage::Copy)?;
        let Copying { job, budget, .. } = &*self.copying;
        for _ in 0..MOST_ASKS {
            let verdict = {
                let _waiting = budget.wait();
                self.commits.commit(&job.destination, seen).await
            };
            match verdict {
                Verdict::Go { seen, look, validity } => {
                    if let Some(done) = self.tag(tree, seen, look, validity).await? {
                        return Ok(done);
                    }
                }
                Verdict::Superseded => return Ok(Done::Settled(Status::Drifted)),
                Verdict::Done(outcome) => return Ok(Done::Elsewhere(outcome)),
                Verdict::Drop => return Ok(Done::Dropped),
            }
        }
        Err(Cause::Late).at(Stage::Tag)
    }

    /// Writes the tag, after a look where one is due; `None` where the permission ended before.
    async fn tag(
        &self,
        tree: &Tree,
        first: Seen,
        look: bool,
        validity: Option<Validity>,
    ) -> Result<Option<Done>, StageError> {
        let Copying { job, destination, engine, .. } = &*self.copying;
        let name = &job.destination;
        let now = if look { destination.see(&name.tag).await.at(Stage::Compare)? } else { first };
        let status = match decide(first, now, job.wanted(), job.policy) {
            Decision::Leave(status) => return Ok(Some(Done::Settled(status))),
            Decision::Write(status) => status,
        };
        if validity.is_some_and(|validity| validity.remaining().is_zero()) {
            return Ok(None);
        }
        match destination.set_tag(&name.tag, &tree.root, validity).await {
            Ok(()) => {
                engine.known.add(&name.place, tree.root.descriptor.digest);
                self.copying.pushed(&tree.root);
                Ok(Some(Done::Settled(status)))
            }
            Err(Cause::Registry(RegistryError::Transport(TransportError::Expired { .. }))) => {
                Ok(None)
            }
            Err(Cause::Registry(error)) if error.is_immutable_tag() => {
                self.immutable(first, error.into()).await.map(Some)
            }
            Err(cause) => Err(cause).at(Stage::Tag),
        }
    }

    /// The registry says that the tag is immutable: whatever stands there decides, and it is not tried
    /// again.
    async fn immutable(&self, first: Seen, cause: Cause) -> Result<Done, StageError> {
        let Copying { job, destination, .. } = &*self.copying;
        let wanted = job.wanted();
        let now = destination.see(&job.destination.tag).await.at(Stage::Compare)?;
        match (now, decide(first, now, wanted, job.policy)) {
            (Seen::Present(present), Decision::Leave(status)) if present == wanted => {
                Ok(Done::Settled(status))
            }
            (Seen::Present(present), Decision::Write(_)) if present == wanted => {
                Ok(Done::Settled(Status::Skipped(SkipReason::UpToDate)))
            }
            (Seen::Present(_), _) if !job.policy.overwrite => Ok(Done::Settled(Status::Drifted)),
            (Seen::Present(_), _) => {
                Err(Cause::Immutable { source: Box::new(cause) }).at(Stage::Tag)
            }
            // Nothing stands there: it was refused for another reason.
            (Seen::Absent | Seen::Unknown, _) => Err(cause).at(Stage::Tag),
        }
    }
}
