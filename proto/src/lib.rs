//! The wire form of jobs, plans, rows and events, and the only code that converts.
//!
//! [`wire`] holds what is generated; beside it stand the conversions to and from the model, which
//! refuse what is unspecified, absent or too large and name the field. A change of the wire shows in
//! the golden files of `tests/`.
#![forbid(unsafe_code)]

mod convert;
mod error;
mod event;
mod job;
mod plan;
mod record;
mod submit;
pub mod wire;

pub use convert::{
    AttemptRef, attempt_from, attempt_to, outcome_from, outcome_to, seen_from, seen_to, tag_from,
    tag_to,
};
pub use error::Invalid;
pub use event::{event_from, event_to};
pub use job::{JobHash, MAX_JOB_BYTES, decode_job, encode_job};
pub use plan::{PlanItem, PlanPart, PlannedPart, Work};
pub use record::{Intent, MAX_RECORD_BYTES, Record, Submitted, decode_batch, encode_batch};
pub use submit::{MAX_SUBMITTED_BYTES, SubmittedRun, submitted_from, submitted_to};
