//! Submissions: what a run is asked to do.

use std::num::NonZeroUsize;

use mirror_model::{Entry, RunOptions};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::batch::{MAX_BATCH_BYTES, compress};
use crate::entry::{entry_from, entry_to};
use crate::options::{options_from, options_to};
use crate::path::At;
use crate::text::{index_to, text_from};
use crate::{Invalid, wire};

/// The largest submission, compressed: one record of the log, which is one NATS message of 1 MiB by
/// default; what is left is for headers, owner and key.
pub const MAX_SUBMITTED_BYTES: usize = 900_000;

/// The largest submission before it is compressed: its record must be read again, and may stand in a
/// batch with others.
pub const MAX_PLAIN_SUBMITTED_BYTES: usize = MAX_BATCH_BYTES / 2;

/// What a run is asked to do.
#[derive(Clone, Debug)]
pub struct SubmittedRun {
    /// The entries.
    pub entries: Vec<Entry>,
    /// How to go about them. Its `concurrency` is the bound of `jobs`, or
    /// [`DEFAULT_CONCURRENCY`](crate::DEFAULT_CONCURRENCY).
    pub options: RunOptions,
    /// Copies of the run under way at once; `None` where the workers' slots alone bound them.
    pub jobs: Option<NonZeroUsize>,
    /// Finds the run again; may be empty.
    pub key: String,
}

/// Writes a submission.
///
/// # Errors
/// [`Invalid::Layout`] names the entry; [`Invalid::TooLarge`] beyond [`MAX_SUBMITTED_BYTES`]; whatever
/// [`submitted_from`] would refuse.
pub fn submitted_to(run: &SubmittedRun) -> Result<wire::control::v1::SubmitRunRequest, Invalid> {
    let request = request_to(run)?;
    fits(&request)?;
    request_from(request.clone())?;
    Ok(request)
}

/// Reads a submission.
///
/// # Errors
/// [`Invalid`] names the field, as in `entries[3].destination.name`.
pub fn submitted_from(
    request: wire::control::v1::SubmitRunRequest,
) -> Result<SubmittedRun, Invalid> {
    fits(&request)?;
    request_from(request)
}

/// Returns the sha256 of a submission without its key: whether two of the same key are the same.
pub fn body_hash(request: &wire::control::v1::SubmitRunRequest) -> [u8; 32] {
    Sha256::digest(body(request).encode_to_vec()).into()
}

/// Writes a submission of whatever size.
pub(crate) fn request_to(
    run: &SubmittedRun,
) -> Result<wire::control::v1::SubmitRunRequest, Invalid> {
    let entries = run.entries.iter().enumerate();
    Ok(wire::control::v1::SubmitRunRequest {
        entries: entries
            .map(|(index, entry)| entry_to(entry).at_item("entries", index))
            .collect::<Result<_, _>>()?,
        options: Some(options_to(&run.options, run.jobs)),
        idempotency_key: run.key.clone(),
    })
}

/// Reads a submission of whatever size.
pub(crate) fn request_from(
    request: wire::control::v1::SubmitRunRequest,
) -> Result<SubmittedRun, Invalid> {
    let (options, jobs) = options_from(request.options)?;
    let entries = request.entries.into_iter().enumerate();
    Ok(SubmittedRun {
        entries: entries
            .map(|(index, entry)| entry_from(entry).at_item("entries", index))
            .collect::<Result<_, _>>()?,
        options,
        jobs,
        key: text_from(request.idempotency_key).at("idempotency_key")?,
    })
}

/// What of a submission makes up the run; the field numbers are those of the log's record.
fn body(request: &wire::control::v1::SubmitRunRequest) -> wire::log::v1::Submitted {
    wire::log::v1::Submitted {
        entries: request.entries.clone(),
        options: request.options,
        ..wire::log::v1::Submitted::default()
    }
}

fn fits(request: &wire::control::v1::SubmitRunRequest) -> Result<(), Invalid> {
    let refuse = |size, most| Invalid::TooLarge { field: "entries".to_owned(), size, most };
    let plain = body(request);
    let size = plain.encoded_len();
    if size > MAX_PLAIN_SUBMITTED_BYTES {
        return Err(refuse(size, MAX_PLAIN_SUBMITTED_BYTES));
    }
    let size = compress(&plain.encode_to_vec()).len();
    if size > MAX_SUBMITTED_BYTES {
        return Err(refuse(size, MAX_SUBMITTED_BYTES));
    }
    Ok(())
}

impl PartialEq for SubmittedRun {
    /// Two are equal when their wire forms are: of the concurrency `jobs` alone travels.
    fn eq(&self, other: &Self) -> bool {
        let jobs = |run: &Self| run.jobs.map(|jobs| index_to(jobs.get()));
        let options = |run: &Self| (run.options.overwrite, run.options.dry_run, run.options.limits);
        self.entries == other.entries
            && options(self) == options(other)
            && jobs(self) == jobs(other)
            && self.key == other.key
    }
}

impl Eq for SubmittedRun {}
