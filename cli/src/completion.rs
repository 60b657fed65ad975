//! `completion`: a script for a shell.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::arguments::Arguments;
use crate::display;
use crate::failure::Failed;

/// Prints the script.
pub(crate) fn run(shell: Shell) -> Result<u8, Failed> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "flux-mirror", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Bash {
        // clap_complete 4.6 spells a hyphen in a program's name in two ways, and then finds none of
        // its commands.
        script = script.replace("flux__subcmd__mirror", "flux__mirror");
    }
    display::print(&script)?;
    Ok(0)
}
