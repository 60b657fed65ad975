//! A server's process: started, waited for, killed when dropped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::signals;

/// How long a server may take to listen; half a second is usual on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// What every server says once it listens, followed by the address.
const LISTENING: &str = "listening on ";

/// A server that listens.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    port: u16,
    folder: TempDir,
}

/// Returns an empty folder for a server.
pub(super) fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

impl Process {
    /// Starts `command` in `folder` and waits until it listens.
    ///
    /// Panics with its output when it ends before or takes longer than half a minute.
    pub(super) async fn start(command: Command, folder: TempDir) -> Self {
        Self::start_until(command, folder, listening).await
    }

    /// Starts `command` in `folder` and waits until its output tells the port, by `port`: 0 where it has
    /// none.
    ///
    /// Its stdin is a pipe that closes when this is dropped or the test's process ends, however that
    /// ends: a server that has children of its own ends with it. Panics as `start` does.
    pub(super) async fn start_until(
        mut command: Command,
        folder: TempDir,
        port: impl Fn(&str) -> Option<u16>,
    ) -> Self {
        let home = folder.path().join("home");
        fs::create_dir_all(&home).expect("our own folder");
        let log = File::create(log_path(folder.path())).expect("our own folder");
        let child = command
            .current_dir(folder.path())
            .env("HOME", &home)
            .env("DOCKER_CONFIG", home.join(".docker"))
            // Without it, distribution posts traces to whoever listens on port 4318.
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("cannot start {}: {error}", command.get_program().display())
        });
        let mut process = Self { child, port: 0, folder };
        let begin = Instant::now();
        loop {
            if let Some(port) = port(&process.output()) {
                process.port = port;
                return process;
            }
            let ended = process.child.try_wait().expect("a child can be asked");
            assert!(
                ended.is_none() && begin.elapsed() < PATIENCE,
                "{} does not listen ({ended:?})\n{}",
                command.get_program().display(),
                process.output()
            );
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns `127.0.0.1:PORT`.
    pub(super) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns all that it printed.
    pub(super) fn output(&self) -> String {
        let bytes = fs::read(log_path(self.folder.path())).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Ends it at once; its connections break.
    pub(super) fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Stops it where it stands, or lets it go on: connections stay, nothing is answered.
    pub(super) fn freeze(&self, frozen: bool) {
        signals::freeze(self.child.id(), frozen);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("output.log")
}

/// Returns the port of `listening on 127.0.0.1:PORT`, once the text goes on behind it.
fn listening(output: &str) -> Option<u16> {
    let address = &output[output.find(LISTENING)? + LISTENING.len()..];
    let end = address.find(|char: char| !char.is_ascii_digit() && !".:".contains(char))?;
    address[..end].rsplit_once(':')?.1.parse().ok()
}
