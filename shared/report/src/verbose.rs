//! The `--verbose` log: a line for everything that happens, on stderr.
//!
//! Messages and keys are upstream's where its documentation names them (`sync.md`, "Verbose mode"),
//! among them `src` and `dst`.

use std::time::Duration;

use jiff::Zoned;
use mirror_model::{
    BlobOutcome, Event, GoDuration, PlanNote, ReferrerRow, Row, SkipReason, Status, Summary,
    Warning,
};

use crate::lines::Names;
use crate::log::LogLine;
use crate::output::RunStart;
use crate::rounding::rounded;

/// Writes the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VerboseLog;

impl VerboseLog {
    /// Returns the line of a run that begins.
    pub(crate) fn started(at: &Zoned, run: &RunStart) -> String {
        LogLine::new(at, "sync started")
            .with("entries", run.entries.len())
            .with_some("concurrency", run.concurrency)
            .with("retries", run.retries)
            .with("timeout", GoDuration(run.timeout))
            .end()
    }

    /// Returns the line of a run that has ended.
    pub(crate) fn complete(at: &Zoned, summary: &Summary, took: Duration) -> String {
        let some = |count: usize| (count > 0).then_some(count);
        LogLine::new(at, "sync complete")
            .with("entries", summary.entries)
            .with("copied", summary.copied)
            .with("overwritten", summary.overwritten)
            .with("skipped", summary.skipped)
            .with("drifted", summary.drifted)
            .with_some("wouldCopy", some(summary.would_copy))
            .with_some("wouldOverwrite", some(summary.would_overwrite))
            .with("failed", summary.failed)
            .with("duration", rounded(took))
            .end()
    }

    /// Returns the line that says how many lines are missing before it.
    pub(crate) fn left_out(at: &Zoned, lines: u64) -> String {
        LogLine::new(at, "log lines left out, the reader is slow").with("lines", lines).end()
    }

    /// Returns the lines of an event: none, one or several.
    pub(crate) fn event(at: &Zoned, event: &Event) -> String {
        match event {
            Event::EntryPlanned { entry, rows } => {
                LogLine::new(at, "entry planned").with("entry", entry.0).with("tags", rows).end()
            }
            Event::EntryFailed { source, failure, .. } => LogLine::new(at, "plan failed")
                .with("src", source)
                .with("error", &failure.message)
                .end(),
            Event::PlanNoted { source, note, .. } => noted(at, source, note),
            Event::JobStarted { source, destination, .. } => started_job(at, source, destination),
            Event::JobSized { .. } | Event::BytesSent { .. } => String::new(),
            Event::BlobSettled { digest, how, .. } => {
                let how = match how {
                    BlobOutcome::Pushed => "pushed",
                    BlobOutcome::Existing => "existing",
                    BlobOutcome::Mounted => "mounted",
                };
                LogLine::new(at, &format!("{how} blob: {digest}")).end()
            }
            Event::ManifestPushed { digest, media_type, .. } => {
                LogLine::new(at, &format!("pushed manifest: {digest}"))
                    .with("mediaType", media_type)
                    .end()
            }
            Event::FallbackTag { tag, updated: true, .. } => {
                LogLine::new(at, &format!("updating fallback tag {tag} with new referrer")).end()
            }
            Event::FallbackTag { tag, updated: false, .. } => {
                LogLine::new(at, &format!("fallback tag {tag} already had referrer")).end()
            }
            Event::JobRetrying { source, attempt, delay, failure, .. } => {
                LogLine::new(at, "job failed, retrying")
                    .with("src", source)
                    .with("attempt", attempt)
                    .with("delay", rounded(*delay))
                    .with("error", &failure.message)
                    .end()
            }
            Event::RowSettled { source, destination, tag, row, elapsed, .. } => {
                settled(at, Names { source, destination, tag }, row, *elapsed)
            }
            Event::Warning(warning) => warned(at, warning),
        }
    }
}

