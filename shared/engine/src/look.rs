//! Looking: what a destination holds, with as few questions as can be.
//!
//! The first look at a repository goes alone. Once it has said that a tag is missing, one page of its
//! tag list says of others too; a list counts as whole only where it certainly is, and a tag that is
//! missing by a list alone is asked for again before it is written.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use mirror_model::{Failure, FirstLook, Job, Outcome, Seen, Sight, Stage};
use mirror_oci::{Place, Tag, TagRef};
use mirror_registry::{Access, TagPage};
use mirror_transport::Budget;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Engine;
use crate::cause::{At, Cause};
use crate::decide::{Decision, decide, settle};
use crate::persist::persist;
use crate::place::Store;

/// For this long a look is good enough to write by.
const FRESH: Duration = Duration::from_secs(30);

/// Questions about what is attached to one tag that are under way at once; the host's window bounds them
/// over all tags.
const ATTACHED: usize = 16;

/// What looking has found out about destinations.
#[derive(Default)]
pub(crate) struct Looks {
    repositories: Mutex<HashMap<Place, Arc<tokio::sync::Mutex<Shelf>>>>,
    notes: Mutex<HashMap<TagRef, Note>>,
}

/// What is known of one repository's tags.
#[derive(Default)]
enum Shelf {
    /// Nobody has looked.
    #[default]
    Unseen,
    /// It is there, or it does not answer; nothing has been missing so far.
    Present,
    /// Something was missing, and it was listed: these tags may be there, others only if the list is
    /// not whole.
    Listed(Arc<Listing>),
}

struct Listing {
    tags: HashSet<Tag>,
    is_whole: bool,
    is_unknown: bool,
}

/// How and when a tag was looked at.
#[derive(Clone, Copy)]
struct Note {
    at: Instant,
    /// Only a list said that it is missing.
    is_hearsay: bool,
}

impl Looks {
    /// Returns whether a look at `name` is too old, or too uncertain, to write by.
    pub(crate) fn is_stale(&self, name: &TagRef) -> bool {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.get(name).is_none_or(|note| note.is_hearsay || note.at.elapsed() >= FRESH)
    }

    /// Returns whether a list proved that `name` is not there, as far as is known.
    pub(crate) fn is_ruled_out(&self, name: &TagRef) -> bool {
        let known = self.shelf(&name.place);
        // Whoever holds it is just about to find out.
        known.try_lock().is_ok_and(|held| match &*held {
            Shelf::Listed(listing) => listing.is_whole && !listing.tags.contains(&name.tag),
            Shelf::Unseen | Shelf::Present => false,
        })
    }

    fn has_seen(&self, name: &TagRef) -> bool {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).contains_key(name)
    }

    pub(crate) fn note(&self, name: &TagRef, is_hearsay: bool) {
        let note = Note { at: Instant::now(), is_hearsay };
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), note);
    }

    fn shelf(&self, place: &Place) -> Arc<tokio::sync::Mutex<Shelf>> {
        let mut shelves = self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shelves.entry(place.clone()).or_default())
    }
}

/// What one look found.
struct Glance {
    seen: Seen,
    is_hearsay: bool,
}

impl Glance {
    fn at(seen: Seen) -> Self {
        Self { seen, is_hearsay: false }
    }
}

/// What looking at a job's destination comes to.
#[derive(Clone, Debug)]
pub enum Looked {
    /// There is nothing to copy: this is the job's outcome.
    Settled(Box<Job>, Box<Outcome>),
    /// What the destination holds is not known.
    Failed(Job, Failure),
    /// It has to be dispatched, and knows what was seen.
    Due(Job),
}

impl Engine {
    /// Looks at what the destination of a job holds, and settles the job where that settles it.
    ///
    /// A refusal is a failure, never "absent". What can pass is tried again within the job's limits. What
    /// cannot be seen of what is attached is looked at again by whoever executes the job: all else need
    /// not wait for it.
    pub async fn look(&self, job: Job, cancel: &CancellationToken) -> Looked {
        self.looked(job, false, cancel).await
    }

    /// Looks as [`Engine::look`] does, where this run may have written since it first looked around.
    pub async fn look_again(&self, job: Job, cancel: &CancellationToken) -> Looked {
        self.looked(job, true, cancel).await
    }

