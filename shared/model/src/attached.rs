//! What is attached to a tag's content and comes along: signatures, SBOMs, attestations.

use mirror_oci::{Descriptor, Digest, MAX_REFERRERS, Tag};

use crate::{Job, Seen};

/// The most that may be attached to one tag's content, over all its subjects: more does not fit a job of
/// a fleet.
pub const MAX_ATTACHED: usize = MAX_REFERRERS;

/// Something that is attached to a tag's content, directly or to a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attached {
    /// What it is attached to: the tag's content, a child of that index, or something attached itself.
    pub subject: Digest,
    /// Its manifest. The size is 0 where nobody has said it: an old tag is known by a HEAD, and a size
    /// comes from a manifest or a listing alone.
    pub descriptor: Descriptor,
    /// The tag that it stands under at both sides, of cosign's older ones: `sha256-<hex>.sig`, `.att`,
    /// `.sbom`. What has none is found by its subject.
    pub name: Option<Tag>,
    /// Whether the destination lists it for its subject. Of a name: whether what the destination holds
    /// under it is part of what the source holds, so that nothing is lost where it is replaced.
    pub listed: bool,
    /// What the destination held of it when the run first looked: its own digest or, under a name, any.
    pub seen: Seen,
}

/// What the destination held of one thing that is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sight {
    /// See [`Attached::seen`].
    pub seen: Seen,
    /// See [`Attached::listed`].
    pub listed: bool,
}

impl Sight {
    /// Nobody has looked.
    pub const UNKNOWN: Self = Self { seen: Seen::Unknown, listed: false };
}

/// What the destination held when a run first looked at a job: of its tag, and of what is attached, in
/// the job's order. The job's rows follow from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FirstLook {
    /// Under the tag.
    pub seen: Seen,
    /// Of what is attached.
    pub referrers: Vec<Sight>,
}

/// What a name of a destination is to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Naming {
    /// The name is to point to one digest: the job's tag, or an old tag of cosign's.
    Value,
    /// The name holds an index of whatever is attached to one subject, whoever attached it: the
    /// fallback tag of a registry without the referrers API. Entries are added, none is replaced.
    Set,
}

impl Job {
    /// Returns what the destination held when the run first looked.
    pub fn first_look(&self) -> FirstLook {
        let sight = |attached: &Attached| Sight { seen: attached.seen, listed: attached.listed };
        FirstLook { seen: self.seen, referrers: self.referrers.iter().map(sight).collect() }
    }

    /// Takes in what the destination held when the run first looked; what a look does not tell of is
    /// not known.
    pub fn looked(&mut self, look: &FirstLook) {
        self.seen = look.seen;
        let sights = look.referrers.iter().copied().chain(std::iter::repeat(Sight::UNKNOWN));
        for (attached, Sight { seen, listed }) in self.referrers.iter_mut().zip(sights) {
            (attached.seen, attached.listed) = (seen, listed);
        }
    }

    /// Forgets what the destination held: somebody has written there since.
    pub fn unlooked(&mut self) {
        self.looked(&FirstLook { seen: Seen::Unknown, referrers: Vec::new() });
    }

    /// Returns what `tag` of the destination is to this job; `None` where it does not write it.
    pub fn naming(&self, tag: &Tag) -> Option<Naming> {
        let mut referrers = self.referrers.iter();
        if self.destination.tag == *tag || self.named().any(|(name, _)| name == tag) {
            return Some(Naming::Value);
        }
        // A fallback tag says which digest it is of; only few are compared with it.
        let is_set = |attached: &Attached| {
            attached.name.is_none() && attached.subject.fallback_tag() == *tag
        };
        tag.as_str().starts_with("sha").then(|| referrers.any(is_set).then_some(Naming::Set))?
    }

    /// Returns what is attached under a name of its own, and that name.
    pub fn named(&self) -> impl Iterator<Item = (&Tag, &Attached)> {
        self.referrers.iter().filter_map(|attached| Some((attached.name.as_ref()?, attached)))
    }
}
