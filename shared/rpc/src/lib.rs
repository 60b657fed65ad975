//! Reaches and guards a coordinator over gRPC: addresses, the leader, TLS, tokens.
//!
//! What is said over the connection is for `proto` and whoever speaks; here is how it is had, and who
//! may have it. Plaintext goes to loopback alone, unless it was asked for.
#![forbid(unsafe_code)]

mod address;
mod cause;
mod client;
mod connect;
mod error;
mod file;
mod identity;
mod limits;
mod server;
mod token;
mod trust;
mod turn;
mod wire;

pub use cause::Objection;
pub use client::{Bearer, Channel, ClientOptions, Dialer, LEADER_TRAILER};
pub use connect::{Connection, ConnectionError};
pub use error::{Attempt, Attempts, RpcError};
pub use identity::Identity;
pub use limits::{CONNECT_TIMEOUT, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, MAX_MESSAGE_BYTES};
pub use server::{Guard, ServerOptions, not_leading};

#[cfg(test)]
mod tests;
