//! What both processes of a fleet take: registries, metrics, logs.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What both processes of a fleet take.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registries, metrics and logs")]
pub(crate) struct ProcessFlags {
    /// Config whose hosts say how registries are reached; its entries are not read
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_HOSTS")]
    pub(crate) hosts: Option<PathBuf>,

    /// Address that serves /metrics, /healthz and /readyz [default: none]
    #[arg(long, value_name = "ADDRESS", env = "FLUX_MIRROR_METRICS")]
    pub(crate) metrics: Option<SocketAddr>,

    /// Form of the log on stderr
    #[arg(
        long,
        value_name = "text|json",
        value_enum,
        default_value = "text",
        hide_possible_values = true,
        env = "FLUX_MIRROR_LOG_FORMAT"
    )]
    pub(crate) log_format: LogFormat,

    /// Least level that is logged
    #[arg(
        long,
        value_name = "error|warn|info|debug|trace",
        value_enum,
        default_value = "info",
        hide_possible_values = true,
        env = "FLUX_MIRROR_LOG_LEVEL"
    )]
    pub(crate) log_level: LogLevel,
}

/// The form of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// A JSON object a line
    Json,
}

/// A level of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Someone must act
    Error,
    /// Someone should look
    Warn,
    /// The life of the process and of its runs
    Info,
    /// The steps of jobs
    Debug,
    /// Everything
    Trace,
}
