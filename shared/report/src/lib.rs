//! Renders the report, the text lines, the progress and the exit code.
//!
//! [`Output`] is what a run is watched by: it takes the run's events, writes lines, log or progress
//! from them as they come, and the summary or the document at the end. It writes into what it is
//! handed, in a thread of its own, so that a reader who is slow or has stopped holds nobody up.
//! Every text from outside passes [`printable`] on its way to a terminal. A report is rendered from
//! the [`Report`](mirror_model::Report) alone, never from events.
#![forbid(unsafe_code)]

mod document;
mod envelope;
mod exit;
mod inbox;
mod lines;
mod log;
mod names;
mod output;
mod printable;
mod progress;
mod rounding;
mod schema;
mod screen;
mod stderr;
mod verbose;
mod warning;

pub use document::{ReportMeta, ReportVersion, render_json, render_yaml};
pub use exit::exit_code;
pub use lines::{error_line, notice_line};
pub use names::EntryNames;
pub use output::{Format, Live, Output, OutputOptions, RunStart, StreamKind};
pub use printable::{MAX_PRINTABLE, printable};
pub use schema::schema;
pub use warning::warning_line;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod tests;
