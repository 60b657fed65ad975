//! The client of a fleet: submits runs, watches them, and shows them as if they were of this process.
//!
//! What is shown follows from what the coordinator's log holds, row by row, whatever breaks on the
//! way: a stream that broke is taken up where it was, and a run that the fleet has lost is submitted
//! again by whoever submitted it. Only a fleet of which nobody ever answered ends the waiting.

mod link;
mod rows;
mod submission;
mod watcher;

pub(crate) use self::link::{CallError, Client, Link, Patience};
pub(crate) use self::rows::{MAX_ENTRIES, Rows};
pub(crate) use self::submission::run as sync;
pub(crate) use self::watcher::{Followed, Watcher, cancel_run};
