//! Why a piece of evidence does not count, and what the library's reasons mean to us.

use std::fmt;

use jiff::Timestamp;
use mirror_oci::Digest;
use sigstore_verify::bundle::Error as StructureError;
use sigstore_verify::{CertificateError, Error, TimestampError, TransparencyLogError};

use crate::evidence::{BUNDLE_MEDIA_TYPE, MAX_EVIDENCE_BYTES};
use crate::shown::shown;

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

impl Refusal {
    /// Says that `what` is not of the form that it should be.
    pub(crate) fn unreadable(what: &'static str, reason: &dyn fmt::Display) -> Self {
        Self::Unreadable { what, reason: shown(&reason.to_string()) }
    }

    /// Says that a check failed.
    pub(crate) fn failed(check: Check, reason: &dyn fmt::Display) -> Self {
        let reason = reason.to_string();
        // The library's text begins with the check as well: `TSA timestamp verification failed: `.
        let reason = reason.split_once(" failed: ").map_or(reason.as_str(), |(_, rest)| rest);
        Self::Failed { check, reason: shown(reason) }
    }

    /// Says that it is of a kind that is not known.
    pub(crate) fn unsupported(reason: &dyn fmt::Display) -> Self {
        Self::Unsupported { reason: shown(&reason.to_string()) }
    }

    /// Takes over the library's reason.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors may grow")]
    pub(crate) fn of(error: Error) -> Self {
        match error {
            Error::SignatureInvalid(reason) => Self::failed(Check::Signature, &reason),
            // That the content is the pinned one was seen before: it is the log entry that differs.
            Error::ArtifactMismatch(reason) => Self::failed(Check::Entry, &reason),
            Error::Certificate(error) => Self::of_certificate(error),
            Error::TransparencyLog(error) => Self::of_log(error),
            Error::Timestamp(TimestampError::NoVerifiedTimestamp(_)) => Self::NoTime,
            Error::Timestamp(TimestampError::Invalid(reason)) => {
                Self::failed(Check::Timestamp, &reason)
            }
            Error::Timestamp(error) => Self::failed(Check::Timestamp, &error),
            Error::Bundle(error) => Self::of_structure(error),
            Error::InvalidBundle(reason) => Self::unreadable("the bundle", &reason),
            Error::Types(error) => Self::unreadable("the bundle", &error),
            Error::Crypto(error) => Self::unsupported(&error),
            Error::UnsupportedBundle(reason) | Error::UnsupportedArtifact(reason) => {
                Self::unsupported(&reason)
            }
            error => Self::unsupported(&error),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors may grow")]
    fn of_certificate(error: CertificateError) -> Self {
        match error {
            CertificateError::Malformed(reason) => Self::unreadable("the certificate", &reason),
            CertificateError::ChainInvalid(reason) => match validity(&reason) {
                Some(reason) => Self::failed(Check::Validity, &reason),
                None => Self::failed(Check::Chain, &reason),
            },
            CertificateError::Sct(reason) => Self::failed(Check::Sct, &reason),
            error @ (CertificateError::NotYetValid { .. } | CertificateError::Expired { .. }) => {
                Self::failed(Check::Validity, &error)
            }
            error => Self::failed(Check::Chain, &error),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors may grow")]
    fn of_log(error: TransparencyLogError) -> Self {
        match error {
            TransparencyLogError::InclusionProof(reason) => {
                Self::failed(Check::InclusionProof, &reason)
            }
            TransparencyLogError::Checkpoint(reason) => Self::failed(Check::Checkpoint, &reason),
            TransparencyLogError::InclusionPromise(reason) => {
                Self::failed(Check::SignedEntry, &reason)
            }
            TransparencyLogError::IntegratedTime(reason) => {
                Self::failed(Check::IntegratedTime, &reason)
            }
            TransparencyLogError::EntryMismatch(reason)
            | TransparencyLogError::MalformedEntry(reason) => Self::failed(Check::Entry, &reason),
            error => Self::failed(Check::SignedEntry, &error),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors may grow")]
    fn of_structure(error: StructureError) -> Self {
        match error {
            error @ StructureError::LogIndexOutOfRange { .. } => {
                Self::failed(Check::InclusionProof, &error)
            }
            error
            @ (StructureError::MissingCheckpoint | StructureError::CheckpointRootMismatch) => {
                Self::failed(Check::Checkpoint, &error)
            }
            error => Self::unreadable("the bundle", &error),
        }
    }
}

/// Says in words what the library only has as the text of a value: that a verified time lies outside
/// of a certificate's validity.
fn validity(reason: &str) -> Option<String> {
    let mut times = reason.split("UnixTime(").skip(1).map(|rest| {
        let seconds = rest.split(')').next()?.parse().ok()?;
        Timestamp::from_second(seconds).ok()
    });
    let (time, bound) = (times.next()??, times.next()??);
    if reason.contains("CertExpired") {
        Some(format!("signed at {time}, and valid until {bound}"))
    } else if reason.contains("CertNotValidYet") {
        Some(format!("signed at {time}, and valid from {bound}"))
    } else {
        None
    }
}
