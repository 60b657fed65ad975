//! How a command fails: lines on stderr, and exit 1.

use std::error::Error;
use std::io::Write;
use std::panic;
use std::process::ExitCode;

use mirror_config::ConfigErrors;
use mirror_model::{Failure, FailureKind, Stage};
use mirror_report::error_line;

/// Why a command did not run: a line each.
#[derive(Debug)]
pub(crate) struct Failed(Vec<String>);

impl Failed {
    /// Says one thing.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(vec![message.into()])
    }

    /// Says what could not be done, and why.
    pub(crate) fn because(message: &str, cause: &dyn Error) -> Self {
        Self::new(format!("{message}: {cause}"))
    }

    /// Says what an error and its causes say.
    pub(crate) fn by(error: &(dyn Error + 'static)) -> Self {
        Self::new(Failure::new(Stage::Run, FailureKind::Internal, error).message)
    }

    /// Says several things at once.
    pub(crate) fn all(lines: Vec<String>) -> Self {
        Self(lines)
    }

    /// Returns the lines as one text.
    pub(crate) fn text(&self) -> String {
        self.0.join("; ")
    }

    /// Prints the lines; the exit code is 1.
    pub(crate) fn print(self) -> ExitCode {
        let mut stderr = std::io::stderr().lock();
        for line in self.0 {
            let _ = writeln!(stderr, "{}", error_line(&line));
        }
        ExitCode::FAILURE
    }
}

impl From<ConfigErrors> for Failed {
    fn from(errors: ConfigErrors) -> Self {
        Self(errors.lines().collect())
    }
}

/// Makes a panic one line instead of a dump; the job it happened in fails, and the run goes on.
pub(crate) fn report_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or(String::new(), |location| format!(" at {location}"));
        let message = panic.payload_as_str().unwrap_or("no message");
        let line = error_line(&format!("internal error{place}: {message}"));
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }));
}
