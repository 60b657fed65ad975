//! How a worker works.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use mirror_charts::Charts;
use mirror_queue::{NatsOptions, Region};
use mirror_registry::Registries;
use mirror_rpc::ClientOptions;

/// How a worker works.
pub struct WorkerOptions {
    /// How NATS is reached.
    pub nats: NatsOptions,
    /// How coordinators are reached.
    pub coordinators: ClientOptions,
    /// The region whose jobs it takes.
    pub region: Region,
    /// Jobs at once.
    pub slots: NonZeroUsize,
    /// Destinations that it may write: prefixes of `host/repository`, whole path components; none is all.
    pub allowed: Vec<String>,
    /// Where metrics and health are served.
    pub metrics: Option<SocketAddr>,
    /// What a drain may take before what is left is handed back.
    pub drain: Duration,
    /// How registries are reached.
    pub registries: Arc<Registries>,
    /// How chart repositories are read.
    pub charts: Arc<Charts>,
    /// Who it says it is.
    pub version: &'static str,
}
