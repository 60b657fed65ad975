//! Bringing what is attached: copied by digest after the tag, then named.
//!
//! Names are written last and in their own order, one after the other: two jobs that share some of them
//! never wait for each other, each with a name that the other wants. What was brought before something
//! failed is named all the same: it has its row.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use futures_util::stream::{self, StreamExt};
use mirror_model::{Attached, Job, Seen, Stage, Status};
use mirror_oci::{Digest, Referrer, Tag, TagRef};
use tokio::sync::{OnceCell, SemaphorePermit};

use crate::attempt::{Attempt, Done};
use crate::cause::{Cause, StageError};
use crate::copy::Copying;
use crate::decide::{Decision, decide_attached, row};
use crate::name::Value;
use crate::tree::Tree;

/// Something attached that is at the destination, but for its name.
struct Brought {
    status: Status,
    /// As its manifest says, where that was read.
    artifact_type: Option<String>,
    name: Option<Unnamed>,
}

/// What is left to be done about something that is there.
enum Unnamed {
    /// It is to stand in its subject's fallback tag.
    Listed(Referrer),
    /// Its old tag is to point to it.
    Tagged(Tree),
}

/// A name to be written, and which of what is attached it is of first.
struct Name {
    first: usize,
    what: What,
}

enum What {
    Set(Digest, Vec<Referrer>),
    Value(Tree),
}

/// The right to copy, taken when there is first something to copy.
type Permit<'a> = OnceCell<SemaphorePermit<'a>>;

impl Attempt {
    /// Brings what is attached, and notes its rows; `None` where all is there.
    pub(crate) async fn attached(&self) -> Result<Option<Done>, StageError> {
        let job = self.survey().await?;
        let most = self.copying.most_at_once();
        let permit = Permit::new();
        // By number: over borrowed items, no such stream can be spawned.
        let brought = stream::iter(0..job.referrers.len())
            .map(|index| self.bring(&job.referrers[index], &permit));
        let mut brought = std::pin::pin!(brought.buffered(most));
        let (mut all, mut failure) = (Vec::new(), None);
        while let Some(result) = brought.next().await {
            match result {
                Ok(one) => all.push(one),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let mut rows: Vec<_> = job.referrers.iter().zip(&all).map(row_of).collect();
        let mut done = None;
        for (tag, Name { first, what }) in names(job, all) {
            match self.name(job, &tag, first, what).await {
                Ok(Done::Settled(status)) => {
                    if let Some(row) = rows.get_mut(first).filter(|row| row.name.is_some()) {
                        row.status = status;
                    }
                }
                Ok(other @ (Done::Elsewhere(_) | Done::Dropped)) => {
                    done = Some(other);
                    break;
                }
                // Names come in their own order: an earlier row may fail yet.
                Err(error) if first < rows.len() => {
                    rows.truncate(first);
                    failure = Some(error);
                }
                Err(_later) => {}
            }
        }
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = rows;
        match failure {
            Some(failure) if done.is_none() => Err(failure),
            Some(_) | None => Ok(done),
        }
    }

    /// Returns the job with what the destination has of what is attached; looks only where nobody has.
    async fn survey(&self) -> Result<&Job, StageError> {
        let Copying { engine, job, budget, .. } = &*self.copying;
        let survey = async || {
            if job.referrers.iter().all(|attached| attached.seen != Seen::Unknown) {
                return Ok(None);
            }
            let mut look = job.first_look();
            look.referrers = engine.survey(job, budget).sights().await?;
            let mut job = job.clone();
            job.looked(&look);
            Ok(Some(job))
        };
        let surveyed = self.surveyed.get_or_try_init(survey).await;
        let surveyed = surveyed.map_err(|cause| StageError { stage: Stage::Referrers, cause })?;
        Ok(surveyed.as_ref().unwrap_or(job))
    }

    /// Brings one thing that is attached, if it is to be.
    async fn bring<'a>(
        &'a self,
        attached: &Attached,
        permit: &Permit<'a>,
    ) -> Result<Brought, StageError> {
        let policy = self.copying.job.policy;
        let brought = match (decide_attached(attached, attached.seen, policy), &attached.name) {
            (Decision::Leave(status), None) if !attached.listed && !policy.dry_run => {
                self.unlisted(attached, status).await
            }
            (Decision::Leave(status), _) => Ok(Brought { status, artifact_type: None, name: None }),
            (Decision::Write(status), None) => self.referrer(attached, status, permit).await,
            (Decision::Write(status), Some(_)) => self.old_tag(attached, status, permit).await,
        };
        brought.map_err(|cause| failed(attached, cause))
    }

    /// It is there, and its fallback tag does not say so.
    async fn unlisted(&self, attached: &Attached, status: Status) -> Result<Brought, Cause> {
        let tree = self.read(attached.descriptor.digest).await?;
        let artifact_type = tree.root.descriptor.artifact_type.clone();
        let name = Some(Unnamed::Listed(tree.root.referrer()));
        Ok(Brought { status, artifact_type, name })
    }

    /// Copies what is found by its subject.
    async fn referrer<'a>(
        &'a self,
        attached: &Attached,
        status: Status,
        permit: &Permit<'a>,
    ) -> Result<Brought, Cause> {
        let digest = attached.descriptor.digest;
        let tree = self.read(digest).await?;
        let subject = tree.root.subject.as_ref().map(|subject| subject.digest);
        if subject != Some(attached.subject) {
            return Err(Cause::Stranger { subject: attached.subject });
        }
        let artifact_type = tree.root.descriptor.artifact_type.clone();
        self.permit(permit).await;
        let unlisted = match self.put_tree(attached, &tree).await {
            // What was thought to be there is not: it is sent after all, once.
            Err(cause) if cause.is_missing_content() => {
                self.distrust(&tree);
                let whole = self.read(digest).await?;
                self.put_tree(attached, &whole).await?
            }
            put => put?,
        };
        Ok(Brought { status, artifact_type, name: unlisted.map(Unnamed::Listed) })
    }