fn started_job(at: &Zoned, source: &str, destination: &str) -> String {
    let begins = if is_chart(source) { "mirroring chart" } else { "mirroring tag" };
    let job = LogLine::new(at, begins).with("src", source).with("dst", destination).end();
    job + &LogLine::new(at, &format!("Copying from {source} to {destination}")).end()
}

/// Returns whether a source is a chart's: only those are URLs of web servers.
fn is_chart(source: &str) -> bool {
    source.starts_with("https://") || source.starts_with("http://")
}

fn noted(at: &Zoned, source: &str, note: &PlanNote) -> String {
    match note {
        PlanNote::Excluded { version, reason } => LogLine::new(at, "version excluded by selector")
            .with("src", source)
            .with("version", version)
            .with("reason", reason)
            .end(),
        PlanNote::PassedOver { version, reason } => LogLine::new(at, "index entry passed over")
            .with("src", source)
            .with_some("version", version.as_ref())
            .with("reason", reason)
            .end(),
        PlanNote::More(count) => LogLine::new(at, "more versions excluded by selector")
            .with("src", source)
            .with("versions", count)
            .end(),
        PlanNote::Stopped { tag, left } => LogLine::new(at, "planning stops here")
            .with("src", format!("{source}:{tag}"))
            .with("tagsLeft", left)
            .end(),
    }
}

fn settled(at: &Zoned, names: Names<'_>, row: &Row, elapsed: Duration) -> String {
    let source = format!("{}:{}", names.source, row.tag);
    let mut lines = String::new();
    if row.status == Status::Drifted {
        let drifted = LogLine::new(at, "destination tag drifted from source")
            .with("src", &source)
            .with("dst", format!("{}:{}", names.destination, names.tag))
            .with_some("digest", row.digest);
        lines.push_str(&drifted.end());
    }
    if let (Status::Skipped(SkipReason::SignatureTooNew), Some(young)) =
        (&row.status, &row.verification)
    {
        let too_new = LogLine::new(at, "signature too new; skipping tag")
            .with("src", &source)
            .with_some("age", young.age.map(GoDuration))
            .with_some("minAge", young.min_age.map(GoDuration));
        lines.push_str(&too_new.end());
    }
    for referrer in &row.referrers {
        lines.push_str(&settled_referrer(at, &source, referrer));
    }
    let (reason, error) = details(&row.status);
    let done = LogLine::new(at, if is_chart(&source) { "chart done" } else { "tag done" })
        .with("src", &source)
        .with("status", row.status.as_str())
        .with("elapsed", rounded(elapsed))
        .with_some("reason", reason.map(SkipReason::as_str))
        .with_some("error", error);
    lines + &done.end()
}

fn settled_referrer(at: &Zoned, source: &str, referrer: &ReferrerRow) -> String {
    let (reason, error) = details(&referrer.status);
    LogLine::new(at, "referrer done")
        .with("src", source)
        .with("digest", referrer.digest)
        .with_some("artifactType", referrer.artifact_type.as_ref())
        .with("status", referrer.status.as_str())
        .with_some("reason", reason.map(SkipReason::as_str))
        .with_some("error", error)
        .end()
}

fn warned(at: &Zoned, warning: &Warning) -> String {
    match warning {
        // The `!` line says it already.
        Warning::Run { .. } | Warning::Entry { .. } => String::new(),
        Warning::Registry { host, message } => {
            LogLine::new(at, "registry warning").with("host", host).with("message", message).end()
        }
        Warning::Credential { host, source } => {
            LogLine::new(at, "using credential").with("host", host).with("source", source).end()
        }
        Warning::TokenRealm { host, realm } => LogLine::new(at, "token realm on another host")
            .with("host", host)
            .with("realm", realm)
            .end(),
    }
}

/// Returns the reason of a skip and the error of a failure.
fn details(status: &Status) -> (Option<SkipReason>, Option<&str>) {
    match status {
        Status::Skipped(reason) => (Some(*reason), None),
        Status::Failed(failure) => (None, Some(&failure.message)),
        Status::Copied
        | Status::Overwritten
        | Status::Drifted
        | Status::WouldCopy
        | Status::WouldOverwrite => (None, None),
    }
}
