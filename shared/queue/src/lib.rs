//! Carries jobs over JetStream, and keeps the log and the leadership in it.
//!
//! Delivery is at least once: the queue redelivers jobs whose worker was lost, and never decides that
//! a job has failed. Names of streams, subjects and consumers appear in this crate only.
#![forbid(unsafe_code)]

mod error;
mod jobs;
mod log;
mod nats;
mod pull;
mod region;
mod timing;

pub use error::QueueError;
pub use jobs::{Depth, JobStream, JobStreamOptions, Published};
pub use log::{Appended, LogOptions, LogSubject, Logged, RunLog, Stamp, Tail};
pub use nats::{Nats, NatsOptions};
pub use pull::{Delivery, Pull};
pub use region::{InvalidRegion, Region};
pub use timing::Timing;
