//! How a run is shown: on this process's own streams, as the flags say.

use std::io::{IsTerminal, Write};

use mirror_report::{Format, Live, Output, OutputOptions, StreamKind};
use serde::Serialize;

use crate::arguments::Output as OutputFlag;
use crate::environment::color;
use crate::failure::Failed;

/// What the flags say of how a run is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Display {
    /// `--output`.
    pub(crate) output: OutputFlag,
    /// `--verbose`.
    pub(crate) verbose: bool,
    /// `--no-progress`.
    pub(crate) no_progress: bool,
}

impl Display {
    /// Begins to show a run.
    pub(crate) fn open(self) -> Result<Output, Failed> {
        let color = color();
        let options = OutputOptions {
            format: match self.output {
                OutputFlag::Text => Format::Text,
                OutputFlag::Json => Format::Json,
                OutputFlag::Yaml => Format::Yaml,
            },
            live: match self {
                Self { verbose: true, .. } => Live::Verbose,
                Self { no_progress: true, .. } => Live::Nothing,
                Self { .. } => Live::Progress,
            },
            stdout: StreamKind::of(std::io::stdout().is_terminal(), color),
            stderr: StreamKind::of(std::io::stderr().is_terminal(), color),
        };
        Output::new(options, std::io::stdout(), std::io::stderr(), jiff::Zoned::now)
            .map_err(|error| Failed::because("cannot start the output", &error))
    }
}

/// Prints an answer: `text` for people, or `answer` as a document.
pub(crate) fn answer(
    output: OutputFlag,
    text: &str,
    answer: &impl Serialize,
) -> Result<(), Failed> {
    let unrendered = "cannot render the answer";
    match output {
        OutputFlag::Text => print(text),
        OutputFlag::Json => serde_json::to_string_pretty(answer)
            .map_err(|error| Failed::because(unrendered, &error))
            .and_then(|text| print(&(text + "\n"))),
        OutputFlag::Yaml => serde_saphyr::to_string(answer)
            .map_err(|error| Failed::because(unrendered, &error))
            .and_then(|text| print(&text)),
    }
}

/// Prints on stdout.
pub(crate) fn print(text: &str) -> Result<(), Failed> {
    let written = std::io::stdout().lock().write_all(text.as_bytes());
    written.map_err(|error| Failed::because("cannot write to stdout", &error))
}

/// Prints a line on stderr, as far as anybody is there to read it.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
