//! Serves the metrics and the health of a process over HTTP.
//!
//! `/metrics` in the text format of Prometheus (`OpenMetrics`), `/healthz` and `/readyz` for probes. What
//! is counted is for whoever counts; label values never hold tags, digests or repositories. Requests
//! are small, short and few, whoever sends them: each has a connection and ten seconds of its own.
#![forbid(unsafe_code)]

mod requests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub use requests::Requests;

/// What `/metrics` is sent as.
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Connections at once: a scraper and the probes are a handful.
const MAX_CONNECTIONS: usize = 64;

/// The head of a request, all headers included; hyper takes no less than 8 KiB.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may last, slow readers included: the scraper's own usual bound.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The wait after a connection that could not be had: too many open files do not go at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

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
pub struct Monitor {
    listener: TcpListener,
    address: SocketAddr,
}

impl Monitor {
    /// Binds `address`; port 0 takes any.
    ///
    /// # Errors
    /// [`MonitorError::Bind`].
    pub async fn bind(address: SocketAddr) -> Result<Self, MonitorError> {
        let failed = |source| MonitorError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Returns the address that is bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`; what is under way then is cut off.
    pub async fn serve(
        self,
        registry: Arc<Registry>,
        health: Arc<dyn Health>,
        shutdown: CancellationToken,
    ) {
        info!(address = %self.address, "serving /metrics, /healthz and /readyz");
        let router = router(registry, health);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                    match accepted {
                        Ok((stream, _)) => {
                            connections.spawn(answer(stream, router.clone()));
                        }
                        Err(error) => {
                            warn!(%error, "no connection to the monitor's port");
                            sleep(ACCEPT_PAUSE).await;
                        }
                    }
                }
            }
        }
    }
}

/// Answers one request.
async fn answer(stream: TcpStream, router: Router) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .keep_alive(false);
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(CONNECTION_TIMEOUT, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(error, "a request to the monitor's port broke"),
        Err(_elapsed) => debug!("a request to the monitor's port took too long"),
    }
}

#[derive(Clone)]
struct Told {
    registry: Arc<Registry>,
    health: Arc<dyn Health>,
}

fn router(registry: Arc<Registry>, health: Arc<dyn Health>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(Told { registry, health })
}

async fn metrics(State(told): State<Told>) -> Response {
    let mut text = String::new();
    if let Err(error) = encode(&mut text, &told.registry) {
        warn!(%error, "the metrics cannot be written");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(header::CONTENT_TYPE, HeaderValue::from_static(METRICS_TYPE))], text).into_response()
}

async fn healthz(State(told): State<Told>) -> Response {
    probe(told.health.is_alive(), "ok", "failing")
}

async fn readyz(State(told): State<Told>) -> Response {
    probe(told.health.is_ready(), "ready", "unready")
}

fn probe(good: bool, yes: &'static str, no: &'static str) -> Response {
    let (status, word) =
        if good { (StatusCode::OK, yes) } else { (StatusCode::SERVICE_UNAVAILABLE, no) };
    (status, word).into_response()
}

#[cfg(test)]
mod tests;
