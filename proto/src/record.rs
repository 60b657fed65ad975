//! The records of the log.

use mirror_model::{FirstLook, JobId, Naming, Outcome, Seen};
use mirror_oci::TagRef;

use crate::Invalid;
use crate::attached::{sights_from, sights_to};
use crate::attempt::{bytes_from, job_id_from, job_id_to};
use crate::content::{seen_from, seen_to, tag_ref_from, tag_to};
use crate::outcome::{outcome_in, outcome_to};
use crate::path::At;
use crate::plan::{PlanPart, part_from};
use crate::submit::{SubmittedRun, request_from, request_to};
use crate::text::{text_from, text_to};
use crate::wire::control::v1::SubmitRunRequest;
use crate::wire::log::v1::{self as wire, record::What};

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
        look: FirstLook,
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
    /// What the name is to the job.
    pub naming: Naming,
}

pub(crate) fn record_to(record: &Record) -> wire::Record {
    let what = match record {
        Record::Submitted(submitted) => What::Submitted(submitted_to(submitted)),
        Record::Planned(part) => What::Planned(part.to_wire()),
        Record::Seen { job, look: FirstLook { seen, referrers } } => {
            let (job, seen) = (Some(job_id_to(*job)), Some(seen_to(*seen)));
            let sights = sights_to(referrers.iter().map(|sight| (*sight, None)));
            What::Seen(wire::Sighting { job, seen, sights })
        }
        Record::Intent(intent) => What::Intent(intent_to(intent)),
        Record::Row(outcome) => What::Row(outcome_to(outcome)),
        Record::Lost(job) => What::Lost(wire::Lost { job: Some(job_id_to(*job)) }),
        Record::Cancelled => What::Cancelled(wire::Cancelled {}),
        Record::Ended { at } => What::Ended(wire::Ended { at: *at }),
        Record::Origin => What::Origin(wire::Origin {}),
        Record::Term { term, advertise } => {
            What::Term(wire::Term { term: *term, advertise: text_to(advertise) })
        }
        Record::Beat { term, advertise } => {
            What::Beat(wire::Beat { term: *term, advertise: text_to(advertise) })
        }
        Record::Resigned { term } => What::Resigned(wire::Resigned { term: *term }),
    };
    wire::Record { what: Some(what) }
}

pub(crate) fn record_from(record: wire::Record) -> Result<Record, Invalid> {
    let Some(what) = record.what else {
        return Err(Invalid::value("this version does not know such records"));
    };
    Ok(match what {
        What::Submitted(submitted) => {
            Record::Submitted(Box::new(submitted_from(submitted).at("submitted")?))
        }
        What::Planned(part) => Record::Planned(part_from(part).at("planned")?),
        What::Seen(sighting) => {
            let (job, look) = sighting_from(sighting).at("seen")?;
            Record::Seen { job, look }
        }
        What::Intent(intent) => Record::Intent(Box::new(intent_from(intent).at("intent")?)),
        What::Row(outcome) => Record::Row(Box::new(outcome_in(Some(outcome)).at("row")?)),
        What::Lost(wire::Lost { job }) => Record::Lost(job_id_from(job).at("lost")?),
        What::Cancelled(wire::Cancelled {}) => Record::Cancelled,
        What::Ended(wire::Ended { at }) => Record::Ended { at },
        What::Origin(wire::Origin {}) => Record::Origin,
        What::Term(wire::Term { term, advertise }) => {
            Record::Term { term, advertise: text_from(advertise).at("term.advertise")? }
        }
        What::Beat(wire::Beat { term, advertise }) => {
            Record::Beat { term, advertise: text_from(advertise).at("beat.advertise")? }
        }
        What::Resigned(wire::Resigned { term }) => Record::Resigned { term },
    })
}

#[expect(clippy::expect_used, reason = "what is written here came over the wire")]
fn submitted_to(submitted: &Submitted) -> wire::Submitted {
    let request = request_to(&submitted.run).expect("a run that was taken has no layouts");
    let SubmitRunRequest { entries, options, idempotency_key } = request;
    wire::Submitted {
        entries,
        options,
        idempotency_key,
        body_hash: submitted.body_hash.to_vec(),
        owner: text_to(&submitted.owner),
        at: submitted.at,
    }
}

fn submitted_from(submitted: wire::Submitted) -> Result<Submitted, Invalid> {
    let wire::Submitted { entries, options, idempotency_key, body_hash, owner, at } = submitted;
    Ok(Submitted {
        run: request_from(SubmitRunRequest { entries, options, idempotency_key })?,
        body_hash: bytes_from(&body_hash).at("body_hash")?,
        owner: text_from(owner).at("owner")?,
        at,
    })
}

#[expect(clippy::expect_used, reason = "what is written here came over the wire")]
fn intent_to(intent: &Intent) -> wire::Intent {
    wire::Intent {
        job: Some(job_id_to(intent.job)),
        name: Some(tag_to(&intent.name).expect("a name that a worker asked for is no layout's")),
        seen: Some(seen_to(intent.seen)),
        attempt: intent.attempt,
        set: match intent.naming {
            Naming::Value => false,
            Naming::Set => true,
        },
    }
}

fn sighting_from(sighting: wire::Sighting) -> Result<(JobId, FirstLook), Invalid> {
    let wire::Sighting { job, seen, sights } = sighting;
    let (job, seen) = (job_id_from(job)?, seen_from(seen)?);
    let referrers = sights.map(|sights| sights_from(sights, &[])).transpose().at("sights")?;
    Ok((job, FirstLook { seen, referrers: referrers.unwrap_or_default() }))
}

fn intent_from(intent: wire::Intent) -> Result<Intent, Invalid> {
    Ok(Intent {
        job: job_id_from(intent.job)?,
        name: tag_ref_from(intent.name).at("name")?,
        seen: seen_from(intent.seen)?,
        attempt: intent.attempt,
        naming: if intent.set { Naming::Set } else { Naming::Value },
    })
}
