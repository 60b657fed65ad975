//! Outcomes: what came of a job.

use std::time::Duration;

use mirror_oci::{Digest, Tag};

use crate::{Failure, JobId};

/// What came of a job. Every job has exactly one, whatever dies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The job.
    pub job: JobId,
    /// Attempts that were made.
    pub attempts: u32,
    /// How long it worked.
    pub elapsed: Duration,
    /// Bytes of blobs and manifests that were sent to the destination.
    pub bytes: u64,
    /// How it ended.
    pub status: Status,
    /// What the destination tag points to, or was to point to.
    pub digest: Option<Digest>,
    /// What is attached to it.
    pub referrers: Vec<ReferrerRow>,
}

impl Outcome {
    /// Returns the outcome of a job that did no work: it would have brought `digest`, where that is known.
    pub fn idle(job: JobId, status: Status, digest: impl Into<Option<Digest>>) -> Self {
        Self {
            job,
            attempts: 0,
            elapsed: Duration::ZERO,
            bytes: 0,
            status,
            digest: digest.into(),
            referrers: Vec::new(),
        }
    }
}

/// How a tag or referrer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The destination did not have it.
    Copied,
    /// The destination had another one, which was replaced.
    Overwritten,
    /// Nothing was to be done.
    Skipped(SkipReason),
    /// The destination has another one, which was left alone.
    Drifted,
    /// A dry run found that it would be copied.
    WouldCopy,
    /// A dry run found that it would be overwritten.
    WouldOverwrite,
    /// It could not be done.
    Failed(Failure),
}

/// Why nothing was to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SkipReason {
    /// The destination has the same digest.
    UpToDate,
    /// The signature is good and younger than the policy allows.
    SignatureTooNew,
}

impl SkipReason {
    /// Returns the reason as a report writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UpToDate => "up-to-date",
            Self::SignatureTooNew => "signature-too-new",
        }
    }
}

impl Status {
    /// Returns the status as a report writes it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Overwritten => "overwritten",
            Self::Skipped(_) => "skipped",
            Self::Drifted => "drifted",
            Self::WouldCopy => "would-copy",
            Self::WouldOverwrite => "would-overwrite",
            Self::Failed(_) => "failed",
        }
    }
}

/// What came of something that is attached to a tag's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferrerRow {
    /// Its digest.
    pub digest: Digest,
    /// What kind of artifact it is.
    pub artifact_type: Option<String>,
    /// The tag that it stands under, of cosign's older ones.
    pub name: Option<Tag>,
    /// How it ended.
    pub status: Status,
}

/// A signature that was confirmed, or is too new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Who judged: `cosign`.
    pub provider: String,
    /// The OIDC issuer in the certificate.
    pub issuer: Option<String>,
    /// The identity in the certificate.
    pub identity: Option<String>,
    /// The oldest verified time, in seconds since 1970.
    pub integrated_time: Option<i64>,
    /// How old the signature is, where it is too new.
    pub age: Option<Duration>,
    /// How old it must be, where it is too new.
    pub min_age: Option<Duration>,
}
