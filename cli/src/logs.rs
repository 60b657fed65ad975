//! The log of a process of a fleet: on stderr, as text or JSON.
//!
//! What comes from a registry is a field, never the message; control characters in fields are
//! escaped by what formats them. Escape codes are written to a terminal alone.

use std::io::IsTerminal;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::arguments::{LogFormat, LogLevel, ProcessFlags};
use crate::environment::color;
use crate::failure::Failed;

/// What the targets of our crates begin with.
const OURS: [&str; 2] = ["mirror_", "flux_mirror"];

/// What the targets of AWS's library begin with: its warnings show the answers that it cannot use, keys and
/// all. What comes of them is an error, which we tell.
const SILENCED: &str = "aws_";

/// Begins to log.
pub(crate) fn begin(flags: &ProcessFlags) -> Result<(), Failed> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match flags.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal() && color()).boxed(),
        LogFormat::Json => lines.with_ansi(false).json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(targets(flags.log_level)))
        .try_init()
        .map_err(|error| Failed::because("cannot start the log", &error))
}

/// Our crates log at `level`; of others, warnings and errors are enough: what they trace may be requests and
/// answers with secrets in them.
fn targets(level: LogLevel) -> Targets {
    let (ours, others) = match level {
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        LogLevel::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::WARN),
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::WARN),
        LogLevel::Trace => (LevelFilter::TRACE, LevelFilter::WARN),
    };
    let targets = Targets::new().with_default(others).with_target(SILENCED, LevelFilter::OFF);
    targets.with_targets(OURS.map(|target| (target, ours)))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn other_crates_are_quiet() {
        let check = |level, target, least: Level, expected| {
            assert_eq!(targets(level).would_enable(target, &least), expected, "{target} {least}");
        };
        check(LogLevel::Info, "mirror_worker::link", Level::INFO, true);
        check(LogLevel::Info, "flux_mirror", Level::INFO, true);
        check(LogLevel::Info, "mirror_worker::link", Level::DEBUG, false);
        check(LogLevel::Debug, "mirror_worker::link", Level::DEBUG, true);
        check(LogLevel::Debug, "h2::client", Level::INFO, false);
        check(LogLevel::Debug, "async_nats", Level::WARN, true);
        check(LogLevel::Error, "async_nats", Level::WARN, false);
        check(LogLevel::Trace, "mirror_worker::link", Level::TRACE, true);
        check(LogLevel::Trace, "h2::client", Level::INFO, false);
        check(LogLevel::Trace, "aws_config::web_identity_token", Level::ERROR, false);
    }
}
