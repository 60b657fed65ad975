//! Faults of one process: each is made to happen, and each ends as promised.
//!
//! F17 to F19, F24 to F27, F43 and F44 of the design; what becomes of the bytes of a single transfer
//! is `transfers.rs`'.

mod attempts;
mod cancelling;
mod deadlines;
mod entries;
mod pauses;
mod plans;
mod shares;
mod silence;
mod tags;
