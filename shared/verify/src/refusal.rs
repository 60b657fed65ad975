//! Why a piece of evidence does not count.

use mirror_oci::Digest;

use crate::evidence::{BUNDLE_MEDIA_TYPE, MAX_EVIDENCE_BYTES};

/// Why a piece of evidence does not count. Text from outside is fit to be shown, and short.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is longer than any signature.
    #[error("longer than {MAX_EVIDENCE_BYTES} bytes")]
    TooLarge,
    /// It has more of something than is looked at.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// It is not of the form that it should be.
    #[error("{what} cannot be read: {reason}")]
    Unreadable {
        /// What is not.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// It is of another version, or something else.
    #[error("a bundle of media type `{found}`, wanted {BUNDLE_MEDIA_TYPE}")]
    MediaType {
        /// What it says it is.
        found: String,
    },
    /// Something is not there.
    #[error("no {what}")]
    Missing {
        /// What.
        what: &'static str,
    },
    /// Signed with a key, and so by nobody in particular.
    #[error("signed with a key, not with a certificate")]
    Keyed,
    /// More than one log entry: which one would be proved?
    #[error("{found} log entries, wanted one")]
    Entries {
        /// How many.
        found: usize,
    },
    /// A statement about the content that does not say: signed.
    #[error("an attestation ({predicate}), not a signature")]
    Attestation {
        /// The type of its predicate.
        predicate: String,
    },
    /// A signature over something else.
    #[error("signs {found}, not {wanted}")]
    OtherContent {
        /// The pinned digest.
        wanted: Digest,
        /// What it signs.
        found: String,
    },
    /// Of a kind that is not known.
    #[error("not supported: {reason}")]
    Unsupported {
        /// What.
        reason: String,
    },
    /// A check failed.
    #[error("{check}: {reason}")]
    Failed {
        /// Which one.
        check: Check,
        /// What is wrong.
        reason: String,
    },
    /// Nobody who is trusted says when it was signed.
    #[error("no verified time: neither an authority's timestamp nor a signed integrated time")]
    NoTime,
    /// It was signed after now.
    #[error("signed at {time}, which is yet to come: is the clock right?")]
    Future {
        /// The verified time, as RFC 3339 writes it.
        time: String,
    },
    /// A good signature by a certificate that does not say who.
    #[error("a certificate without {what}")]
    Anonymous {
        /// What it does not say.
        what: &'static str,
    },
    /// A good signature by somebody else.
    #[error("signed by {identity} of issuer {issuer}")]
    Stranger {
        /// The OIDC issuer in the certificate.
        issuer: String,
        /// The subject in the certificate.
        identity: String,
    },
}

impl Refusal {
    /// Returns whether it may come of a trusted root that does not know who signed: the authorities of
    /// certificates and of times, the logs of certificates and of signatures.
    pub(crate) fn may_be_of_another_root(&self) -> bool {
        let Self::Failed { check, .. } = self else { return false };
        match check {
            Check::Chain
            | Check::Sct
            | Check::Checkpoint
            | Check::SignedEntry
            | Check::Timestamp => true,
            Check::Validity
            | Check::InclusionProof
            | Check::LogKey
            | Check::Entry
            | Check::IntegratedTime
            | Check::Signature => false,
        }
    }
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Check {
    /// The certificate leads to an authority of the trusted root, and is one for signing code.
    #[error("certificate chain")]
    Chain,
    /// A verified time lies in the certificate's validity.
    #[error("validity of the certificate")]
    Validity,
    /// The certificate was logged.
    #[error("signed certificate timestamp")]
    Sct,
    /// The entry is in the log.
    #[error("inclusion proof")]
    InclusionProof,
    /// The log said so.
    #[error("checkpoint")]
    Checkpoint,
    /// The log's key was in use when it was signed.
    #[error("validity of the log's key")]
    LogKey,
    /// The log promised to take the entry in.
    #[error("signed entry timestamp")]
    SignedEntry,
    /// The entry is about this signature.
    #[error("log entry")]
    Entry,
    /// The log's time.
    #[error("integrated time")]
    IntegratedTime,
    /// An authority's time.
    #[error("timestamp")]
    Timestamp,
    /// The signature itself.
    #[error("signature")]
    Signature,
}
