//! `completion`: a script for a shell; and what Flux asks its plugins for when somebody completes `flux mirror`.

use std::env::ArgsOs;
use std::ffi::{OsStr, OsString};
use std::iter;

use clap::CommandFactory;
use clap_complete::engine::complete;
use clap_complete::{CompletionCandidate, Shell, generate};

use crate::arguments::Arguments;
use crate::display;
use crate::failure::Failed;

/// The command by which programs made with Cobra ask each other for completions; the words so far follow, the
/// last of which is to be completed.
const ASK: &str = "__complete";
/// Cobra's word for: anything else would be wrong, file names too (`ShellCompDirectiveNoFileComp`).
const NOTHING_ELSE: u8 = 4;
/// Cobra's word for: as the shell does where it knows nothing better, by file names.
const AS_USUAL: u8 = 0;

/// Returns the words that are to be completed, where that is asked.
pub(crate) fn asked(mut arguments: ArgsOs) -> Option<Vec<OsString>> {
    (arguments.nth(1)? == ASK).then(|| arguments.collect())
}

/// Prints what the last of the words may become, each in a line with what it is, and then Cobra's word.
pub(crate) fn answer(words: Vec<OsString>) -> Result<u8, Failed> {
    let last = words.len();
    let is_flag = |text: &OsStr| text.as_encoded_bytes().starts_with(b"-");
    let wants_flag = words.last().is_some_and(|word| is_flag(word));
    let words = iter::once("flux-mirror".into()).chain(words).collect();
    // Without a folder it looks for no files: shells know better how to.
    let found = complete(&mut Arguments::command(), words, last, None).unwrap_or_default();
    // Flags are for whoever has begun one: where a config is wanted, they would be in the way of file names.
    let fits = |found: &&CompletionCandidate| {
        !found.is_hide_set() && (wants_flag || !is_flag(found.get_value()))
    };
    let shown: String = found.iter().filter(fits).map(line).collect();
    let then = if shown.is_empty() { AS_USUAL } else { NOTHING_ELSE };
    display::print(&format!("{shown}:{then}\n"))?;
    Ok(0)
}

fn line(candidate: &CompletionCandidate) -> String {
    let value = candidate.get_value().to_string_lossy();
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    match help.lines().next() {
        Some(help) => format!("{value}\t{help}\n"),
        None => format!("{value}\n"),
    }
}

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
