//! Bringing what is attached: copied by digest after the tag, then named.
//!
//! Names are written last and in their own order, one after the other: two jobs that share some of them
//! never wait for each other, each with a name that the other wants. What was brought before something
//! failed is named all the same: it has its row.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::PoisonError;

use futures_util::stream::{self, StreamExt};
use mirror_model::{Attached, Job, ReferrerRow, Seen, Sight, Stage, Status};
use mirror_oci::{Digest, Referrer, Tag, TagRef};
use tokio::sync::{OnceCell, SemaphorePermit};

use crate::attempt::{Attempt, Done};
use crate::cause::{Cause, StageError};
use crate::copy::Copying;
use crate::decide::{Decision, decide_attached, row};
use crate::name::Value;
use crate::survey::Survey;
use crate::tree::Tree;

/// Something attached that is at the destination, but for its name.
struct Brought {
    sight: Sight,
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
    Value(Tree, Sight),
}

/// The right to copy, taken when there is first something to copy.
type Permit<'a> = OnceCell<SemaphorePermit<'a>>;

impl Attempt {
    /// Brings what is attached, and notes its rows; `None` where all is there.
    pub(crate) async fn attached(&self) -> Result<Option<Done>, StageError> {
        let job = &self.copying.job;
        let (all, mut failure) = self.bring_all().await;
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

    /// Brings what is attached, in its order, up to the first that fails. What was under way beside that
    /// one ends with this: nothing of it is held while names are written.
    async fn bring_all(&self) -> (Vec<Brought>, Option<StageError>) {
        let Copying { engine, job, budget, .. } = &*self.copying;
        let survey = engine.survey(job, budget, true);
        let permit = Permit::new();
        // By number: over borrowed items, no such stream can be spawned.
        let brought = stream::iter(0..job.referrers.len())
            .map(|index| self.bring(index, &survey, &permit))
            .buffered(self.copying.most_at_once());
        let (mut brought, mut all) = (pin!(brought), Vec::new());
        while let Some(result) = brought.next().await {
            match result {
                Ok(one) => all.push(one),
                Err(error) => return (all, Some(error)),
            }
        }
        (all, None)
    }

    /// Brings one thing that is attached, if it is to be.
    async fn bring<'a>(
        &'a self,
        index: usize,
        survey: &Survey<'_>,
        permit: &Permit<'a>,
    ) -> Result<Brought, StageError> {
        let attached = &self.copying.job.referrers[index];
        let brought = async {
            let sight = self.sight(index, attached, survey).await?;
            let attached = Attached { seen: sight.seen, listed: sight.listed, ..attached.clone() };
            let policy = self.copying.job.policy;
            let brought = match (decide_attached(&attached, sight.seen, policy), &attached.name) {
                (Decision::Leave(status), None) if !attached.listed => {
                    self.unlisted(&attached, status).await?
                }
                (Decision::Leave(status), _) => {
                    Brought { sight, status, artifact_type: None, name: None }
                }
                (Decision::Write(status), None) => self.referrer(&attached, status, permit).await?,
                (Decision::Write(status), Some(_)) => {
                    self.old_tag(&attached, status, permit).await?
                }
            };
            Ok(brought)
        };
        brought.await.map_err(|cause| failed(attached, cause))
    }

    /// Returns what the run first saw of it; where that is not known, what is there now.
    async fn sight(
        &self,
        index: usize,
        attached: &Attached,
        survey: &Survey<'_>,
    ) -> Result<Sight, Cause> {
        let Attached { seen, listed, .. } = *attached;
        if seen != Seen::Unknown {
            return Ok(Sight { seen, listed });
        }
        let known = || self.sights.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(&index).copied();
        if let Some(sight) = found {
            return Ok(sight);
        }
        let sight = survey.sight(attached).await?;
        known().insert(index, sight);
        Ok(sight)
    }

    /// It is there, and its fallback tag does not say so.
    async fn unlisted(&self, attached: &Attached, status: Status) -> Result<Brought, Cause> {
        let tree = self.tree_of(attached).await?;
        self.begin().await;
        let name = Some(Unnamed::Listed(tree.root.referrer()));
        Ok(brought(attached, status, &tree, name))
    }

    /// Copies what is found by its subject.
    async fn referrer<'a>(
        &'a self,
        attached: &Attached,
        status: Status,
        permit: &Permit<'a>,
    ) -> Result<Brought, Cause> {
        let tree = self.tree_of(attached).await?;
        self.permit(permit).await;
        let unlisted = match self.put_tree(attached, &tree).await {
            // What was thought to be there is not: it is sent after all, once.
            Err(cause) if cause.is_missing_content() => {
                self.distrust(&tree);
                let whole = self.read(attached.descriptor.digest).await?;
                self.put_tree(attached, &whole).await?
            }
            put => put?,
        };
        Ok(brought(attached, status, &tree, unlisted.map(Unnamed::Listed)))
    }

    /// Reads what is found by its subject: it has to be attached to that, whatever a list says.
    async fn tree_of(&self, attached: &Attached) -> Result<Tree, Cause> {
        let tree = self.read(attached.descriptor.digest).await?;
        match &tree.root.subject {
            Some(subject) if subject.digest == attached.subject => Ok(tree),
            Some(_) | None => Err(Cause::Stranger { subject: attached.subject }),
        }
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
            destination.lists_by_itself(&tree.root, &attached.subject).await?
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
        let brought = brought(attached, status, &tree, None);
        Ok(Brought { name: Some(Unnamed::Tagged(tree)), ..brought })
    }

    async fn permit<'a>(&'a self, permit: &Permit<'a>) {
        // It is closed only with the engine.
        let _ = permit.get_or_try_init(|| self.turn()).await;
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
            What::Value(tree, Sight { seen, listed }) => {
                let value = Value { name: &name, root: &tree.root, is_grown: listed };
                match self.write(&value, seen).await {
                    Err(error) if error.cause.is_missing_content() => {
                        self.distrust(&tree);
                        match self.whole(attached).await {
                            Ok(whole) => {
                                let value = Value { root: &whole.root, ..value };
                                self.write(&value, seen).await
                            }
                            Err(cause) => Err(StageError { stage: Stage::Referrers, cause }),
                        }
                    }
                    written => written,
                }
            }
        };
        written.map_err(|error| failed(attached, error.cause))
    }

    /// Sends all that an old tag is to point to, whatever is known to be there.
    async fn whole(&self, attached: &Attached) -> Result<Tree, Cause> {
        let whole = self.read(attached.descriptor.digest).await?;
        self.copying.copy(&whole, 1).await?;
        Ok(whole)
    }
}

/// Something attached that is there, whose manifests were read.
fn brought(attached: &Attached, status: Status, tree: &Tree, name: Option<Unnamed>) -> Brought {
    let sight = Sight { seen: attached.seen, listed: attached.listed };
    let artifact_type = tree.root.descriptor.artifact_type.clone();
    Brought { sight, status, artifact_type, name }
}

fn row_of((attached, brought): (&Attached, &Brought)) -> ReferrerRow {
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
                let what = What::Value(tree, brought.sight);
                names.insert(name.clone(), Name { first, what });
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
