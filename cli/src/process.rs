//! A process of a fleet: it serves until a signal, and says in one line why it could not.

use std::error::Error;

use tokio_util::sync::CancellationToken;

use crate::failure::Failed;
use crate::{runtime, signals};

/// Serves until it has ended by itself or drained after a signal; a second signal ends the process.
pub(crate) fn serve<E: Error + 'static>(
    serve: impl AsyncFnOnce(CancellationToken) -> Result<(), E>,
) -> Result<u8, Failed> {
    let runtime = runtime::begin()?;
    let served = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        signals::cancel_on_signal(shutdown.clone())?;
        Box::pin(serve(shutdown)).await.map_err(|error| Failed::by(&error))?;
        Ok(0)
    });
    runtime::end(runtime);
    served
}
