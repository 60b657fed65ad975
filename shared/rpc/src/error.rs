//! Why a coordinator could not be reached or served.

/// Why a coordinator could not be reached or served.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// TEMPORARY
    #[error("temporary")]
    Temporary,
}
