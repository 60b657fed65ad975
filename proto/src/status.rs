//! Statuses and failures, each with its number on the wire.

use mirror_model::{Failure, FailureKind, SkipReason, Stage, Status};

use crate::Invalid;
use crate::path::{At, known, needed};
use crate::text::{MAX_TEXT_BYTES, cut, text_from};
use crate::wire::job::v1 as wire;

/// Writes a status whose message takes at most `most` bytes.
pub(crate) fn status_to(status: &Status, most: usize) -> wire::Status {
    let (kind, failure) = match status {
        Status::Copied => (wire::StatusKind::Copied, None),
        Status::Overwritten => (wire::StatusKind::Overwritten, None),
        Status::Skipped(SkipReason::UpToDate) => (wire::StatusKind::UpToDate, None),
        Status::Skipped(SkipReason::SignatureTooNew) => (wire::StatusKind::SignatureTooNew, None),
        Status::Drifted => (wire::StatusKind::Drifted, None),
        Status::WouldCopy => (wire::StatusKind::WouldCopy, None),
        Status::WouldOverwrite => (wire::StatusKind::WouldOverwrite, None),
        Status::Failed(failure) => (wire::StatusKind::Failed, Some(failure_within(failure, most))),
    };
    wire::Status { kind: kind.into(), failure }
}

/// Reads a status.
pub(crate) fn status_from(status: Option<wire::Status>) -> Result<Status, Invalid> {
    let wire::Status { kind, failure } = needed(status)?;
    let status = match known(kind).at("kind")? {
        wire::StatusKind::Unspecified => return Err(Invalid::absent()).at("kind"),
        wire::StatusKind::Failed => {
            return failure_in(failure).at("failure").map(Status::Failed);
        }
        wire::StatusKind::Copied => Status::Copied,
        wire::StatusKind::Overwritten => Status::Overwritten,
        wire::StatusKind::UpToDate => Status::Skipped(SkipReason::UpToDate),
        wire::StatusKind::SignatureTooNew => Status::Skipped(SkipReason::SignatureTooNew),
        wire::StatusKind::Drifted => Status::Drifted,
        wire::StatusKind::WouldCopy => Status::WouldCopy,
        wire::StatusKind::WouldOverwrite => Status::WouldOverwrite,
    };
    match failure {
        None => Ok(status),
        Some(_) => Err(Invalid::value("only what failed has a failure")).at("failure"),
    }
}

/// Writes a failure; of its message the first [`MAX_TEXT_BYTES`].
pub fn failure_to(failure: &Failure) -> wire::Failure {
    failure_within(failure, MAX_TEXT_BYTES)
}

fn failure_within(failure: &Failure, most: usize) -> wire::Failure {
    wire::Failure {
        stage: stage_to(failure.stage).into(),
        kind: kind_to(failure.kind).into(),
        message: cut(&failure.message, most),
    }
}

/// Reads a failure.
///
/// # Errors
/// [`Invalid`] names the field, below `failure`.
pub fn failure_from(failure: Option<wire::Failure>) -> Result<Failure, Invalid> {
    failure_in(failure).at("failure")
}

pub(crate) fn failure_in(failure: Option<wire::Failure>) -> Result<Failure, Invalid> {
    let wire::Failure { stage, kind, message } = needed(failure)?;
    Ok(Failure {
        stage: known(stage).and_then(stage_from).at("stage")?,
        kind: known(kind).and_then(kind_from).at("kind")?,
        message: text_from(message).at("message")?,
    })
}

fn stage_to(stage: Stage) -> wire::Stage {
    match stage {
        Stage::List => wire::Stage::List,
        Stage::Resolve => wire::Stage::Resolve,
        Stage::Verify => wire::Stage::Verify,
        Stage::Compare => wire::Stage::Compare,
        Stage::Copy => wire::Stage::Copy,
        Stage::Tag => wire::Stage::Tag,
        Stage::Referrers => wire::Stage::Referrers,
        Stage::Run => wire::Stage::Run,
    }
}

fn stage_from(stage: wire::Stage) -> Result<Stage, Invalid> {
    Ok(match stage {
        wire::Stage::Unspecified => return Err(Invalid::absent()),
        wire::Stage::List => Stage::List,
        wire::Stage::Resolve => Stage::Resolve,
        wire::Stage::Verify => Stage::Verify,
        wire::Stage::Compare => Stage::Compare,
        wire::Stage::Copy => Stage::Copy,
        wire::Stage::Tag => Stage::Tag,
        wire::Stage::Referrers => Stage::Referrers,
        wire::Stage::Run => Stage::Run,
    })
}

fn kind_to(kind: FailureKind) -> wire::FailureKind {
    match kind {
        FailureKind::Unavailable => wire::FailureKind::Unavailable,
        FailureKind::RateLimited => wire::FailureKind::RateLimited,
        FailureKind::Refused => wire::FailureKind::Refused,
        FailureKind::NotFound => wire::FailureKind::NotFound,
        FailureKind::Corrupt => wire::FailureKind::Corrupt,
        FailureKind::Rejected => wire::FailureKind::Rejected,
        FailureKind::TimedOut => wire::FailureKind::TimedOut,
        FailureKind::Unverified => wire::FailureKind::Unverified,
        FailureKind::TooLarge => wire::FailureKind::TooLarge,
        FailureKind::Cancelled => wire::FailureKind::Cancelled,
        FailureKind::Conflict => wire::FailureKind::Conflict,
        FailureKind::Internal => wire::FailureKind::Internal,
    }
}

fn kind_from(kind: wire::FailureKind) -> Result<FailureKind, Invalid> {
    Ok(match kind {
        wire::FailureKind::Unspecified => return Err(Invalid::absent()),
        wire::FailureKind::Unavailable => FailureKind::Unavailable,
        wire::FailureKind::RateLimited => FailureKind::RateLimited,
        wire::FailureKind::Refused => FailureKind::Refused,
        wire::FailureKind::NotFound => FailureKind::NotFound,
        wire::FailureKind::Corrupt => FailureKind::Corrupt,
        wire::FailureKind::Rejected => FailureKind::Rejected,
        wire::FailureKind::TimedOut => FailureKind::TimedOut,
        wire::FailureKind::Unverified => FailureKind::Unverified,
        wire::FailureKind::TooLarge => FailureKind::TooLarge,
        wire::FailureKind::Cancelled => FailureKind::Cancelled,
        wire::FailureKind::Conflict => FailureKind::Conflict,
        wire::FailureKind::Internal => FailureKind::Internal,
    })
}
