//! Plans runs, publishes their jobs, judges commits, and keeps the log.
#![forbid(unsafe_code)]

mod leader;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mirror_oci::RegistryHost;
use mirror_queue::{NatsOptions, Region};
use mirror_registry::Registries;
use mirror_rpc::ServerOptions;
use tokio_util::sync::CancellationToken;

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
    /// How registries are reached.
    pub registries: Arc<Registries>,
    /// Who it says it is.
    pub version: &'static str,
}

/// Why a coordinator ended.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// TEMPORARY
    #[error("temporary")]
    Temporary,
}

/// Serves until `shutdown`, or until another one leads in its place.
///
/// # Errors
/// What cannot be had at start; or that it was deposed.
pub async fn serve(
    _options: CoordinatorOptions,
    _shutdown: CancellationToken,
) -> Result<(), CoordinatorError> {
    std::future::ready(()).await;
    todo!()
}
