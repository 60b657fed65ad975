//! Finding what is attached to a tag's content, at the source.
//!
//! The closure: what is attached to the content, to an index's children, to what is attached, and
//! cosign's older tags of all these. Breadth first, which is the order of rows; each thing once, where it
//! is found first.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, StreamExt};
use mirror_model::{Attached, Failure, Limits, MAX_ATTACHED, Pin, Seen, Stage};
use mirror_oci::{Content, Descriptor, Digest, Manifest, MediaType, Place, Referrer};
use mirror_transport::Budget;
use mirror_verify::{MAX_CANDIDATES, may_be_bundle};

use crate::Engine;
use crate::attachments::{Lister, Listing, SideTags};
use crate::cause::{At, Cause, StageError};
use crate::known::ArtifactType;
use crate::persist::persist;
use crate::place::Store;

/// How deep what is attached may be attached to something attached: a signature over an attestation of
/// an image is two deep. Deeper is an attack on whoever follows it.
const MAX_DEPTH: usize = 3;
/// Subjects of a tag that are asked about side by side; the host's window bounds them over all tags.
const ASKED_AT_ONCE: usize = 16;

/// A source that is asked what is attached to a tag's content.
pub(crate) struct Finding<'f> {
    pub(crate) engine: &'f Engine,
    pub(crate) place: &'f Place,
    pub(crate) store: &'f Store,
    pub(crate) side_tags: &'f SideTags,
    pub(crate) budget: &'f Arc<Budget>,
    pub(crate) limits: Limits,
}

/// What was read of a manifest that a fallback tag lists.
struct Read {
    /// The artifact type that it has itself, where it was there.
    artifact_type: Option<ArtifactType>,
    /// It, where it is to be read again.
    manifest: Option<Manifest>,
}

