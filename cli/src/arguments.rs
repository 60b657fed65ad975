//! What the user typed, and what the environment says in its place.
//!
//! A flag stands above its variable, and a variable that is empty counts as unset. What is wrong
//! with a value is one line that names the flag; nothing is read or reached before all are in order.

mod client;
mod coordinator;
mod hosts;
mod keygen;
mod login;
mod nats;
mod process;
mod runs;
mod secret;
mod sync;
mod values;
mod worker;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{
    Arg, Args, Command as Program, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};
use clap_complete::Shell;
use mirror_model::GoDuration;

pub(crate) use self::client::ClientFlags;
pub(crate) use self::coordinator::Coordinator;
pub(crate) use self::hosts::HostFlags;
pub(crate) use self::keygen::Keygen;
pub(crate) use self::login::Login;
pub(crate) use self::nats::NatsFlags;
pub(crate) use self::process::{LogFormat, LogLevel, ProcessFlags};
pub(crate) use self::runs::{Fleet, Runs, RunsCommand, Watch};
pub(crate) use self::secret::{ClusterFlags, Secret};
pub(crate) use self::sync::Sync;
pub(crate) use self::worker::Worker;
use crate::environment::environment;
use crate::failure::Failed;

/// Where `--help` lists what every command takes.
const GLOBAL: &str = "Global options";

/// Mirrors OCI artifacts and Helm charts between registries, declaratively.
#[derive(Debug, Parser)]
#[command(name = "flux-mirror", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// Time for each job of a run, over all its attempts, while it works; for all that login or secret
    /// does once it has read its config; of no meaning to other commands. A Go duration such as 90s or
    /// 1h30m, greater than 0
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        value_name = "DURATION",
        default_value = "5m",
        value_parser = values::budget,
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
    Sync(Box<Sync>),
    /// Find, watch and cancel the runs of a fleet
    Runs(Runs),
    /// Plan runs and hand their jobs to workers: the head of a fleet
    Coordinator(Box<Coordinator>),
    /// Copy what a coordinator has planned: the hands of a fleet
    Worker(Box<Worker>),
    /// Store the credentials of a config's hosts as docker login does
    Login(Login),
    /// Put the credentials of a config's hosts into a Secret of Kubernetes
    Secret(Box<Secret>),
    /// Make a pair of keys for credential.jwkPath of a config
    Keygen(Keygen),
    /// Print the version
    Version(Version),
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
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
    let parsed = program(&environment()).try_get_matches();
    match parsed.and_then(|mut matches| Arguments::from_arg_matches_mut(&mut matches)) {
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

/// Returns the program's commands and flags. No help shows what the environment holds.
fn program(environment: &dyn Fn(&str) -> Option<String>) -> Program {
    let is_empty = |name: &str| environment(name).is_some_and(|value| value.is_empty());
    prepared(Arguments::command(), &|argument| {
        let argument = argument.hide_env_values(true);
        let unset = argument.get_env().and_then(|name| name.to_str()).is_some_and(is_empty);
        if unset { argument.env(None::<&str>) } else { argument }
    })
}

/// Changes every argument of a command and of the commands below it.
fn prepared(program: Program, change: &dyn Fn(Arg) -> Arg) -> Program {
    program.mut_args(change).mut_subcommands(|program| prepared(program, change))
}

/// What is wrong, without the tips and the usage that clap adds.
fn one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is required, see flux-mirror --help".to_owned();
    }
    let text = without_password(error, error.render().to_string());
    // clap sets the parts off by empty lines.
    let first = text.split("\n\n").next().unwrap_or_default();
    let words = first.trim_start_matches("error: ").split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

/// A URL that is refused for its password is named without it.
fn without_password(error: &clap::Error, text: String) -> String {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return text;
    };
    match value.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)))
    {
        Some((scheme, (_, host))) => text.replace(value, &format!("{scheme}://…@{host}")),
        None => text,
    }
}

#[cfg(test)]
mod tests;
