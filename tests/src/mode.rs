//! Where the runs of a test are done, and what they printed.
//!
//! Within [`within`], each `sync` of a [`Binary`](crate::binary::Binary) is handed to a fleet where
//! one is given, and what it printed is kept for whoever compares. Outside of it, runs are those of
//! one process, and nothing is kept.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::process::Command;

use crate::binary::Finished;

/// What tells `sync` that its runs are a fleet's.
const COORDINATOR: &str = "FLUX_MIRROR_COORDINATOR";

/// A `sync` that a test has made.
#[derive(Clone, Debug)]
pub struct Run {
    /// The config as it was when the run began; empty where it is no file.
    pub config: String,
    /// How it ended; none where the test did not wait for that.
    pub finished: Option<Finished>,
}

/// The runs of a test so far, in the order in which they were begun.
type Runs = Arc<Mutex<Vec<Run>>>;

#[derive(Clone)]
struct Mode {
    coordinator: Option<String>,
    runs: Runs,
}

tokio::task_local! {
    static MODE: Mode;
}

/// Does a test, its runs in process or over the fleet of a coordinator; returns these runs.
pub async fn within(coordinator: Option<String>, test: impl Future<Output = ()>) -> Vec<Run> {
    let runs = Runs::default();
    MODE.scope(Mode { coordinator, runs: Arc::clone(&runs) }, test).await;
    std::mem::take(&mut runs.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Returns whether the runs of this test are a fleet's.
pub fn is_fleet() -> bool {
    MODE.try_with(|mode| mode.coordinator.is_some()).unwrap_or(false)
}

/// Returns what is expected in this mode.
pub fn either<T>(in_process: T, over_a_fleet: T) -> T {
    if is_fleet() { over_a_fleet } else { in_process }
}

/// Where how a run ended is written down.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    runs: Runs,
    index: usize,
}

impl Note {
    /// Writes down how it ended.
    pub(crate) fn write(&self, finished: &Finished) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        // A test may be over before its runs are.
        if let Some(run) = runs.get_mut(self.index) {
            run.finished = Some(finished.clone());
        }
    }
}

/// Hands a `sync` to where this test's runs are done; other commands are left alone.
pub(crate) fn direct(command: &mut Command, folder: &Path) -> Option<Note> {
    let mut arguments = command.as_std().get_args();
    if arguments.next()? != "sync" {
        return None;
    }
    let config = arguments.next().map(|name| folder.join(name));
    let mode = MODE.try_with(Clone::clone).ok()?;
    if let Some(coordinator) = &mode.coordinator {
        command.env(COORDINATOR, coordinator);
    }
    let config = config.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
    let mut runs = mode.runs.lock().unwrap_or_else(PoisonError::into_inner);
    runs.push(Run { config, finished: None });
    Some(Note { runs: Arc::clone(&mode.runs), index: runs.len() - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;

    #[tokio::test]
    async fn a_run_is_done_where_the_test_says_and_kept() {
        for (coordinator, says) in [(None, "here"), (Some("there".to_owned()), "there")] {
            let test = async {
                // A shell whose script has the name of the command.
                let shell = Binary::new("/bin/sh");
                shell.write("sync", format!("echo ${{{COORDINATOR}-here}} $1"));
                shell.write("mirror.yaml", "kind: Config");
                let first = shell.call(["sync", "mirror.yaml"]);
                let second = shell.call(["sync", "-"]).run().await;
                assert_eq!(second.stdout, format!("{} -\n", either("here", "there")));
                first.run().await.assert_code(0);
                shell.call(["-c", "true"]).run().await.assert_code(0);
            };
            let runs = within(coordinator, test).await;
            let said: Vec<_> = runs
                .iter()
                .map(|run| (&*run.config, &*run.finished.as_ref().unwrap().stdout))
                .collect();
            let expected = [format!("{says} mirror.yaml\n"), format!("{says} -\n")];
            assert_eq!(said, [("kind: Config", &*expected[0]), ("", &*expected[1])]);
        }
    }
}
