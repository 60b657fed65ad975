//! Jobs: one tag to be brought to one digest, self-contained, and unable to hold a secret.

use std::fmt;
use std::num::NonZeroU32;
use std::num::NonZeroUsize;
use std::time::Duration;

use mirror_oci::{Digest, MediaType, Place, TagRef};

use crate::{Attached, EntryIndex};

/// A run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub u128);

/// A job of a run: the entry, and the row in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId {
    /// The entry.
    pub entry: EntryIndex,
    /// The row within the entry's plan.
    pub row: usize,
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.entry.0, self.row)
    }
}

/// What a destination held under a tag when the run first looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// Nothing; a certain answer.
    Absent,
    /// A manifest.
    Present(Digest),
    /// Nobody has looked, or looking failed.
    Unknown,
}

/// Content that a plan settled on. From a HEAD: a claim, confirmed by hashing what is read under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pin {
    /// The manifest's digest.
    pub digest: Digest,
    /// What the registry says it is.
    pub media_type: Option<MediaType>,
}

/// What a job copies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Content of an OCI repository.
    Artifact {
        /// The repository.
        place: Place,
        /// The root of what is copied.
        root: Pin,
    },
}

/// What may be done to the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// A tag that has drifted is replaced.
    pub overwrite: bool,
    /// Nothing is written.
    pub dry_run: bool,
}

/// What a job may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Attempts at most, the first included.
    pub attempts: NonZeroU32,
    /// The budget for all attempts, while the job works.
    pub timeout: Duration,
    /// Blobs, or other parts of it, that are under way at once.
    pub blobs: NonZeroU32,
}

/// One tag to be brought to one digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    /// Which job of the run.
    pub id: JobId,
    /// The run.
    pub run: RunId,
    /// What the destination held when the run first looked; a row's status follows from it.
    pub seen: Seen,
    /// What is copied.
    pub source: Source,
    /// Where to.
    pub destination: TagRef,
    /// What is attached to it and comes along, in the order of its rows.
    pub referrers: Vec<Attached>,
    /// What may be done.
    pub policy: Policy,
    /// What may be used.
    pub limits: Limits,
}

impl Job {
    /// Returns the digest that the job brings.
    pub fn wanted(&self) -> Digest {
        match &self.source {
            Source::Artifact { root, .. } => root.digest,
        }
    }
}

/// How a run goes about its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Every entry replaces what has drifted.
    pub overwrite: bool,
    /// Nothing is written.
    pub dry_run: bool,
    /// Tags that are copied at once.
    pub concurrency: NonZeroUsize,
    /// What each job may use, and each step of planning.
    pub limits: Limits,
}
