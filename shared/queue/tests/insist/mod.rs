//! Asking a server again that was away, or is not ready yet.

use mirror_queue::QueueError;

/// Asks until there is an answer. Errors that asking again cannot help are none.
pub(crate) async fn insist<T>(ask: impl AsyncFn() -> Result<T, QueueError>) -> T {
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.retry(), "{error}"),
        }
    }
}
