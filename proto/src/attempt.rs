//! Names of runs, jobs and attempts.

use mirror_model::{EntryIndex, JobId, RunId};

use crate::job::JobHash;
use crate::path::{At, needed};
use crate::text::{index_from, index_to};
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
pub fn attempt_to(attempt: &AttemptRef) -> wire::worker::v1::Attempt {
    wire::worker::v1::Attempt {
        run: run_to(attempt.run),
        job: Some(job_id_to(attempt.job)),
        attempt: attempt.attempt,
        hash: attempt.hash.0.to_vec(),
    }
}

/// Reads an attempt.
///
/// # Errors
/// [`Invalid`] names the field, below `attempt`.
pub fn attempt_from(attempt: Option<wire::worker::v1::Attempt>) -> Result<AttemptRef, Invalid> {
    let read = |attempt: wire::worker::v1::Attempt| {
        Ok(AttemptRef {
            run: run_from(&attempt.run)?,
            job: job_id_from(attempt.job)?,
            attempt: attempt.attempt,
            hash: JobHash(bytes_from(&attempt.hash).at("hash")?),
        })
    };
    needed(attempt).and_then(read).at("attempt")
}

/// Writes the name of a run: 16 bytes.
pub fn run_to(run: RunId) -> Vec<u8> {
    run.0.to_be_bytes().to_vec()
}

/// Reads the name of a run.
///
/// # Errors
/// [`Invalid`] of the field `run`.
pub fn run_from(run: &[u8]) -> Result<RunId, Invalid> {
    Ok(RunId(u128::from_be_bytes(bytes_from(run).at("run")?)))
}

/// Writes the name of a job.
pub fn job_id_to(job: JobId) -> wire::job::v1::JobId {
    wire::job::v1::JobId { entry: index_to(job.entry.0), row: index_to(job.row) }
}

/// Reads the name of a job.
///
/// # Errors
/// [`Invalid::Absent`] of the field `job`.
pub fn job_id_from(job: Option<wire::job::v1::JobId>) -> Result<JobId, Invalid> {
    let job = needed(job).at("job")?;
    Ok(JobId { entry: EntryIndex(index_from(job.entry)), row: index_from(job.row) })
}

/// Reads bytes of a fixed number.
pub(crate) fn bytes_from<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Invalid> {
    if bytes.is_empty() {
        return Err(Invalid::absent());
    }
    let refused = || Invalid::value(format!("it has {} bytes rather than {N}", bytes.len()));
    bytes.try_into().ok().ok_or_else(refused)
}
