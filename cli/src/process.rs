//! A process of a fleet: it serves until a signal, and says in one line why it could not.

use std::error::Error;

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::failure::Failed;
use crate::signals;

/// Serves until it has ended by itself or drained after a signal; a second signal ends the process.
pub(crate) fn serve<E: Error + 'static>(
    serve: impl AsyncFnOnce(CancellationToken) -> Result<(), E>,
) -> Result<u8, Failed> {
    runtime()?.block_on(async {
        let shutdown = CancellationToken::new();
        signals::cancel_on_signal(shutdown.clone())?;
        Box::pin(serve(shutdown)).await.map_err(|error| Failed::by(&error))?;
        Ok(0)
    })
}

/// Returns what runs everything that waits.
pub(crate) fn runtime() -> Result<Runtime, Failed> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::because("cannot start", &error))
}
