//! Carries jobs over JetStream, and keeps the log and the leadership in it.
//!
//! Delivery is at least once: the queue redelivers jobs whose worker was lost, and never decides that
//! a job has failed. Names of streams, subjects and consumers appear in this crate only.
#![forbid(unsafe_code)]

mod assets;
mod call;
mod connect;
mod error;
mod fetch;
mod identity;
mod jobs;
mod link;
mod log;
mod nats;
mod probe;
mod pull;
mod read;
mod region;
mod timing;
mod tls;

pub use error::{QueueError, Right};
pub use jobs::{Depth, JobStream, JobStreamOptions, Published};
pub use log::{Appended, LogOptions, LogSubject, Logged, RunLog, Stamp, Tail};
pub use nats::{Nats, NatsOptions};
pub use pull::{Delivery, Pull};
pub use region::{InvalidRegion, Region};
pub use timing::Timing;
