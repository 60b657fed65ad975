//! Plans runs, publishes their jobs, judges commits, and keeps the log.
//!
//! One coordinator leads, the others stand by. The leader's state and decisions are in `leader`, which
//! neither waits nor talks; what it wants done is done around it. The engine that plans and looks is that
//! of a run in process, and what the log holds is enough for another coordinator to go on.
#![forbid(unsafe_code)]

mod control;
mod dispatch;
mod driver;
mod judge;
mod lead;
mod leader;
mod link;
mod log;
mod metrics;
mod queues;
mod role;
mod serve;
mod standby;
mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mirror_monitor::MonitorError;
use mirror_oci::RegistryHost;
use mirror_queue::{InvalidRegion, NatsOptions, QueueError, Region};
use mirror_registry::Registries;
use mirror_rpc::{RpcError, ServerOptions};
use mirror_verify::Trust;

pub use serve::serve;

/// How a coordinator works.
pub struct CoordinatorOptions {
    /// How NATS is reached.
    pub nats: NatsOptions,
    /// How it is served.
    pub server: ServerOptions,
    /// The URL under which others reach it; by default made of what it listens on.
    pub advertise: Option<String>,
    /// Where metrics and health are served.
    pub metrics: Option<SocketAddr>,
    /// The regions of destinations; others are of `default`.
    pub regions: BTreeMap<RegistryHost, Region>,
    /// For how long a region may be without a worker before its jobs fail.
    pub schedule_timeout: Duration,
    /// Replicas of each stream: 1, 3 or 5.
    pub replicas: usize,
    /// The unit of the protocol's times.
    pub beat: Duration,
    /// By which root signatures are judged.
    pub trust: Arc<Trust>,
    /// How registries are reached.
    pub registries: Arc<Registries>,
    /// Who it says it is.
    pub version: &'static str,
}

/// Why a coordinator ended.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// NATS.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The door for workers and the command line.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The door for metrics and probes.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    /// The address that was bound is not known.
    #[error("cannot tell what address is listened on")]
    Socket(#[source] std::io::Error),
    /// Others cannot reach a wildcard.
    #[error(
        "{address} is every address of this machine: say by --advertise URL under which others reach it"
    )]
    Advertise {
        /// The address.
        address: SocketAddr,
    },
    /// The name of the default region is none.
    #[error(transparent)]
    Region(#[from] InvalidRegion),
    /// Another coordinator leads in its place.
    #[error("another coordinator leads in its place")]
    Deposed,
}
