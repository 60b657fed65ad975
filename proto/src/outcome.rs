//! What came of jobs: outcomes, what is attached, and confirmed signatures.

use std::time::Duration;

use mirror_model::{MAX_ATTACHED, Outcome, ReferrerRow, Status, Verification};

use crate::Invalid;
use crate::attached::{Table, placed};
use crate::attempt::{job_id_from, job_id_to};
use crate::content::{digest_from, digest_to, tag_text_from};
use crate::path::{At, needed};
use crate::record::MAX_RECORD_BYTES;
use crate::status::{status_from, status_to};
use crate::text::{MAX_TEXT_BYTES, cut, nanos_to, text_from, text_to};
use crate::wire::job::v1 as wire;

/// What the errors of a row's referrers may take together: with their digests and numbers, a thousand of
/// them still fit a record.
const ERRORS_BYTES: usize = MAX_RECORD_BYTES / 4;
/// What the artifact types of a row's referrers may take together. Each is there once, however many rows
/// have it: some hundred that are as long as they may be (RFC 6838: 255 bytes) are not cut.
const TYPES_BYTES: usize = MAX_RECORD_BYTES / 2;
/// The least that each text may take, however many there are: the start of it.
const LEAST_TEXT_BYTES: usize = 32;

/// Writes an outcome. Of texts that are too long for a record the start is kept.
pub fn outcome_to(outcome: &Outcome) -> wire::Outcome {
    let (referrers, types) = referrers_to(&outcome.referrers);
    wire::Outcome {
        job: Some(job_id_to(outcome.job)),
        attempts: outcome.attempts,
        elapsed_nanos: nanos_to(outcome.elapsed),
        bytes: outcome.bytes,
        status: Some(status_to(&outcome.status, MAX_TEXT_BYTES)),
        digest: outcome.digest.map(digest_to),
        referrers,
        types,
    }
}

/// Reads an outcome.
///
/// # Errors
/// [`Invalid`] names the field, below `outcome`.
pub fn outcome_from(outcome: Option<wire::Outcome>) -> Result<Outcome, Invalid> {
    outcome_in(outcome).at("outcome")
}

pub(crate) fn outcome_in(outcome: Option<wire::Outcome>) -> Result<Outcome, Invalid> {
    let outcome = needed(outcome)?;
    let digest = outcome.digest.map(|digest| digest_from(Some(digest)).at("digest"));
    Ok(Outcome {
        job: job_id_from(outcome.job)?,
        attempts: outcome.attempts,
        elapsed: Duration::from_nanos(outcome.elapsed_nanos),
        bytes: outcome.bytes,
        status: status_from(outcome.status).at("status")?,
        digest: digest.transpose()?,
        referrers: referrers_from(outcome.referrers, outcome.types)?,
    })
}

/// Writes rows, and the artifact types that they have places of.
pub(crate) fn referrers_to(rows: &[ReferrerRow]) -> (Vec<wire::ReferrerRow>, Vec<String>) {
    let failed = rows.iter().filter(|row| matches!(row.status, Status::Failed(_))).count();
    let most = share(ERRORS_BYTES, failed);
    let mut types = Table::default();
    let written = rows.iter().map(|row| wire::ReferrerRow {
        digest: Some(digest_to(row.digest)),
        artifact_type: None,
        status: Some(status_to(&row.status, most)),
        r#type: row.artifact_type.as_deref().map_or(0, |text| types.place(text)),
        name: row.name.as_ref().map(ToString::to_string).unwrap_or_default(),
    });
    let written = written.collect();
    let most = share(TYPES_BYTES, types.values.len());
    (written, types.values.into_iter().map(|text| cut(text, most)).collect())
}

/// Returns what each of so many texts may take of what all of them may.
fn share(all: usize, texts: usize) -> usize {
    (all / texts.max(1)).clamp(LEAST_TEXT_BYTES, MAX_TEXT_BYTES)
}

/// Reads rows, and what they have places of.
pub(crate) fn referrers_from(
    rows: Vec<wire::ReferrerRow>,
    types: Vec<String>,
) -> Result<Vec<ReferrerRow>, Invalid> {
    if rows.len() > MAX_ATTACHED {
        let reason = format!("there are {}, {MAX_ATTACHED} are allowed", rows.len());
        return Err(Invalid::value(reason)).at("referrers");
    }
    let types = types.into_iter().enumerate();
    let types = types.map(|(index, text)| text_from(text).at_item("types", index));
    let types = types.collect::<Result<Vec<_>, _>>()?;
    let read = |row: wire::ReferrerRow| {
        let wire::ReferrerRow { digest, artifact_type, status, r#type, name } = row;
        let artifact_type = match placed(&types, r#type).at("type")? {
            found @ Some(_) => found,
            None => artifact_type.map(text_from).transpose().at("artifact_type")?,
        };
        let name = (!name.is_empty()).then(|| tag_text_from(&name)).transpose().at("name")?;
        Ok(ReferrerRow {
            digest: digest_from(digest).at("digest")?,
            artifact_type,
            name,
            status: status_from(status).at("status")?,
        })
    };
    let rows = rows.into_iter().enumerate();
    rows.map(|(index, row)| read(row).at_item("referrers", index)).collect()
}

/// Writes a signature's confirmation.
pub fn verification_to(verification: &Verification) -> wire::Verification {
    wire::Verification {
        provider: text_to(&verification.provider),
        issuer: verification.issuer.as_deref().map(text_to),
        identity: verification.identity.as_deref().map(text_to),
        integrated_time: verification.integrated_time,
        age_nanos: verification.age.map(nanos_to),
        min_age_nanos: verification.min_age.map(nanos_to),
    }
}

/// Reads a signature's confirmation.
///
/// # Errors
/// [`Invalid`] names the field, below `verification`.
pub fn verification_from(verification: wire::Verification) -> Result<Verification, Invalid> {
    let read = |verification: wire::Verification| {
        Ok(Verification {
            provider: text_from(verification.provider).at("provider")?,
            issuer: verification.issuer.map(text_from).transpose().at("issuer")?,
            identity: verification.identity.map(text_from).transpose().at("identity")?,
            integrated_time: verification.integrated_time,
            age: verification.age_nanos.map(Duration::from_nanos),
            min_age: verification.min_age_nanos.map(Duration::from_nanos),
        })
    };
    read(verification).at("verification")
}
