//! What came of jobs: outcomes, what is attached, and confirmed signatures.

use std::time::Duration;

use mirror_model::{Outcome, ReferrerRow, Verification};

use crate::Invalid;
use crate::attempt::{job_id_from, job_id_to};
use crate::content::{digest_from, digest_to};
use crate::path::{At, needed};
use crate::record::MAX_RECORD_BYTES;
use crate::status::{status_from, status_to};
use crate::text::{MAX_TEXT_BYTES, cut, nanos_to, text_from, text_to};
use crate::wire::job::v1 as wire;

/// What all texts of a row's referrers may take together: with their digests and numbers, a thousand
/// of them still fit a record.
const REFERRER_TEXTS_BYTES: usize = MAX_RECORD_BYTES / 4;
/// The least that each text of a referrer may take, however many there are: the start of an error.
const LEAST_TEXT_BYTES: usize = 32;

/// Writes an outcome. Of texts that are too long for a record the start is kept.
pub fn outcome_to(outcome: &Outcome) -> wire::Outcome {
    wire::Outcome {
        job: Some(job_id_to(outcome.job)),
        attempts: outcome.attempts,
        elapsed_nanos: nanos_to(outcome.elapsed),
        bytes: outcome.bytes,
        status: Some(status_to(&outcome.status, MAX_TEXT_BYTES)),
        digest: outcome.digest.map(digest_to),
        referrers: referrers_to(&outcome.referrers),
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
        referrers: referrers_from(outcome.referrers)?,
    })
}

pub(crate) fn referrers_to(rows: &[ReferrerRow]) -> Vec<wire::ReferrerRow> {
    let share = REFERRER_TEXTS_BYTES / (2 * rows.len()).max(1);
    let most = share.clamp(LEAST_TEXT_BYTES, MAX_TEXT_BYTES);
    let write = |row: &ReferrerRow| wire::ReferrerRow {
        digest: Some(digest_to(row.digest)),
        artifact_type: row.artifact_type.as_deref().map(|text| cut(text, most)),
        status: Some(status_to(&row.status, most)),
    };
    rows.iter().map(write).collect()
}

pub(crate) fn referrers_from(rows: Vec<wire::ReferrerRow>) -> Result<Vec<ReferrerRow>, Invalid> {
    let read = |row: wire::ReferrerRow| {
        Ok(ReferrerRow {
            digest: digest_from(row.digest).at("digest")?,
            artifact_type: row.artifact_type.map(text_from).transpose().at("artifact_type")?,
            status: status_from(row.status).at("status")?,
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
