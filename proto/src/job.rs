//! The body of a job message.

use mirror_model::{Job, JobId, Policy, RunId, Source};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::Invalid;
use crate::attempt::{job_id_from, job_id_to, run_from, run_to};
use crate::content::{pin_from, pin_to, place_from, place_to, seen_from, seen_to, tag_ref_from};
use crate::options::{limits_from, limits_to};
use crate::path::{At, needed};
use crate::wire::job::v1 as wire;

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

/// Writes a job. The same job is always the same bytes, so that its [`JobHash`] stands for it.
///
/// # Errors
/// [`Invalid::TooLarge`] beyond [`MAX_JOB_BYTES`]; [`Invalid::Layout`] for a job that does not travel.
pub fn encode_job(job: &Job) -> Result<Vec<u8>, Invalid> {
    let message = job_to(job).at("job")?.encode_to_vec();
    fits(&message)?;
    Ok(message)
}

fn job_to(job: &Job) -> Result<wire::Job, Invalid> {
    let Source::Artifact { place, root } = &job.source;
    let source = Some(place_to(place).at("copy.source")?);
    let (root, media_type) = pin_to(root);
    let repository = Some(place_to(&job.destination.place).at("destination.repository")?);
    let tag = job.destination.tag.to_string();
    let Policy { overwrite, dry_run } = job.policy;
    Ok(wire::Job {
        run: run_to(job.run),
        id: Some(job_id_to(job.id)),
        policy: Some(wire::Policy { overwrite, dry_run }),
        limits: Some(limits_to(job.limits)),
        seen: Some(seen_to(job.seen)),
        destination: Some(wire::TagRef { repository, tag }),
        work: Some(wire::job::Work::Copy(wire::Copy { source, root: Some(root), media_type })),
    })
}

/// Reads a job.
///
/// # Errors
/// [`Invalid`] names the field; [`Invalid::Value`] of field `job.work` for work that this version does
/// not know.
pub fn decode_job(message: &[u8]) -> Result<Job, Invalid> {
    job_from(message_from(message)?).at("job")
}

/// Reads of a job message only whose it is, so that a job whose work is not known can be given back.
///
/// # Errors
/// [`Invalid`] names the field.
pub fn decode_job_name(message: &[u8]) -> Result<(RunId, JobId), Invalid> {
    let wire::Job { run, id, .. } = message_from(message)?;
    Ok((run_from(&run).at("job")?, needed(id).at("job.id").and_then(|id| job_id_from(Some(id)))?))
}

fn message_from(message: &[u8]) -> Result<wire::Job, Invalid> {
    fits(message)?;
    wire::Job::decode(message).ok().ok_or(Invalid::Bytes { message: "job" })
}

fn fits(message: &[u8]) -> Result<(), Invalid> {
    let size = message.len();
    if size > MAX_JOB_BYTES {
        return Err(Invalid::TooLarge { field: "job".to_owned(), size, most: MAX_JOB_BYTES });
    }
    Ok(())
}

fn job_from(job: wire::Job) -> Result<Job, Invalid> {
    // First of all: what else a job of another kind says is not for this version to judge.
    let Some(wire::job::Work::Copy(copy)) = job.work else {
        return Err(Invalid::value("this version does not know such work")).at("work");
    };
    let wire::Copy { source, root, media_type } = copy;
    let wire::Policy { overwrite, dry_run } = needed(job.policy).at("policy")?;
    Ok(Job {
        id: needed(job.id).at("id").and_then(|id| job_id_from(Some(id)))?,
        run: run_from(&job.run)?,
        seen: seen_from(job.seen)?,
        source: Source::Artifact {
            place: place_from(source).at("copy.source")?,
            root: pin_from(root, &media_type).at("copy")?,
        },
        destination: tag_ref_from(job.destination).at("destination")?,
        policy: Policy { overwrite, dry_run },
        limits: limits_from(job.limits)?,
    })
}
