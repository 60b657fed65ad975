//! SIGINT and SIGTERM: the first cancels the run, a second ends the process.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::failure::Failed;

/// What a shell reports of a process that SIGINT ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Cancels `cancel` at the first signal. Must be called within a runtime.
pub(crate) fn cancel_on_signal(cancel: CancellationToken) -> Result<(), Failed> {
    let refused = |error| Failed::because("cannot listen for signals", &error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    tokio::spawn(async move {
        let mut next =
            async || tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () };
        next().await;
        cancel.cancel();
        next().await;
        #[expect(clippy::exit, reason = "a second signal ends the process at once")]
        std::process::exit(INTERRUPTED.into());
    });
    Ok(())
}
