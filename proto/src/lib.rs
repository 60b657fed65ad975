//! The wire form of jobs, plans, rows and events, and the only code that converts.
//!
//! [`wire`] holds what is generated; beside it stand the conversions to and from the model, which
//! refuse what is unspecified, absent or too large and name the field. A change of the wire shows in
//! the golden files of `tests/`.
#![forbid(unsafe_code)]

mod attached;
mod attempt;
mod batch;
mod chart;
mod content;
mod entry;
mod error;
mod event;
mod job;
mod options;
mod outcome;
mod path;
mod plan;
mod record;
mod status;
mod submit;
mod text;
mod watch;
pub mod wire;

pub use attempt::{AttemptRef, attempt_from, attempt_to, job_id_from, job_id_to, run_from, run_to};
pub use batch::{MAX_BATCH_BYTES, decode_batch, encode_batch, record_bytes};
pub use content::{seen_from, seen_to, tag_from, tag_to};
pub use error::Invalid;
pub use event::{event_from, event_to};
pub use job::{JobHash, MAX_JOB_BYTES, decode_job, decode_job_name, encode_job};
pub use options::{DEFAULT_CONCURRENCY, options_from, options_to};
pub use outcome::{outcome_from, outcome_to, verification_from, verification_to};
pub use plan::{PlanItem, PlanPart, PlannedPart, Work, settle_unfit};
pub use record::{Intent, MAX_RECORD_BYTES, Record, Submitted};
pub use status::{failure_from, failure_to};
pub use submit::{
    MAX_PLAIN_SUBMITTED_BYTES, MAX_SUBMITTED_BYTES, SubmittedRun, body_hash, submitted_from,
    submitted_to,
};
pub use text::MAX_TEXT_BYTES;
pub use watch::{WatchedPlan, WatchedRows};
