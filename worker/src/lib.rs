//! Pulls jobs, copies, asks before each name, and reports rows.
//!
//! A worker has jobs of one region, as many as it has slots, and only while its link to the leading
//! coordinator is up. Blobs flow whoever leads; a name is written only by a permission that was asked
//! for directly before and still holds. A row is kept until the coordinator says that it is in the log,
//! and the message of its job until then: a worker that dies at any moment costs a repetition, which
//! comes to the same row.
//!
//! **Draining**, at the end of the process or where the coordinator says so: nothing is pulled any
//! more. A job that asks for, or has, the permission to write a name goes on until it has its row or the
//! permission is over; all others are given back at once. Then the rows go out. What is left when the
//! grace period ends is given back or delivered again, and counts as no loss of this worker's.
#![forbid(unsafe_code)]

mod admit;
mod allowed;
mod commits;
mod copy;
mod engines;
mod error;
mod health;
mod held;
mod hosts;
mod intake;
mod line;
mod link;
mod metrics;
mod options;
mod outbox;
mod progress;
mod pulse;
mod serve;
mod session;
mod settle;

pub use error::WorkerError;
pub use options::WorkerOptions;
pub use serve::serve;