impl Finding<'_> {
    /// Lists what is attached to one subject, with the artifact types that it really has.
    pub(crate) async fn list(&self, subject: Digest, stage: Stage) -> Result<Listing, Failure> {
        let may_have_tag = self.side_tags.has(&subject.fallback_tag());
        let list = || self.store.referrers(&subject, may_have_tag);
        let mut listing = self.step(stage, list).await?;
        if stage != Stage::Verify {
            // Nobody wants them any more, and there may be many.
            listing.referrers.iter_mut().for_each(|referrer| referrer.annotations.clear());
        }
        // A fallback tag is written by whoever attaches something, and GHCR's is known to be wrong.
        if matches!(listing.by, Lister::FallbackTag { .. }) {
            let digests = listing.referrers.iter().map(|referrer| referrer.descriptor.digest);
            let reads: Vec<_> = digests.map(|digest| self.own_type(digest, stage)).collect();
            let mut reads = std::pin::pin!(stream::iter(reads).buffered(ASKED_AT_ONCE).enumerate());
            while let Some((index, read)) = reads.next().await {
                let Read { artifact_type, manifest } = read?;
                if let (Some(ArtifactType(own)), Some(listed)) =
                    (artifact_type, listing.referrers.get_mut(index))
                {
                    listed.descriptor.artifact_type = own;
                }
                listing.read.extend(manifest.filter(|_| listing.read.len() < MAX_CANDIDATES));
            }
        }
        Ok(listing)
    }

    /// Finds all that is attached to `root`, to which `listing` is attached.
    pub(crate) async fn attached(
        &self,
        root: &Pin,
        listing: Option<Listing>,
    ) -> Result<Vec<Attached>, Failure> {
        let mut subjects = vec![root.digest];
        subjects.extend(self.children(root).await?);
        let mut asked: HashSet<Digest> = subjects.iter().copied().collect();
        let (mut seen, mut attached) = (HashSet::from([root.digest]), Vec::new());
        let (mut known, mut level) = (listing, subjects.clone());
        for depth in 0.. {
            let lists = stream::iter(level).map(|subject| {
                let known = if subject == root.digest { known.take() } else { None };
                async move {
                    match known {
                        Some(listing) => Ok((subject, listing)),
                        None => Ok((subject, self.list(subject, Stage::Referrers).await?)),
                    }
                }
            });
            let mut lists = std::pin::pin!(lists.buffered(ASKED_AT_ONCE));
            let mut next = Vec::new();
            while let Some(listed) = lists.next().await {
                let (subject, listing): (Digest, Listing) = listed?;
                for Referrer { descriptor, .. } in listing.referrers {
                    if !seen.insert(descriptor.digest) {
                        continue;
                    }
                    if depth >= MAX_DEPTH {
                        return Err(too_many(root, MAX_DEPTH, "levels of referrers"));
                    }
                    if attached.len() >= MAX_ATTACHED {
                        return Err(too_many(root, MAX_ATTACHED, "referrers"));
                    }
                    // A child of the index may be attached to another: it was asked about before.
                    if asked.insert(descriptor.digest) {
                        next.push(descriptor.digest);
                    }
                    attached.push(by_subject(subject, descriptor));
                }
            }
            if next.is_empty() {
                break;
            }
            subjects.extend(&next);
            level = next;
        }
        let old = self.old_tags(subjects).await?;
        if attached.len() + old.len() > MAX_ATTACHED {
            return Err(too_many(root, MAX_ATTACHED, "referrers"));
        }
        attached.extend(old);
        Ok(attached)
    }

    /// Returns the manifests that an index refers to; of an image, nothing is asked.
    async fn children(&self, root: &Pin) -> Result<Vec<Digest>, Failure> {
        if root.media_type.as_ref().is_some_and(|media_type| !media_type.is_index()) {
            return Ok(Vec::new());
        }
        self.step(Stage::Referrers, || async {
            let cell = self.engine.known.manifest(self.place, root.digest);
            let read = || async { self.manifest(root.digest).await.map(Arc::new) };
            let manifest = cell.get_or_try_init(read).await?;
            let children = manifest.children.iter().map(|child| child.digest);
            Ok(children.filter(|child| *child != root.digest).collect())
        })
        .await
    }

    /// Finds cosign's older tags of all `subjects`, as far as the source's list has them.
    async fn old_tags(&self, subjects: Vec<Digest>) -> Result<Vec<Attached>, Failure> {
        let mut names = Vec::new();
        for subject in subjects {
            let tags = subject.cosign_tags().into_iter();
            names.extend(tags.filter(|tag| self.side_tags.has(tag)).map(|tag| (subject, tag)));
        }
        let found = stream::iter(names).map(|(subject, name)| async move {
            let pin = self.step(Stage::Referrers, || self.store.resolve(&name)).await?;
            // It was in the list a moment ago, and is gone.
            let Some(Pin { digest, media_type }) = pin else { return Ok(None) };
            let media_type = media_type.unwrap_or_else(MediaType::octet_stream);
            let descriptor = Descriptor { media_type, digest, size: 0, artifact_type: None };
            Ok(Some(Attached { name: Some(name), ..by_subject(subject, descriptor) }))
        });
        let found: Vec<Result<Option<Attached>, Failure>> =
            found.buffered(ASKED_AT_ONCE).collect().await;
        found.into_iter().filter_map(Result::transpose).collect()
    }

    /// Finds the artifact type that a manifest has itself, read once in a run; of one that is not there,
    /// its listing is all there is.
    async fn own_type(&self, digest: Digest, stage: Stage) -> Result<Read, Failure> {
        let cell = self.engine.known.artifact_type(self.place, digest);
        let read = Mutex::new(None);
        let own = cell.get_or_try_init(|| async {
            let Some(manifest) = self.if_there(digest, stage).await? else { return Ok(None) };
            let own = ArtifactType(manifest.descriptor.artifact_type.clone());
            *read.lock().unwrap_or_else(PoisonError::into_inner) = Some(manifest);
            Ok::<_, Failure>(Some(own))
        });
        let own = own.await?.clone();
        let read = read.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Its evidence is read next.
        let manifest = read.filter(|manifest| {
            let own = manifest.descriptor.artifact_type.as_deref();
            stage == Stage::Verify && may_be_bundle(own, &manifest.annotations())
        });
        Ok(Read { artifact_type: own, manifest })
    }

    /// Reads a manifest that may not be there.
    async fn if_there(&self, digest: Digest, stage: Stage) -> Result<Option<Manifest>, Failure> {
        self.step(stage, || async {
            match self.manifest(digest).await {
                Ok(manifest) => Ok(Some(manifest)),
                Err(cause) if cause.is_missing() => Ok(None),
                Err(cause) => Err(cause.of_referrer(digest.to_string())),
            }
        })
        .await
    }

    async fn manifest(&self, digest: Digest) -> Result<Manifest, Cause> {
        Content::manifest(self.store, digest).await
    }

    /// Tries one question until it is answered, or cannot be.
    pub(crate) async fn step<T, F>(&self, stage: Stage, ask: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Cause>>,
    {
        let work = || async { ask().await.at(stage) };
        persist(self.budget, self.limits, stage, |_, _, _| (), work).await.result
    }
}

fn too_many(root: &Pin, most: usize, what: &'static str) -> Failure {
    let cause = Cause::Attachments { root: root.digest, most, what };
    StageError { stage: Stage::Referrers, cause }.failure()
}

fn by_subject(subject: Digest, descriptor: Descriptor) -> Attached {
    Attached { subject, descriptor, name: None, listed: false, seen: Seen::Unknown }
}
