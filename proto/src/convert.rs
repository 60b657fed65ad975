//! The parts that many messages share: digests, tags, statuses, outcomes, attempts.

use mirror_model::{JobId, Outcome, RunId, Seen};
use mirror_oci::TagRef;

use crate::job::JobHash;
use crate::{Invalid, wire};

/// One execution of a job by one worker, and the job message it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttemptRef {
    /// The run.
    pub run: RunId,
    /// The job of it.
    pub job: JobId,
    /// Which execution: random.
    pub attempt: u64,
    /// Of the job's message.
    pub hash: JobHash,
}

/// Writes an attempt.
pub fn attempt_to(_attempt: &AttemptRef) -> wire::worker::v1::Attempt {
    todo!()
}
/// Reads an attempt.
///
/// # Errors
/// [`Invalid`] names the field.
pub fn attempt_from(_attempt: Option<wire::worker::v1::Attempt>) -> Result<AttemptRef, Invalid> {
    todo!()
}
/// Writes an outcome.
pub fn outcome_to(_outcome: &Outcome) -> wire::job::v1::Outcome {
    todo!()
}
/// Reads an outcome.
///
/// # Errors
/// [`Invalid`] names the field.
pub fn outcome_from(_outcome: Option<wire::job::v1::Outcome>) -> Result<Outcome, Invalid> {
    todo!()
}
/// Writes what was seen.
pub fn seen_to(_seen: Seen) -> wire::job::v1::Seen {
    todo!()
}
/// Reads what was seen.
///
/// # Errors
/// [`Invalid`] names the field.
pub fn seen_from(_seen: Option<wire::job::v1::Seen>) -> Result<Seen, Invalid> {
    todo!()
}
/// Writes a tag.
///
/// # Errors
/// [`Invalid::Layout`] for a tag of a layout.
pub fn tag_to(_tag: &TagRef) -> Result<wire::job::v1::TagRef, Invalid> {
    todo!()
}
/// Reads a tag.
///
/// # Errors
/// [`Invalid`] names the field.
pub fn tag_from(_tag: Option<wire::job::v1::TagRef>) -> Result<TagRef, Invalid> {
    todo!()
}
