//! What the user typed.

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use mirror_model::GoDuration;

use crate::failure::Failed;

/// Where `--help` lists what every command takes.
const GLOBAL: &str = "Global options";

/// Mirrors OCI artifacts and Helm charts between registries, declaratively.
#[derive(Debug, Parser)]
#[command(name = "flux-mirror", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// Budget of each job, covering all its attempts, while it works: a Go duration such as 90s or
    /// 1h30m, greater than 0
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "DURATION",
        default_value = "5m",
        value_parser = budget,
        allow_hyphen_values = true
    )]
    pub(crate) timeout: GoDuration,

    /// Take the config as it stands, without substituting ${VARIABLES}
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) no_envsubst: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What an answer can be printed as, for `--help`.
const FORMATS: &str = "text|json|yaml";

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mirror everything that a config asks for
    Sync(Sync),
    /// Print the version
    Version(Version),
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
}

/// The flags of `sync`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "\
Exit codes:
  0  every tag was copied or skipped as expected
  1  a tag or an entry failed, or nothing could be run
  2  nothing failed, and a tag drifted (see --drift-exit-code)

Environment:
  FLUX_MIRROR_CONFIG       the config, where the argument is not given; empty is unset
  DOCKER_CONFIG            folder of the Docker config whose credentials are used
                           [default: ~/.docker]
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY
                           proxies, and the hosts that are reached without
  SSL_CERT_FILE, SSL_CERT_DIR
                           certificate authorities in place of the system's
  NO_COLOR                 no colours on a terminal, unless empty
  Whatever a config names  as ${NAME} (see --no-envsubst)

Examples:
  # Mirror what a config asks for
  flux-mirror sync mirror.yaml

  # See what would be done, as YAML, and write nothing
  flux-mirror sync mirror.yaml --dry-run -o yaml

  # Bring back every tag that has drifted
  flux-mirror sync mirror.yaml --overwrite

  # In CI, with a destination whose tags never move
  flux-mirror sync mirror.yaml --no-progress --drift-exit-code 0

  # The config from another program, the failed tags from the report
  render | flux-mirror sync - -o json | jq '.report.results[].tags[] | select(.error)'")]
pub(crate) struct Sync {
    /// Path of the config, or - for stdin
    #[arg(value_name = "CONFIG|-", env = "FLUX_MIRROR_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<OsString>,

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

    /// Tags that are copied at once, and blobs at once within one tag; greater than 0
    #[arg(
        long,
        value_name = "N",
        default_value = "4",
        value_parser = concurrency,
        allow_hyphen_values = true
    )]
    pub(crate) concurrency: NonZeroUsize,

    /// Attempts at a job after the first, within --timeout; 0 or more
    #[arg(
        long,
        value_name = "N",
        default_value = "3",
        value_parser = retries,
        allow_hyphen_values = true
    )]
    pub(crate) retries: u32,

    /// Overwrite what has drifted, whatever the entries say
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Exit code where a tag drifted and nothing failed; 0 to 255
    #[arg(
        long,
        value_name = "N",
        default_value = "2",
        value_parser = drift_exit_code,
        allow_hyphen_values = true
    )]
    pub(crate) drift_exit_code: u8,

    /// Plan and compare, and write nothing: would-copy, would-overwrite
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Log every operation on stderr instead of lines and progress
    #[arg(long)]
    pub(crate) verbose: bool,

    /// No live progress; lines and summary still print
    #[arg(long)]
    pub(crate) no_progress: bool,

    /// Check no certificate, and use plain HTTP where a host does not speak TLS: for tests alone
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Folder that oci-layout:// paths may be in, besides the config's own
    #[arg(long, value_name = "DIR")]
    pub(crate) layout_root: Option<PathBuf>,
}

/// The flags of `version`.
#[derive(Debug, Args)]
pub(crate) struct Version {
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

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// Reads the arguments; `None` where help or version was asked for, and printed.
pub(crate) fn parse() -> Result<Option<Arguments>, Failed> {
    match Arguments::try_parse() {
        Ok(arguments) => Ok(Some(arguments)),
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            error.print().map_err(|error| Failed::because("cannot write to stdout", &error))?;
            Ok(None)
        }
        Err(error) => Err(Failed::new(one_line(&error))),
    }
}

/// What is wrong, without the tips and the usage that clap adds.
fn one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is required, see flux-mirror --help".to_owned();
    }
    let text = error.render().to_string();
    // clap sets the parts off by empty lines.
    let first = text.split("\n\n").next().unwrap_or_default();
    let words = first.trim_start_matches("error: ").split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

fn budget(text: &str) -> Result<GoDuration, String> {
    match text.parse::<GoDuration>() {
        Ok(GoDuration(Duration::ZERO)) => Err("must be greater than 0".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}, greater than 0")),
    }
}

fn concurrency(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse::<NonZeroU32>().ok().and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("must be a number greater than 0, at most {}", u32::MAX))
}

fn retries(text: &str) -> Result<u32, String> {
    let number = text.parse::<u32>().ok().filter(|number| *number < u32::MAX);
    number.ok_or_else(|| {
        format!("must be a number greater than or equal to 0, at most {}", u32::MAX - 1)
    })
}

fn drift_exit_code(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_ignored| "must be a number from 0 to 255".to_owned())
}
