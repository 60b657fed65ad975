//! The body of a job message.

use mirror_model::{Attached, ChartVersion, Job, JobId, Policy, RunId, Sight, Source};
use mirror_oci::Digest;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::Invalid;
use crate::attached::{attachments_from, attachments_to, sights_from, sights_to};
use crate::attempt::{job_id_from, job_id_to, run_from, run_to};
use crate::chart::{chart_from, chart_to, check_urls, urls_from};
use crate::content::{
    digest_from, digest_to, pin_from, pin_to, place_from, place_to, seen_from, seen_to,
    tag_ref_from,
};
use crate::options::{limits_from, limits_to};
use crate::path::{At, needed};
use crate::text::name_from;
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
/// [`Invalid::TooMuchAttached`] beyond [`MAX_JOB_BYTES`] where something is attached, else [`Invalid::TooLarge`];
/// [`Invalid::Layout`] for a job that does not travel; what is wrong with the URLs of a chart, where a reader
/// would refuse them.
pub fn encode_job(job: &Job) -> Result<Vec<u8>, Invalid> {
    let message = job_to(job).at("job")?.encode_to_vec();
    let (size, most, referrers) = (message.len(), MAX_JOB_BYTES, job.referrers.len());
    if size > most && referrers > 0 {
        return Err(Invalid::TooMuchAttached { referrers, size, most });
    }
    fits(&message)?;
    Ok(message)
}

fn job_to(job: &Job) -> Result<wire::Job, Invalid> {
    let repository = Some(place_to(&job.destination.place).at("destination.repository")?);
    let tag = job.destination.tag.to_string();
    let Policy { overwrite, dry_run } = job.policy;
    let work = work_to(job)?;
    Ok(wire::Job {
        run: run_to(job.run),
        id: Some(job_id_to(job.id)),
        policy: Some(wire::Policy { overwrite, dry_run }),
        limits: Some(limits_to(job.limits)),
        seen: Some(seen_to(job.seen)),
        destination: Some(wire::TagRef { repository, tag }),
        work: Some(work),
    })
}

fn work_to(job: &Job) -> Result<wire::job::Work, Invalid> {
    let (place, root) = match &job.source {
        Source::Artifact { place, root } => (place, root),
        Source::Chart(version) => {
            check_urls(&version.urls).at("copy_chart")?;
            return Ok(wire::job::Work::CopyChart(wire::CopyChart {
                chart: Some(chart_to(&version.chart)),
                version: version.version.clone(),
                urls: version.urls.clone(),
                archive: Some(digest_to(version.archive)),
            }));
        }
    };
    let source = Some(place_to(place).at("copy.source")?);
    let (root, media_type) = pin_to(root);
    let copy = wire::Copy { source, root: Some(root), media_type };
    Ok(match attachments_to(&job.referrers) {
        None => wire::job::Work::Copy(copy),
        referrers @ Some(_) => {
            let sight = |attached: &Attached| {
                let Attached { listed, seen, .. } = *attached;
                (Sight { seen, listed }, Some(attached.descriptor.digest))
            };
            let sights = sights_to(job.referrers.iter().map(sight));
            let copy = Some(copy);
            wire::job::Work::CopyAttached(wire::CopyAttached { copy, referrers, sights })
        }
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
    let Some(work) = job.work else {
        return Err(Invalid::value("this version does not know such work")).at("work");
    };
    let (source, referrers) = match work {
        wire::job::Work::Copy(copy) => (copy_from(Some(copy)).at("copy")?, Vec::new()),
        wire::job::Work::CopyAttached(attached) => {
            copy_attached_from(attached).at("copy_attached")?
        }
        wire::job::Work::CopyChart(copy) => (copy_chart_from(copy).at("copy_chart")?, Vec::new()),
    };
    let wire::Policy { overwrite, dry_run } = needed(job.policy).at("policy")?;
    Ok(Job {
        id: needed(job.id).at("id").and_then(|id| job_id_from(Some(id)))?,
        run: run_from(&job.run)?,
        seen: seen_from(job.seen)?,
        source,
        destination: tag_ref_from(job.destination).at("destination")?,
        referrers,
        policy: Policy { overwrite, dry_run },
        limits: limits_from(job.limits)?,
    })
}

fn copy_from(copy: Option<wire::Copy>) -> Result<Source, Invalid> {
    let wire::Copy { source, root, media_type } = needed(copy)?;
    let place = place_from(source).at("source")?;
    Ok(Source::Artifact { place, root: pin_from(root, &media_type)? })
}

fn copy_chart_from(copy: wire::CopyChart) -> Result<Source, Invalid> {
    let wire::CopyChart { chart, version, urls, archive } = copy;
    Ok(Source::Chart(ChartVersion {
        chart: needed(chart).and_then(chart_from).at("chart")?,
        version: name_from(version).at("version")?,
        urls: urls_from(urls)?,
        archive: digest_from(archive).at("archive")?,
    }))
}

fn copy_attached_from(attached: wire::CopyAttached) -> Result<(Source, Vec<Attached>), Invalid> {
    let wire::CopyAttached { copy, referrers, sights } = attached;
    let source = copy_from(copy).at("copy")?;
    let mut referrers = needed(referrers).and_then(attachments_from).at("referrers")?;
    let own: Vec<Digest> = referrers.iter().map(|attached| attached.descriptor.digest).collect();
    let sights = needed(sights).and_then(|sights| sights_from(sights, &own)).at("sights")?;
    if sights.len() != referrers.len() {
        let reason = format!("there are {} of {} referrers", sights.len(), referrers.len());
        return Err(Invalid::value(reason)).at("sights");
    }
    for (attached, Sight { seen, listed }) in referrers.iter_mut().zip(sights) {
        (attached.seen, attached.listed) = (seen, listed);
    }
    Ok((source, referrers))
}
