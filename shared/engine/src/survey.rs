//! Looking at what a destination has of what is attached to a tag's content.
//!
//! One question for each subject that has something attached at the source, and one for each old tag. A
//! repository that is not there yet is asked nothing.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use mirror_model::{Attached, Job, Seen, Sight, Source};
use mirror_oci::{Content, Digest, Tag, TagRef};
use mirror_registry::Access;
use mirror_transport::Budget;

use crate::Engine;
use crate::attachments::{Lister, Listing};
use crate::cause::Cause;
use crate::place::Store;

/// Questions of one job that are under way at once; the host's window bounds them over all jobs.
const ASKED_AT_ONCE: usize = 16;

/// What is looked at, and from where.
pub(crate) struct Survey<'s> {
    engine: &'s Engine,
    job: &'s Job,
    source: Store,
    destination: Store,
}

impl Engine {
    /// Looks at what the destination of `job` has of what is attached.
    pub(crate) fn survey<'s>(&'s self, job: &'s Job, budget: &Arc<Budget>) -> Survey<'s> {
        let Source::Artifact { place, .. } = &job.source;
        let source = self.store(place, Access::Pull, budget);
        Survey { engine: self, job, source, destination: self.destination(job, budget) }
    }
}

impl Survey<'_> {
    /// Returns what the destination has, in the job's order.
    pub(crate) async fn sights(&self) -> Result<Vec<Sight>, Cause> {
        let Job { referrers, destination, .. } = self.job;
        if self.engine.known.is_fresh(&destination.place) {
            let absent = Sight { seen: Seen::Absent, listed: false };
            return Ok(vec![absent; referrers.len()]);
        }
        let mut subjects: Vec<Digest> = Vec::new();
        for attached in referrers.iter().filter(|attached| attached.name.is_none()) {
            if subjects.last() != Some(&attached.subject) {
                subjects.push(attached.subject);
            }
        }
        let lists = stream::iter(subjects).map(|subject| async move {
            let tag = TagRef { place: destination.place.clone(), tag: subject.fallback_tag() };
            let may_have_tag = !self.engine.looks.is_ruled_out(&tag);
            Ok::<_, Cause>((subject, self.destination.referrers(&subject, may_have_tag).await?))
        });
        let lists: HashMap<Digest, Listing> =
            lists.buffer_unordered(ASKED_AT_ONCE).try_collect().await?;
        // By number: over borrowed items, no such stream can be spawned.
        let sights =
            stream::iter(0..referrers.len()).map(|index| self.sight(&referrers[index], &lists));
        sights.buffered(ASKED_AT_ONCE).try_collect().await
    }

    async fn sight(
        &self,
        attached: &Attached,
        lists: &HashMap<Digest, Listing>,
    ) -> Result<Sight, Cause> {
        if let Some(name) = &attached.name {
            return self.old_tag(attached, name).await;
        }
        let digest = attached.descriptor.digest;
        let (seen, listed) = match lists.get(&attached.subject) {
            Some(listing) if listing.has(&digest) => (Seen::Present(digest), true),
            // Somebody writes this tag, and what he forgot, or lost, may be there all the same.
            Some(Listing { by: Lister::FallbackTag { exists: true }, .. })
                if self.destination.has_manifest(&digest).await? =>
            {
                (Seen::Present(digest), false)
            }
            Some(_) | None => (Seen::Absent, false),
        };
        Ok(Sight { seen, listed })
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
