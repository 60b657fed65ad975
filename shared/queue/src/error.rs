//! What may go wrong with NATS.

/// Why NATS did not do it.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// TEMPORARY
    #[error("temporary")]
    Temporary,
}
