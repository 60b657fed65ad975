//! Why a worker cannot work.

use mirror_monitor::MonitorError;
use mirror_queue::QueueError;
use mirror_rpc::RpcError;

/// Why a worker ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// NATS cannot be used: its address, our identity, our permissions.
    #[error("cannot take jobs from NATS")]
    Queue(#[from] QueueError),
    /// Coordinators cannot be dialled as they were given.
    #[error("cannot reach a coordinator")]
    Coordinator(#[from] RpcError),
    /// The port of metrics and health cannot be served.
    #[error("cannot serve metrics")]
    Monitor(#[from] MonitorError),
}