    async fn looked(&self, mut job: Job, is_anew: bool, cancel: &CancellationToken) -> Looked {
        let look = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Failure::cancelled()),
            look = self.first_look(&job, is_anew) => look,
        };
        match look {
            Err(failure) => Looked::Failed(job, failure),
            Ok(look) => {
                job.looked(&look);
                match settle(&job) {
                    Some(outcome) => Looked::Settled(Box::new(job), Box::new(outcome)),
                    None => Looked::Due(job),
                }
            }
        }
    }

    async fn first_look(&self, job: &Job, is_anew: bool) -> Result<FirstLook, Failure> {
        let seen = self.seen(job).await?;
        let budget = Budget::new(job.limits.timeout);
        let survey = self.survey(job, &budget, is_anew);
        // By number: over borrowed items, no such stream can be spawned.
        let sights = stream::iter(0..job.referrers.len()).map(|index| {
            let (survey, budget) = (&survey, &budget);
            async move {
                let look =
                    || async { survey.sight(&job.referrers[index]).await.at(Stage::Referrers) };
                persist(budget, job.limits, Stage::Referrers, |_, _, _| (), look).await.result
            }
        });
        let (mut sights, mut referrers) = (pin!(sights.buffered(ATTACHED)), Vec::new());
        while let Some(sight) = sights.next().await {
            match sight {
                Ok(sight) => referrers.push(sight),
                // Nobody looks again.
                Err(failure) if job.policy.dry_run => return Err(failure),
                Err(_looked_at_again) => referrers.push(Sight::UNKNOWN),
            }
        }
        Ok(FirstLook { seen, referrers })
    }

    async fn seen(&self, job: &Job) -> Result<Seen, Failure> {
        let budget = Budget::new(job.limits.timeout);
        let store = self.destination(job, &budget);
        let look =
            || async { self.glance(&store, &job.destination, &budget).await.at(Stage::Compare) };
        let looked =
            persist(&budget, job.limits, Stage::Compare, |_, _, _| (), look).await.result?;
        // Only what may be written is worth remembering.
        let Glance { seen, is_hearsay } = looked;
        if matches!(decide(seen, seen, job.wanted(), job.policy), Decision::Write(_)) {
            self.looks.note(&job.destination, is_hearsay);
        }
        Ok(seen)
    }

    /// Opens the destination of a job that is looked at.
    pub(crate) fn destination(&self, job: &Job, budget: &Arc<Budget>) -> Store {
        let access = if job.policy.dry_run { Access::Pull } else { Access::Push };
        self.store(&job.destination.place, access, budget)
    }

    async fn glance(
        &self,
        store: &Store,
        name: &TagRef,
        budget: &Arc<Budget>,
    ) -> Result<Glance, Cause> {
        let known = self.looks.shelf(&name.place);
        let mut held = {
            let _waiting = budget.wait();
            Arc::clone(&known).lock_owned().await
        };
        let listing = match &*held {
            Shelf::Unseen => {
                let seen = match store.see(&name.tag).await {
                    Ok(seen) => seen,
                    Err(cause) => {
                        // Who gives no answer is not waited for by one look after the other.
                        if cause.is_silence() {
                            *held = Shelf::Present;
                        }
                        return Err(cause);
                    }
                };
                *held = match seen {
                    Seen::Absent => self.list(store, &name.place).await,
                    Seen::Present(_) | Seen::Unknown => Shelf::Present,
                };
                return Ok(Glance::at(seen));
            }
            Shelf::Present => None,
            Shelf::Listed(listing) => Some(Arc::clone(listing)),
        };
        drop(held);
        // Of a tag that was looked at before, the list is too old: this run may have written it.
        if let Some(listing) = &listing
            && listing.is_whole
            && !listing.tags.contains(&name.tag)
            && !self.looks.has_seen(name)
        {
            return Ok(Glance { seen: Seen::Absent, is_hearsay: !listing.is_unknown });
        }
        let seen = store.see(&name.tag).await?;
        if seen == Seen::Absent && listing.is_none() {
            let mut held = {
                let _waiting = budget.wait();
                known.lock().await
            };
            if matches!(*held, Shelf::Present) {
                *held = self.list(store, &name.place).await;
            }
        }
        Ok(Glance::at(seen))
    }

    /// Lists a repository in which something was missing. Where that is refused, each tag is asked for.
    async fn list(&self, store: &Store, place: &Place) -> Shelf {
        let listing = match store.first_tags().await {
            Ok(Some(TagPage { tags, is_whole, is_unknown })) => {
                if is_unknown {
                    self.known.add_fresh(place);
                }
                Listing { tags: tags.into_iter().collect(), is_whole, is_unknown }
            }
            Ok(None) | Err(_) => {
                Listing { tags: HashSet::new(), is_whole: false, is_unknown: false }
            }
        };
        Shelf::Listed(Arc::new(listing))
    }
}
