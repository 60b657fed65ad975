//! The body of a job message.

use mirror_model::Job;
use sha2::{Digest as _, Sha256};

use crate::Invalid;

/// The largest job message: NATS servers take 1 MiB by default, headers included.
pub const MAX_JOB_BYTES: usize = 1_000_000;

/// The sha256 of a job message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobHash(pub [u8; 32]);

impl JobHash {
    /// Hashes a job message.
    pub fn of(message: &[u8]) -> Self {
        Self(Sha256::digest(message).into())
    }
}

/// Writes a job.
///
/// # Errors
/// [`Invalid::TooLarge`] beyond [`MAX_JOB_BYTES`]; [`Invalid::Layout`] for a job that does not travel.
pub fn encode_job(_job: &Job) -> Result<Vec<u8>, Invalid> {
    todo!()
}

/// Reads a job.
///
/// # Errors
/// [`Invalid`] names the field; [`Invalid::Value`] of field `job.work` for work that this version does not know.
pub fn decode_job(_message: &[u8]) -> Result<Job, Invalid> {
    todo!()
}
