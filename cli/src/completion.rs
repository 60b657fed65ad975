//! `completion`: a script for a shell.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::arguments::Arguments;
use crate::failure::Failed;

/// Prints the script.
pub(crate) fn run(shell: Shell) -> Result<u8, Failed> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "flux-mirror", &mut script);
    let written = std::io::stdout().lock().write_all(&script);
    written.map_err(|error| Failed::because("cannot write to stdout", &error))?;
    Ok(0)
}
