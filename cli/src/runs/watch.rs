//! `runs watch`: a run of a fleet, shown as `sync` shows its own, with the same exit code.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mirror_model::{Observer, Report, RunOptions};
use mirror_proto::wire::control::v1::Run;
use mirror_proto::{Invalid, options_from};
use mirror_report::{EntryNames, ReportMeta, ReportVersion, RunStart, exit_code};
use tokio_util::sync::CancellationToken;

use super::document::time;
use super::{Notes, failed, get};
use crate::arguments::Watch;
use crate::failure::Failed;
use crate::fleet::{CallError, Followed, Link, MAX_ENTRIES, Rows, Watcher};
use crate::signals::INTERRUPTED;
use crate::version::VERSION;
use crate::{display, runtime, signals};

/// Runs the command; returns the exit code.
pub(crate) fn run(flags: &Watch) -> Result<u8, Failed> {
    let link = Link::new(flags.fleet.client.options(&flags.fleet.coordinator))?;
    let runtime = runtime::begin()?;
    let fail = |error: CallError| failed(Some(&flags.run), &error);
    let begun = runtime.block_on(async {
        let run = get(&link, &Notes, &flags.run).await?;
        Begun::of(&run).map_err(|invalid| link.invalid(invalid))
    });
    let begun = begun.map_err(fail)?;
    let output = Arc::new(flags.display().open()?);
    let names = begun.start.entries.clone();
    output.begin(begun.start);
    let report = runtime.block_on(async {
        let cancel = CancellationToken::new();
        signals::cancel_on_signal(cancel.clone())?;
        tokio::select! {
            report = watch(&link, output.as_ref(), &flags.run, names) => {
                report.map(Some).map_err(fail)
            }
            () = cancel.cancelled() => Ok(None),
        }
    })?;
    let Some(report) = report else {
        drop(output);
        let run = &flags.run;
        display::note(&format!("! run {run} goes on; flux-mirror runs cancel {run} would end it"));
        return Ok(INTERRUPTED);
    };
    let ended = begun.ended.unwrap_or_else(Timestamp::now);
    let duration = Duration::try_from(ended.duration_since(begun.submitted)).unwrap_or_default();
    // The fleet does not know which version the config was of; the first says all there is.
    let api = ReportVersion::V1Beta1;
    let meta = ReportMeta { version: VERSION, api, started: begun.submitted, duration };
    let shown = output.finish(&report, &meta);
    shown.map_err(|error| Failed::because("cannot write the report", &error))?;
    Ok(exit_code(&report.summary(), flags.drift_exit_code))
}

/// What a run began with, and when.
struct Begun {
    start: RunStart,
    submitted: Timestamp,
    /// Where it has ended already.
    ended: Option<Timestamp>,
}

impl Begun {
    fn of(run: &Run) -> Result<Self, Invalid> {
        let (RunOptions { limits, .. }, concurrency) = options_from(run.options)?;
        let entries = usize::try_from(run.entries).ok().filter(|entries| *entries <= MAX_ENTRIES);
        let entries = entries.ok_or_else(|| Invalid::TooLarge {
            field: "run.entries".to_owned(),
            size: usize::try_from(run.entries).unwrap_or(usize::MAX),
            most: MAX_ENTRIES,
        })?;
        // An entry that the run has not planned has no name but its place.
        let name =
            |entry| EntryNames { source: format!("entry {entry}"), destination: String::new() };
        Ok(Self {
            start: RunStart {
                entries: (1..=entries).map(name).collect(),
                concurrency,
                retries: limits.attempts.get() - 1,
                timeout: limits.timeout,
            },
            submitted: time("run.submitted_at", run.submitted_at)?,
            ended: run.ended_at.map(|at| time("run.ended_at", at)).transpose()?,
        })
    }
}

/// Watches the run to its end.
async fn watch(
    link: &Link,
    observer: &dyn Observer,
    run: &str,
    names: Vec<EntryNames>,
) -> Result<Report, CallError> {
    let mut watcher = Watcher::new(link, observer, Rows::new(names));
    match watcher.watch(run).await? {
        Followed::Ended => {}
        Followed::Unknown | Followed::Uncancelled(_) => return Err(CallError::Unknown),
    }
    Ok(watcher.close())
}
