//! Reaches and guards a coordinator over gRPC: addresses, the leader, TLS, tokens.
//!
//! What is said over the connection is for `proto` and whoever speaks; here is how it is had, and who
//! may have it. Plaintext goes to loopback alone, unless it was asked for.
#![forbid(unsafe_code)]

mod client;
mod error;
mod server;

pub use client::{ClientOptions, Dialer, LEADER_TRAILER};
pub use error::RpcError;
pub use server::{Guard, ServerOptions};
