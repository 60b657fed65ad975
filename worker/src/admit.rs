//! Whether a job message is this worker's to execute: decided by the message alone.

use mirror_model::{Job, JobId, RunId};
use mirror_proto::wire::worker::v1::ReleaseReason;
use mirror_proto::{Invalid, decode_job, decode_job_name};

use crate::allowed::Allowed;

/// What is to be done about a job message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is executed.
    Run(Box<Job>),
    /// Another worker may do it.
    TurnAway { run: RunId, job: JobId, reason: ReleaseReason },
    /// It is no job: nobody can do it.
    Rubbish(Invalid),
}

/// Decides about a job message.
pub(crate) fn admit(message: &[u8], allowed: &Allowed) -> Admission {
    let error = match decode_job(message) {
        Ok(job) if allowed.permits(&job.destination.place) => {
            return Admission::Run(Box::new(job));
        }
        Ok(job) => {
            let reason = ReleaseReason::NotAllowed;
            return Admission::TurnAway { run: job.run, job: job.id, reason };
        }
        Err(error) => error,
    };
    // What names a job and is not understood is one of another version.
    match decode_job_name(message) {
        Ok((run, job)) => Admission::TurnAway { run, job, reason: ReleaseReason::Unsupported },
        Err(_) => Admission::Rubbish(error),
    }
}
