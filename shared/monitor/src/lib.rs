//! Serves the metrics and the health of a process over HTTP.
//!
//! `/metrics` in the text format of Prometheus (OpenMetrics), `/healthz` and `/readyz` for probes. What
//! is counted is for whoever counts; label values never hold tags, digests or repositories.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

/// What probes are told.
pub trait Health: Send + Sync + 'static {
    /// Returns whether the process works: one that does not is started again.
    fn is_alive(&self) -> bool;
    /// Returns whether the process can take work now.
    fn is_ready(&self) -> bool;
}

/// Why the port cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A port that is bound.
#[derive(Debug)]
pub struct Monitor;

impl Monitor {
    /// Binds `address`; port 0 takes any.
    ///
    /// # Errors
    /// [`MonitorError::Bind`].
    pub async fn bind(_address: SocketAddr) -> Result<Self, MonitorError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Returns the address that is bound.
    pub fn address(&self) -> SocketAddr {
        todo!()
    }

    /// Serves until `shutdown`.
    pub async fn serve(
        self,
        _registry: Arc<Registry>,
        _health: Arc<dyn Health>,
        _shutdown: CancellationToken,
    ) {
        std::future::ready(()).await;
        todo!()
    }
}
