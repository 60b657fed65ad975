//! Submissions: what a run is asked to do.

use std::num::NonZeroUsize;

use mirror_model::{Entry, RunOptions};

use crate::{Invalid, wire};

/// The largest submission, compressed: one record of the log.
pub const MAX_SUBMITTED_BYTES: usize = 900_000;

/// What a run is asked to do.
#[derive(Clone, Debug)]
pub struct SubmittedRun {
    /// The entries.
    pub entries: Vec<Entry>,
    /// How to go about them. Its `concurrency` is the bound of `jobs`, or all slots.
    pub options: RunOptions,
    /// Copies of the run under way at once; `None` where the workers' slots alone bound them.
    pub jobs: Option<NonZeroUsize>,
    /// Finds the run again; may be empty.
    pub key: String,
}

/// Writes a submission.
///
/// # Errors
/// [`Invalid::Layout`] names the entry; [`Invalid::TooLarge`] beyond [`MAX_SUBMITTED_BYTES`].
pub fn submitted_to(_run: &SubmittedRun) -> Result<wire::control::v1::SubmitRunRequest, Invalid> {
    todo!()
}

/// Reads a submission.
///
/// # Errors
/// [`Invalid`] names the field, as in `entries[3].destination.name`.
pub fn submitted_from(
    _request: wire::control::v1::SubmitRunRequest,
) -> Result<SubmittedRun, Invalid> {
    let _: Option<NonZeroUsize> = None;
    todo!()
}

impl PartialEq for SubmittedRun {
    /// Two are equal when their wire forms are.
    fn eq(&self, _other: &Self) -> bool {
        todo!()
    }
}

impl Eq for SubmittedRun {}
