//! The runtime that a command works in: how it begins, and how it ends without waiting for ever.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::failure::Failed;

/// How long what still works when a command is done may go on: time enough to remove a file in the
/// making. What takes longer are questions to the system that nobody can break off, such as a name
/// that no name server answers for; their answers are not wanted any more.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Begins a runtime.
pub(crate) fn begin() -> Result<Runtime, Failed> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failed::because("cannot start", &error))
}

/// Ends a runtime. Signals are not listened for any more, so this must not take long.
pub(crate) fn end(runtime: Runtime) {
    runtime.shutdown_timeout(LAST_WORK);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// Far beyond what ending takes: only a test that fails waits for so long.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn what_the_system_does_not_answer_is_not_waited_for() {
        let runtime = begin().unwrap();
        let (_answer, question) = mpsc::channel::<()>();
        runtime.spawn_blocking(move || question.recv());
        let (done, ended) = mpsc::channel();
        thread::spawn(move || {
            end(runtime);
            done.send(())
        });
        assert_eq!(ended.recv_timeout(PATIENCE), Ok(()));
    }
}
