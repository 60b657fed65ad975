//! Entry, plan, job, outcome, row, report and event: plain data that cannot hold a secret.
//!
//! Nothing here does anything, and nothing here says how it looks on a wire or a screen: `proto` and
//! `report` do. Exactly one [`Outcome`] ends each [`Job`]; events may be lost, outcomes may not.
#![forbid(unsafe_code)]

mod attached;
mod duration;
mod entry;
mod event;
mod failure;
mod job;
mod observer;
mod outcome;
mod plan;
mod report;

pub use attached::{Attached, FirstLook, MAX_ATTACHED, Naming, Sight};
pub use duration::{GoDuration, InvalidDuration};
pub use entry::{Chart, Entry, EntryIndex, EntrySource, Identity, VerifyPolicy};
pub use event::{BlobOutcome, Event, Warning};
pub use failure::{Failure, FailureKind, Stage};
pub use job::{Job, JobId, Limits, Pin, Policy, RunId, RunOptions, Seen, Source};
pub use observer::Observer;
pub use outcome::{Outcome, ReferrerRow, SkipReason, Status, Verification};
pub use plan::{EntryPlan, Planned};
pub use report::{EntryReport, Report, Row, Summary};
