//! The records of the log, and the batches that they are kept in.

use mirror_model::{JobId, Outcome, Seen};
use mirror_oci::TagRef;

use crate::Invalid;
use crate::plan::PlanPart;
use crate::submit::SubmittedRun;

/// What one record, and one batch of several, should stay below, uncompressed: many fit a message of
/// 1 MiB, and none holds an append up for long.
pub const MAX_RECORD_BYTES: usize = 200_000;

/// Something that must be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A run was taken.
    Submitted(Box<Submitted>),
    /// Part of an entry's plan.
    Planned(PlanPart),
    /// What a destination held before its job was published.
    Seen {
        /// The job.
        job: JobId,
        /// What was seen.
        seen: Seen,
    },
    /// A worker may be writing a name.
    Intent(Box<Intent>),
    /// What came of a job; the first counts.
    Row(Box<Outcome>),
    /// A worker was lost while it had the job.
    Lost(JobId),
    /// The run is to end.
    Cancelled,
    /// The run has ended.
    Ended {
        /// Seconds since 1970.
        at: i64,
    },
    /// The stream was made because the one before it was lost.
    Origin,
    /// Somebody leads from here on.
    Term {
        /// The term.
        term: u64,
        /// Where the leader is reached.
        advertise: String,
    },
    /// The leader lives.
    Beat {
        /// The term.
        term: u64,
        /// Where the leader is reached.
        advertise: String,
    },
    /// The leader goes.
    Resigned {
        /// The term.
        term: u64,
    },
}

/// A run as it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// What is to be done.
    pub run: SubmittedRun,
    /// sha256 of the submission as it came, without its key.
    pub body_hash: [u8; 32],
    /// Who submitted it; empty where nobody is asked who he is.
    pub owner: String,
    /// Seconds since 1970.
    pub at: i64,
}

/// A name that a worker may be writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The job.
    pub job: JobId,
    /// The name.
    pub name: TagRef,
    /// What was seen first; the row follows from it.
    pub seen: Seen,
    /// The attempt.
    pub attempt: u64,
}

/// Writes a batch: compressed.
pub fn encode_batch(_records: &[Record]) -> Vec<u8> {
    todo!()
}

/// Reads a batch.
///
/// # Errors
/// [`Invalid`] names the field; [`Invalid::TooLarge`] for one that would take more than 16 MiB.
pub fn decode_batch(_bytes: &[u8]) -> Result<Vec<Record>, Invalid> {
    todo!()
}
