//! Integration tests: one binary, a file per subject, through the built program and public doors.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

#[macro_use]
mod modes;

mod auth;
mod charts;
mod cli;
mod control;
#[cfg(feature = "test-clients")]
mod deploy;
mod examples;
mod faults;
mod fleet;
mod habits;
mod judges;
mod layers;
mod layouts;
mod limits;
mod logins;
mod output;
mod quickstart;
mod real;
mod referrers;
mod release;
mod requests;
mod scale;
mod schemas;
mod secret;
mod sigstore;
mod threats;
mod transfers;
