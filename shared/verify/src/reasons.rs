//! What the library's reasons mean to us.

use std::fmt;

use jiff::Timestamp;
use sigstore_verify::bundle::Error as StructureError;
use sigstore_verify::{CertificateError, Error, TimestampError, TransparencyLogError};

use crate::shown::shown;
use crate::{Check, Refusal};

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
