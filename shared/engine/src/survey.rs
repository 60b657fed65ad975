//! Looking at what a destination has of what is attached to a tag's content.
//!
//! One question for each subject that has something attached at the source, and one for each old tag. A
//! repository that is not there yet is asked nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mirror_model::{Attached, Job, Seen, Sight, Source};
use mirror_oci::{Content, Digest, Tag, TagRef};
use mirror_registry::Access;
use mirror_transport::Budget;
use tokio::sync::OnceCell;

use crate::Engine;
use crate::attachments::{Lister, Listing};
use crate::cause::Cause;
use crate::place::Store;

/// What is looked at, and from where.
pub(crate) struct Survey<'s> {
    engine: &'s Engine,
    job: &'s Job,
    source: Store,
    destination: Store,
    /// This run may have written there since it found that nothing was there.
    is_anew: bool,
    /// Each asked for once, for all that is attached to its subject.
    lists: Mutex<HashMap<Digest, Arc<OnceCell<Listing>>>>,
}

impl Engine {
    /// Looks at what the destination of `job` has of what is attached; where `is_anew`, by nothing that was
    /// known before.
    pub(crate) fn survey<'s>(
        &'s self,
        job: &'s Job,
        budget: &Arc<Budget>,
        is_anew: bool,
    ) -> Survey<'s> {
        let Source::Artifact { place, .. } = &job.source;
        let source = self.store(place, Access::Pull, budget);
        let destination = self.destination(job, budget);
        Survey { engine: self, job, source, destination, is_anew, lists: Mutex::default() }
    }
}

impl Survey<'_> {
    /// Returns what the destination has of one thing that is attached.
    pub(crate) async fn sight(&self, attached: &Attached) -> Result<Sight, Cause> {
        let place = &self.job.destination.place;
        if !self.is_anew && self.engine.known.is_fresh(place) {
            return Ok(Sight { seen: Seen::Absent, listed: false });
        }
        if let Some(name) = &attached.name {
            return self.old_tag(attached, name).await;
        }
        let (subject, digest) = (attached.subject, attached.descriptor.digest);
        let cell = Arc::clone(self.lists().entry(subject).or_default());
        let list = || async {
            let tag = TagRef { place: place.clone(), tag: subject.fallback_tag() };
            let may_have_tag = self.is_anew || !self.engine.looks.is_ruled_out(&tag);
            self.destination.referrers(&subject, may_have_tag).await
        };
        let listing = cell.get_or_try_init(list).await?;
        let (seen, listed) = match listing.by {
            _ if listing.has(&digest) => (Seen::Present(digest), true),
            // Somebody writes this tag, and what he forgot, or lost, may be there all the same.
            Lister::FallbackTag { exists: true }
                if self.destination.has_manifest(&digest).await? =>
            {
                (Seen::Present(digest), false)
            }
            Lister::FallbackTag { .. } | Lister::Place | Lister::Nobody => (Seen::Absent, false),
        };
        Ok(Sight { seen, listed })
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<Digest, Arc<OnceCell<Listing>>>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at an old tag; where it holds something else, also at whether that is part of the source's.
    async fn old_tag(&self, attached: &Attached, name: &Tag) -> Result<Sight, Cause> {
        let wanted = attached.descriptor.digest;
        let seen = self.destination.see(name).await?;
        let listed = match seen {
            Seen::Present(now) if now != wanted => {
                let wanted = self.source.manifest(wanted).await?;
                self.destination.is_part(now, &wanted).await?
            }
            Seen::Present(_) => true,
            Seen::Absent | Seen::Unknown => false,
        };
        let name = TagRef { place: self.job.destination.place.clone(), tag: name.clone() };
        self.engine.looks.note(&name, false);
        Ok(Sight { seen, listed })
    }
}
