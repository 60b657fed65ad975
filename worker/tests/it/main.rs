//! A worker between a real NATS server, scripted registries, and a coordinator that says what the test
//! wants it to say.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod commits;
mod coordinator;
mod drain;
mod fleet;
mod hosts;
mod intake;
mod links;
mod monitor;
