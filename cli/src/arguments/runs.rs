//! The flags of `runs`.

use clap::{Args, Subcommand};

use super::{ClientFlags, FORMATS, Output, values};
use crate::display::Display;

/// The flags of `runs`.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Runs {
    #[command(subcommand)]
    pub(crate) command: RunsCommand,
}

/// What is done with runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the runs that the fleet knows, newest first
    #[command(after_help = "\
Examples:
  flux-mirror runs list --coordinator http://127.0.0.1:7443

  # The runs that are still under way
  flux-mirror runs list -o json | jq -r '.runs[] | select(.state == \"running\") | .run'")]
    List {
        #[command(flatten)]
        answer: Answer,

        #[command(flatten)]
        fleet: Fleet,
    },
    /// Show how far a run is
    #[command(after_help = "\
Examples:
  flux-mirror runs get 01JZ8Q4T7M3V5X9B2C6D8E0F1G --coordinator http://127.0.0.1:7443")]
    Get {
        /// Id of the run
        #[arg(value_name = "RUN", value_parser = values::run)]
        run: String,

        #[command(flatten)]
        answer: Answer,

        #[command(flatten)]
        fleet: Fleet,
    },
    /// Show a run from its begin to its end, as sync shows its own
    Watch(Watch),
    /// End a run: what has not been copied yet fails as cancelled
    #[command(after_help = "\
Examples:
  flux-mirror runs cancel 01JZ8Q4T7M3V5X9B2C6D8E0F1G --coordinator http://127.0.0.1:7443")]
    Cancel {
        /// Id of the run
        #[arg(value_name = "RUN", value_parser = values::run)]
        run: String,

        #[command(flatten)]
        answer: Answer,

        #[command(flatten)]
        fleet: Fleet,
    },
}

/// The flags of `runs watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
SIGINT or SIGTERM ends the watching, not the run, with exit code 130.

Exit codes:
  0  every tag was copied or skipped as expected
  1  a tag or an entry failed, or the run cannot be watched
  2  nothing failed, and a tag drifted (see --drift-exit-code)

Examples:
  flux-mirror runs watch 01JZ8Q4T7M3V5X9B2C6D8E0F1G --coordinator http://127.0.0.1:7443

  # The report of a run that has ended
  flux-mirror runs watch 01JZ8Q4T7M3V5X9B2C6D8E0F1G -o yaml")]
pub(crate) struct Watch {
    /// Id of the run
    #[arg(value_name = "RUN", value_parser = values::run)]
    pub(crate) run: String,

    /// What is printed on stdout: lines for people, or the report as a document
    #[arg(
        short,
        long,
        value_name = FORMATS,
        value_enum,
        default_value = "text",
        hide_possible_values = true
    )]
    pub(crate) output: Output,

    /// Exit code where a tag drifted and nothing failed; 0 to 255
    #[arg(
        long,
        value_name = "N",
        default_value = "2",
        value_parser = values::drift_exit_code,
        allow_hyphen_values = true
    )]
    pub(crate) drift_exit_code: u8,

    /// Log every operation on stderr instead of lines and progress
    #[arg(long)]
    pub(crate) verbose: bool,

    /// No live progress; lines and summary still print
    #[arg(long)]
    pub(crate) no_progress: bool,

    #[command(flatten)]
    pub(crate) fleet: Fleet,
}

/// The form of an answer.
#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// The form of the answer
    #[arg(
        short,
        long,
        value_name = FORMATS,
        value_enum,
        default_value = "text",
        hide_possible_values = true
    )]
    pub(crate) output: Output,
}

/// Which fleet, and how it is reached.
#[derive(Debug, Args)]
pub(crate) struct Fleet {
    /// Coordinators of the fleet, tried in turn; the leader is followed
    #[arg(
        long,
        required = true,
        value_name = "URL[,URL]",
        env = "FLUX_MIRROR_COORDINATOR",
        value_delimiter = ',',
        value_parser = values::coordinator
    )]
    pub(crate) coordinator: Vec<String>,

    #[command(flatten)]
    pub(crate) client: ClientFlags,
}

impl Watch {
    /// Returns how the run is shown.
    pub(crate) fn display(&self) -> Display {
        let Self { output, verbose, no_progress, .. } = *self;
        Display { output, verbose, no_progress }
    }
}
