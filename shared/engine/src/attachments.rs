//! What is attached to content, at either kind of place: listed, put, and known by its old tags.

use std::collections::HashSet;

use mirror_oci::{Content, Digest, Manifest, Reference, Referrer, ReferrerIndex, Tag};
use mirror_registry::{Fallback, FallbackWritten, Listed, RegistryError};
use mirror_transport::{TransportError, Validity};

use crate::cause::Cause;
use crate::place::Store;

/// What a place lists for a subject.
#[derive(Debug)]
pub(crate) struct Listing {
    /// In the place's own order.
    pub(crate) referrers: Vec<Referrer>,
    /// Who says so.
    pub(crate) by: Lister,
    /// Manifests of these that had to be read, and will be wanted again: a few.
    pub(crate) read: Vec<Manifest>,
}

/// Who lists what is attached to a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lister {
    /// The place itself: whatever is put there is listed.
    Place,
    /// The subject's fallback tag, which whoever attaches something has to write.
    FallbackTag {
        /// There is one.
        exists: bool,
    },
    /// Nobody: there is no such repository yet.
    Nobody,
}

impl Listing {
    /// Returns whether `digest` is listed.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.referrers.iter().any(|referrer| referrer.descriptor.digest == *digest)
    }
}

/// What became of adding to a fallback tag.
#[derive(Debug)]
pub(crate) enum SetWritten {
    /// It had all of it.
    Whole,
    /// It was written. Whether it stays is known when it was read back.
    Written,
    /// Somebody else wrote it in between, and this is what the registry said.
    Overtaken(Box<RegistryError>),
    /// The permission to write it was over before it could be used.
    Late,
}

/// The tags of a repository that hold what is attached to its content, as its whole list has them: no
/// other is asked for.
#[derive(Debug, Default)]
pub(crate) struct SideTags(HashSet<Tag>);

impl SideTags {
    /// Finds them in a whole list of tags.
    pub(crate) fn of(tags: &[Tag]) -> Self {
        let is_side =
            |tag: &&Tag| tag.as_str().starts_with("sha256-") || tag.as_str().starts_with("sha512-");
        Self(tags.iter().filter(is_side).cloned().collect())
    }

    /// Returns whether the repository has the tag.
    pub(crate) fn has(&self, tag: &Tag) -> bool {
        self.0.contains(tag)
    }
}

impl Store {
    /// Lists what is attached to `subject`. `may_have_tag` is false where its fallback tag is known not to
    /// be there.
    pub(crate) async fn referrers(
        &self,
        subject: &Digest,
        may_have_tag: bool,
    ) -> Result<Listing, Cause> {
        let listing = match self {
            Self::Layout(layout) => {
                let (referrers, by) = match layout.referrers(subject).await {
                    Ok(referrers) => (referrers, Lister::Place),
                    Err(error) if error.is_absent() => (Vec::new(), Lister::Nobody),
                    Err(error) => return Err(error.into()),
                };
                Listing { referrers, by, read: Vec::new() }
            }
            Self::Registry(repository) => {
                match repository.referrers(subject, may_have_tag).await? {
                    Listed::Api(referrers) => {
                        Listing { referrers, by: Lister::Place, read: Vec::new() }
                    }
                    Listed::Fallback(found) => {
                        let by = Lister::FallbackTag { exists: found.is_some() };
                        let found = found.map(|found| found.index.referrers().to_vec());
                        Listing { referrers: found.unwrap_or_default(), by, read: Vec::new() }
                    }
                    Listed::NoRepository => {
                        Listing { referrers: Vec::new(), by: Lister::Nobody, read: Vec::new() }
                    }
                }
            }
        };
        Ok(listing)
    }

    /// Writes a manifest that is attached to something; returns whether the place lists it by itself.
    pub(crate) async fn put_referrer(
        &self,
        manifest: &Manifest,
        subject: &Digest,
    ) -> Result<bool, Cause> {
        let repository = match self {
            Self::Layout(layout) => {
                layout.attach(manifest).await?;
                return Ok(true);
            }
            Self::Registry(repository) => repository,
        };
        let reference = Reference::Digest(manifest.descriptor.digest);
        if repository.put_manifest(&reference, manifest, None).await?.subject {
            return Ok(true);
        }
        // Not every registry that lists referrers says so when it takes one.
        self.is_lister(subject).await
    }

    /// Returns whether the place lists by itself what is attached; asked once where it is not known.
    async fn is_lister(&self, subject: &Digest) -> Result<bool, Cause> {
        match self {
            Self::Registry(repository) => Ok(repository.find_referrers_api(subject).await?),
            Self::Layout(_) => Ok(true),
        }
    }

    /// Sees to it that a manifest that is there is listed; returns `false` where its fallback tag has to.
    pub(crate) async fn lists_by_itself(
        &self,
        manifest: &Manifest,
        subject: &Digest,
    ) -> Result<bool, Cause> {
        if let Self::Layout(layout) = self {
            layout.attach(manifest).await?;
        }
        self.is_lister(subject).await
    }

    /// Reads the fallback tag of `subject`, and writes it with what it lacks of `add`, once and within
    /// `validity`.
    pub(crate) async fn add_to_set(
        &self,
        subject: &Digest,
        add: &[Referrer],
        validity: Option<Validity>,
    ) -> Result<SetWritten, Cause> {
        // A layout lists what is put there.
        let Self::Registry(repository) = self else { return Ok(SetWritten::Whole) };
        let found = repository.fallback(subject).await?;
        let merged = match &found {
            Some(Fallback { index, .. }) => index.with(add),
            None => ReferrerIndex::empty().with(add),
        };
        let Some(manifest) = merged.map_err(RegistryError::from)? else {
            return Ok(SetWritten::Whole);
        };
        match repository.put_fallback(subject, &manifest, found.as_ref(), validity).await {
            Ok(FallbackWritten::Yes) => Ok(SetWritten::Written),
            Ok(FallbackWritten::Changed(error)) => Ok(SetWritten::Overtaken(error)),
            Err(RegistryError::Transport(TransportError::Expired { .. })) => Ok(SetWritten::Late),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns whether a manifest is there, under its digest.
    pub(crate) async fn has_manifest(&self, digest: &Digest) -> Result<bool, Cause> {
        match self {
            Self::Registry(repository) => Ok(repository.has_manifest(digest).await?),
            Self::Layout(layout) => match Content::manifest(layout, *digest).await {
                Ok(_) => Ok(true),
                Err(error) if error.is_missing() || error.is_absent() => Ok(false),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Returns whether all that `now` refers to is in `wanted` too: then nothing is lost where the one
    /// replaces the other.
    pub(crate) async fn is_part(&self, now: Digest, wanted: &Manifest) -> Result<bool, Cause> {
        let now = match self.manifest(now).await {
            Ok(now) => now,
            // It is no signature, or has gone since.
            Err(cause) if cause.is_missing() || cause.is_unreadable() => return Ok(false),
            Err(cause) => return Err(cause),
        };
        Ok(has_all(wanted, &now))
    }
}

/// Returns whether `whole` refers to all that `part` refers to, but for its config, which counts what is
/// there.
fn has_all(whole: &Manifest, part: &Manifest) -> bool {
    let have: HashSet<Digest> =
        whole.blobs.iter().chain(&whole.children).map(|content| content.digest).collect();
    let mut parts = part.blobs.iter().chain(&part.children).map(|content| content.digest);
    parts.all(|digest| have.contains(&digest) || part.config == Some(digest))
}