    /// Puts a tree that is attached; returns what its fallback tag has to say of it, where the destination
    /// does not list it by itself.
    async fn put_tree(&self, attached: &Attached, tree: &Tree) -> Result<Option<Referrer>, Cause> {
        let Copying { engine, job, destination, budget, .. } = &*self.copying;
        let (place, digest) = (&job.destination.place, attached.descriptor.digest);
        let put = || self.put.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = put().get(&digest) {
            return Ok(done.clone());
        }
        // One at a time: its parts are few and small, and others of the job are beside it.
        self.copying.copy(tree, 1).await?;
        let _arrival = {
            let _waiting = budget.wait();
            engine.known.arrival(place, &digest).await
        };
        let is_listed = if engine.known.has(place, &digest) {
            destination.lists_by_itself(&tree.root).await?
        } else {
            let is_listed = destination.put_referrer(&tree.root, &attached.subject).await?;
            engine.known.add(place, digest);
            self.copying.pushed(&tree.root);
            is_listed
        };
        let unlisted = (!is_listed).then(|| tree.root.referrer());
        put().insert(digest, unlisted.clone());
        Ok(unlisted)
    }

    /// Copies what an old tag is to point to.
    async fn old_tag<'a>(
        &'a self,
        attached: &Attached,
        status: Status,
        permit: &Permit<'a>,
    ) -> Result<Brought, Cause> {
        let tree = self.read(attached.descriptor.digest).await?;
        self.permit(permit).await;
        self.copying.copy(&tree, 1).await?;
        let artifact_type = tree.root.descriptor.artifact_type.clone();
        Ok(Brought { status, artifact_type, name: Some(Unnamed::Tagged(tree)) })
    }

    async fn permit<'a>(&'a self, permit: &Permit<'a>) {
        let Copying { engine, budget, .. } = &*self.copying;
        let acquire = async || {
            let _waiting = budget.wait();
            engine.permits.acquire().await
        };
        // It is closed only with the engine.
        let _ = permit.get_or_try_init(acquire).await;
        self.begin().await;
    }

    /// Writes one name.
    async fn name(
        &self,
        job: &Job,
        tag: &Tag,
        first: usize,
        what: What,
    ) -> Result<Done, StageError> {
        let name = TagRef { place: job.destination.place.clone(), tag: tag.clone() };
        let Some(attached) = job.referrers.get(first) else { return Ok(Done::Dropped) };
        let written = match what {
            What::Set(subject, add) => self.list(&name, &subject, &add).await,
            What::Value(tree) => {
                let value = Value { name: &name, root: &tree.root, is_grown: attached.listed };
                match self.write(&value, attached.seen).await {
                    Err(error) if error.cause.is_missing_content() => {
                        self.distrust(&tree);
                        self.write_whole(attached, &name).await
                    }
                    written => written,
                }
            }
        };
        written.map_err(|error| failed(attached, error.cause))
    }

    /// Writes an old tag once more, after all that it points to was sent.
    async fn write_whole(&self, attached: &Attached, name: &TagRef) -> Result<Done, StageError> {
        let at = |cause| StageError { stage: Stage::Referrers, cause };
        let whole = self.read(attached.descriptor.digest).await.map_err(at)?;
        self.copying.copy(&whole, 1).await.map_err(at)?;
        let value = Value { name, root: &whole.root, is_grown: attached.listed };
        self.write(&value, attached.seen).await
    }
}

fn row_of((attached, brought): (&Attached, &Brought)) -> mirror_model::ReferrerRow {
    let mut row = row(attached, brought.status.clone());
    row.artifact_type = row.artifact_type.or_else(|| brought.artifact_type.clone());
    row
}

/// Sorts out what is to be written under which name, in the names' own order.
fn names(job: &Job, brought: Vec<Brought>) -> BTreeMap<Tag, Name> {
    let mut names: BTreeMap<Tag, Name> = BTreeMap::new();
    for (first, (attached, brought)) in job.referrers.iter().zip(brought).enumerate() {
        match (brought.name, &attached.name) {
            (Some(Unnamed::Listed(referrer)), _) => {
                let set = || Name { first, what: What::Set(attached.subject, Vec::new()) };
                let name = names.entry(attached.subject.fallback_tag()).or_insert_with(set);
                if let What::Set(_, add) = &mut name.what {
                    add.push(referrer);
                }
            }
            (Some(Unnamed::Tagged(tree)), Some(name)) => {
                names.insert(name.clone(), Name { first, what: What::Value(tree) });
            }
            (Some(Unnamed::Tagged(_)) | None, _) => {}
        }
    }
    names
}

/// Names what failed: the row's error is the tag's.
fn failed(attached: &Attached, cause: Cause) -> StageError {
    let what = match &attached.name {
        Some(name) => name.to_string(),
        None => attached.descriptor.digest.to_string(),
    };
    StageError { stage: Stage::Referrers, cause: cause.of_referrer(what) }
}
