//! Entries: what a config asks for, one repository to another.

use std::time::Duration;

use mirror_oci::{Place, Tag, TagRef};
use mirror_selector::{Pattern, Selector};

use crate::{Job, JobId, Policy, RunId, RunOptions, Seen, Source};

/// Where an entry stands in the order of the run: artifacts, then charts, each in config order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryIndex(pub usize);

/// One repository to be mirrored into another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The source as the config writes it; `<repository>/<chart>` for a chart.
    pub source_name: String,
    /// The destination as the config writes it, without `oci://`; with the chart's name for a chart.
    pub destination_name: String,
    /// What is mirrored.
    pub source: EntrySource,
    /// Where to.
    pub destination: Place,
    /// Which tags or versions.
    pub selector: Selector,
    /// Whether a tag that has drifted is replaced.
    pub overwrite: bool,
}

impl Entry {
    /// Returns the job that brings `tag` of this entry's destination to `source`. All but its
    /// arguments follows from the entry and the run's options, so that a plan need not say it; what
    /// the destination holds is not known yet, and what is attached is for the plan to say.
    pub fn job(
        &self,
        run: RunId,
        id: JobId,
        source: Source,
        tag: Tag,
        options: &RunOptions,
    ) -> Job {
        let RunOptions { overwrite, dry_run, concurrency: _, limits } = *options;
        Job {
            id,
            run,
            seen: Seen::Unknown,
            source,
            destination: TagRef { place: self.destination.clone(), tag },
            referrers: Vec::new(),
            policy: Policy { overwrite: overwrite || self.overwrite, dry_run },
            limits,
        }
    }
}

/// What an entry mirrors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntrySource {
    /// The tags of an OCI repository.
    Artifact {
        /// The repository.
        place: Place,
        /// Whether what is attached to a tag's content comes along.
        referrers: bool,
        /// The signature that a tag must have.
        verify: Option<VerifyPolicy>,
    },
    /// The versions of a chart in a Helm repository.
    Chart(Chart),
}

/// A chart in a Helm repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// The repository's URL, without user and password.
    pub repository: String,
    /// The chart's name.
    pub name: String,
}

/// The signature that a tag must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyPolicy {
    /// How old its oldest verified time must be.
    pub min_age: Duration,
    /// Who may have signed: any one of these.
    pub identities: Vec<Identity>,
}

/// Who may have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The OIDC issuer, to be equal.
    pub issuer: String,
    /// What the certificate's subject must match.
    pub subject: Pattern,
}
