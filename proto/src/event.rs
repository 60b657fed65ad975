//! Events that a worker tells of its jobs.

use std::time::Duration;

use mirror_model::{BlobOutcome, Event, JobId, Warning};

use crate::Invalid;
use crate::attempt::{job_id_from, job_id_to};
use crate::content::{digest_from, digest_to, media_type_from, tag_text_from};
use crate::path::{At, known, needed};
use crate::status::{failure_from, failure_to};
use crate::text::{nanos_to, text_from, text_to};
use crate::wire::worker::v1::{self as wire, event::What};

/// Writes an event of a job or a registry's notice; `None` for what does not travel: rows and plans,
/// which the log carries.
pub fn event_to(event: &Event) -> Option<wire::Event> {
    let (job, what) = match event {
        Event::JobStarted { job, source, destination } => {
            let (source, destination) = (text_to(source), text_to(destination));
            (Some(*job), What::Started(wire::JobStarted { source, destination }))
        }
        Event::JobSized { job, bytes } => (Some(*job), What::SizedBytes(*bytes)),
        Event::BytesSent { job, bytes } => (Some(*job), What::SentBytes(*bytes)),
        Event::BlobSettled { job, digest, how } => {
            let (digest, how) = (Some(digest_to(*digest)), how_to(*how).into());
            (Some(*job), What::Blob(wire::BlobSettled { digest, how }))
        }
        Event::ManifestPushed { job, digest, media_type } => {
            let (digest, media_type) = (Some(digest_to(*digest)), media_type.to_string());
            (Some(*job), What::Manifest(wire::ManifestPushed { digest, media_type }))
        }
        Event::JobRetrying { job, source, attempt, delay, failure } => {
            let retrying = wire::JobRetrying {
                source: text_to(source),
                attempt: *attempt,
                delay_nanos: nanos_to(*delay),
                failure: Some(failure_to(failure)),
            };
            (Some(*job), What::Retrying(retrying))
        }
        Event::FallbackTag { job, tag, updated } => {
            let (tag, updated) = (tag.to_string(), *updated);
            (Some(*job), What::FallbackTag(wire::FallbackTag { tag, updated }))
        }
        Event::Warning(Warning::Registry { host, message }) => {
            let (host, message) = (text_to(host), text_to(message));
            (None, What::Warning(wire::RegistryWarning { host, message }))
        }
        Event::Warning(Warning::TokenRealm { host, realm }) => {
            let (host, realm) = (text_to(host), text_to(realm));
            (None, What::Realm(wire::TokenRealm { host, realm }))
        }
        // Whose credentials they are, a fleet's processes say in their own logs.
        Event::Warning(
            Warning::Run { .. } | Warning::Entry { .. } | Warning::Credential { .. },
        )
        | Event::EntryPlanned { .. }
        | Event::EntryFailed { .. }
        | Event::RowSettled { .. } => return None,
    };
    Some(wire::Event { job: job.map(job_id_to), what: Some(what) })
}

/// Reads an event.
///
/// # Errors
/// [`Invalid`] names the field, below `event`; [`Invalid::Value`] of `event` itself for a kind of event
/// that this version does not know, which may be passed over.
pub fn event_from(event: wire::Event) -> Result<Event, Invalid> {
    event_in(event).at("event")
}

fn event_in(event: wire::Event) -> Result<Event, Invalid> {
    let wire::Event { job, what } = event;
    let job = || job_id_from(job);
    let Some(what) = what else {
        return Err(Invalid::value("this version does not know such events"));
    };
    Ok(match what {
        What::Started(started) => started_from(job()?, started).at("started")?,
        What::SizedBytes(bytes) => Event::JobSized { job: job()?, bytes },
        What::SentBytes(bytes) => Event::BytesSent { job: job()?, bytes },
        What::Blob(blob) => blob_from(job()?, blob).at("blob")?,
        What::Manifest(manifest) => manifest_from(job()?, manifest).at("manifest")?,
        What::Retrying(retrying) => retrying_from(job()?, retrying).at("retrying")?,
        What::FallbackTag(wire::FallbackTag { tag, updated }) => {
            let tag = tag_text_from(&tag).at("fallback_tag.tag")?;
            Event::FallbackTag { job: job()?, tag, updated }
        }
        What::Warning(wire::RegistryWarning { host, message }) => {
            let host = text_from(host).at("warning.host")?;
            let message = text_from(message).at("warning.message")?;
            Event::Warning(Warning::Registry { host, message })
        }
        What::Realm(wire::TokenRealm { host, realm }) => {
            let host = text_from(host).at("realm.host")?;
            let realm = text_from(realm).at("realm.realm")?;
            Event::Warning(Warning::TokenRealm { host, realm })
        }
    })
}

fn started_from(job: JobId, started: wire::JobStarted) -> Result<Event, Invalid> {
    let source = text_from(started.source).at("source")?;
    let destination = text_from(started.destination).at("destination")?;
    Ok(Event::JobStarted { job, source, destination })
}

fn blob_from(job: JobId, blob: wire::BlobSettled) -> Result<Event, Invalid> {
    let digest = digest_from(blob.digest).at("digest")?;
    let how = known(blob.how).and_then(how_from).at("how")?;
    Ok(Event::BlobSettled { job, digest, how })
}

fn manifest_from(job: JobId, manifest: wire::ManifestPushed) -> Result<Event, Invalid> {
    let digest = digest_from(manifest.digest).at("digest")?;
    let media_type = media_type_from(&manifest.media_type).at("media_type")?;
    Ok(Event::ManifestPushed { job, digest, media_type })
}

fn retrying_from(job: JobId, retrying: wire::JobRetrying) -> Result<Event, Invalid> {
    let wire::JobRetrying { source, attempt, delay_nanos, failure } = retrying;
    // Attempts are counted from 1.
    let attempt = needed((attempt > 0).then_some(attempt)).at("attempt")?;
    Ok(Event::JobRetrying {
        job,
        source: text_from(source).at("source")?,
        attempt,
        delay: Duration::from_nanos(delay_nanos),
        failure: failure_from(failure)?,
    })
}

fn how_to(how: BlobOutcome) -> wire::BlobOutcome {
    match how {
        BlobOutcome::Pushed => wire::BlobOutcome::Pushed,
        BlobOutcome::Existing => wire::BlobOutcome::Existing,
        BlobOutcome::Mounted => wire::BlobOutcome::Mounted,
    }
}

fn how_from(how: wire::BlobOutcome) -> Result<BlobOutcome, Invalid> {
    match how {
        wire::BlobOutcome::Unspecified => Err(Invalid::absent()),
        wire::BlobOutcome::Pushed => Ok(BlobOutcome::Pushed),
        wire::BlobOutcome::Existing => Ok(BlobOutcome::Existing),
        wire::BlobOutcome::Mounted => Ok(BlobOutcome::Mounted),
    }
}
