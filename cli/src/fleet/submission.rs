//! `sync --coordinator`: a run that a fleet does, shown as one of this process.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mirror_config::MirrorConfig;
use mirror_model::{Entry, EntrySource, Event, Observer, Report, RunOptions, Warning};
use mirror_oci::Place;
use mirror_proto::wire::control::v1::{SubmitRunRequest, SubmitRunResponse};
use mirror_proto::{DEFAULT_CONCURRENCY, Invalid, SubmittedRun, submitted_to};
use mirror_report::{Output, ReportMeta, RunStart, exit_code, warning_line};
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use super::link::{CallError, Client, Link, Patience};
use super::rows::Rows;
use super::watcher::{Followed, Watcher};
use crate::arguments::Sync;
use crate::failure::Failed;
use crate::signals::INTERRUPTED;
use crate::sync::{limits, names, report_version};
use crate::version::VERSION;
use crate::{display, runtime, signals};

/// A fleet that loses a run so often has no store: something is wrong that goes on.
const MAX_SUBMISSIONS: usize = 8;
/// An answer that is under way may still come within this time after a signal; without it, nobody
/// knows whether there is a run to be cancelled.
const LAST_ANSWER: Duration = Duration::from_secs(5);

/// Runs the command; returns the exit code.
pub(crate) fn run(flags: &Sync, timeout: Duration, config: MirrorConfig) -> Result<u8, Failed> {
    let submission = Submission::new(flags, timeout, config)?;
    let runtime = runtime::begin()?;
    let cancel = CancellationToken::new();
    let submitted = runtime.block_on(async {
        signals::cancel_on_signal(cancel.clone())?;
        submission.submit(&cancel, &|event| note(&event)).await.map_err(|error| Failed::by(&error))
    })?;
    let started = Started { at: Timestamp::now(), clock: tokio::time::Instant::now() };
    if let Some(submitted) = &submitted {
        display::note(&submission.hint(&submitted.run));
    }
    if flags.detach {
        submission.warnings(submitted.as_ref()).for_each(|warning| note(&Event::Warning(warning)));
        return match submitted {
            Some(Submitted { run, .. }) => display::print(&format!("{run}\n")).map(|()| 0),
            None => Err(submission.unanswered()),
        };
    }
    let output = Arc::new(flags.display().open()?);
    output.begin(submission.start.clone());
    for warning in submission.warnings(submitted.as_ref()) {
        output.observe(Event::Warning(warning));
    }
    let watched = runtime.block_on(submission.watch(submitted, &cancel, output.as_ref()));
    let report = match watched.map_err(|error| Failed::by(&error))? {
        Watched::Ended(report) => report,
        Watched::Left => {
            drop(output);
            display::note("! the run goes on: it is not of this process, so it is not cancelled");
            return Ok(INTERRUPTED);
        }
    };
    submission.finish(&output, &report, &started)?;
    Ok(exit_code(&report.summary(), flags.drift_exit_code))
}

/// What a fleet is asked to do, and how its answer is shown.
struct Submission {
    link: Link,
    request: SubmitRunRequest,
    /// Whether the user named the key: whoever else has it shares the run.
    shared: bool,
    start: RunStart,
    api: mirror_report::ReportVersion,
    warnings: Vec<String>,
    coordinators: String,
}

/// A run that the fleet has taken.
struct Submitted {
    run: String,
    /// Whether it began before this process asked for it.
    known: bool,
}

/// When a run began, to be reported and to be measured from.
struct Started {
    at: Timestamp,
    clock: tokio::time::Instant,
}

/// How watching ended.
enum Watched {
    /// With a report.
    Ended(Report),
    /// The run of another process was left to it.
    Left,
}

impl Submission {
    fn new(flags: &Sync, timeout: Duration, config: MirrorConfig) -> Result<Self, Failed> {
        let MirrorConfig { api_version, entries, hosts, mut warnings } = config;
        let layouts = layouts(&entries);
        if !layouts.is_empty() {
            return Err(Failed::all(layouts));
        }
        if !hosts.is_empty() {
            warnings.insert(
                0,
                "hosts is left out: the fleet's own processes hold the credentials".to_owned(),
            );
        }
        let start = RunStart {
            entries: entries.iter().map(names).collect(),
            concurrency: flags.concurrency,
            retries: flags.retries,
            timeout,
        };
        // Random where nobody named one: it finds the run again when an answer is lost.
        let key = flags.idempotency_key.clone();
        let submitted = SubmittedRun {
            entries,
            options: RunOptions {
                overwrite: flags.overwrite,
                dry_run: flags.dry_run,
                concurrency: flags.concurrency.unwrap_or(DEFAULT_CONCURRENCY),
                limits: limits(flags, timeout),
            },
            jobs: flags.concurrency,
            key: key.clone().unwrap_or_else(|| Ulid::from(fastrand::u128(..)).to_string()),
        };
        Ok(Self {
            link: Link::new(flags.client.options(&flags.coordinator))?,
            request: submitted_to(&submitted).map_err(|error| Failed::by(&error))?,
            shared: key.is_some(),
            start,
            api: report_version(api_version),
            warnings,
            coordinators: flags.coordinator.join(","),
        })
    }

    /// Submits the run; `None` where a signal came before an answer.
    async fn submit(
        &self,
        cancel: &CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Option<Submitted>, CallError> {
        let tries = std::cell::Cell::new(0_usize);
        let submit = async |mut client: Client| {
            tries.set(tries.get() + 1);
            let response = client.submit_run(self.request.clone()).await?;
            Ok(response.into_inner())
        };
        let submitted = self.link.call(Patience::Endless, observer, submit);
        let over = async {
            cancel.cancelled().await;
            tokio::time::sleep(LAST_ANSWER).await;
        };
        let SubmitRunResponse { run, known } = tokio::select! {
            biased;
            submitted = submitted => submitted?,
            () = over => return Ok(None),
        };
        // What is shown and sent again below is an id, whoever answered.
        let id = Ulid::from_string(&run).map_err(|_ignored| {
            let reason = "no id of a run".to_owned();
            self.link.invalid(Invalid::Value { field: "run".to_owned(), reason })
        })?;
        let run = id.to_string();
        // A second try of ours may find what the first one has begun.
        Ok(Some(Submitted { run, known: known && self.shared && tries.get() == 1 }))
    }

    /// Watches the run to its end, and submits it again where the fleet has lost it.
    async fn watch(
        &self,
        submitted: Option<Submitted>,
        cancel: &CancellationToken,
        observer: &dyn Observer,
    ) -> Result<Watched, CallError> {
        let mut watcher = Watcher::new(&self.link, observer, Rows::new(self.start.entries.clone()));
        let warn = |message| observer.observe(Event::Warning(Warning::Run { message }));
        let mut current = submitted;
        for left in (0..MAX_SUBMISSIONS).rev() {
            let Some(Submitted { run, known }) = current else {
                warn(format!("{}; see flux-mirror runs list", Self::UNANSWERED));
                break;
            };
            let followed = if known {
                tokio::select! {
                    followed = watcher.watch(&run) => followed?,
                    () = cancel.cancelled() => return Ok(Watched::Left),
                }
            } else {
                watcher.follow(&run, cancel).await?
            };
            match followed {
                Followed::Ended => break,
                Followed::Uncancelled(error) => {
                    let why = Failed::by(&error).text();
                    warn(format!("the run could not be cancelled, and may go on: {why}"));
                    break;
                }
                Followed::Unknown if cancel.is_cancelled() => break,
                Followed::Unknown if left == 0 => return Err(CallError::Unknown),
                Followed::Unknown => {}
            }
            watcher.reset();
            current = self.submit(cancel, observer).await?;
            if let Some(Submitted { run: again, .. }) = &current {
                let hint = self.hint(again);
                warn(format!("the fleet has lost run {run}, it is submitted again: {hint}"));
            }
        }
        Ok(Watched::Ended(watcher.close()))
    }

    fn finish(&self, output: &Output, report: &Report, started: &Started) -> Result<(), Failed> {
        let meta = ReportMeta {
            version: VERSION,
            api: self.api,
            started: started.at,
            duration: started.clock.elapsed(),
        };
        let shown = output.finish(report, &meta);
        shown.map_err(|error| Failed::because("cannot write the report", &error))
    }

    /// Says how a run is found again.
    fn hint(&self, run: &str) -> String {
        format!("run {run}: flux-mirror runs watch {run} --coordinator {}", self.coordinators)
    }

    fn warnings(&self, submitted: Option<&Submitted>) -> impl Iterator<Item = Warning> {
        let known = submitted.is_some_and(|submitted| submitted.known);
        let known = known.then(|| "the idempotency key is known: this run began before".to_owned());
        let messages = known.into_iter().chain(self.warnings.iter().cloned());
        messages.map(|message| Warning::Run { message })
    }

    const UNANSWERED: &str =
        "interrupted before a coordinator answered: the fleet may have taken the run";

    fn unanswered(&self) -> Failed {
        Failed::new(format!(
            "{}; see flux-mirror runs list --coordinator {}",
            Self::UNANSWERED,
            self.coordinators
        ))
    }
}

/// Tells of a warning before there is an output.
fn note(event: &Event) {
    if let Event::Warning(warning) = event {
        display::note(&warning_line(warning));
    }
}

/// Returns a line for each layout on disk, which a fleet cannot reach.
fn layouts(entries: &[Entry]) -> Vec<String> {
    let (mut artifacts, mut charts) = (0..entries.len(), 0..entries.len());
    let mut lines = Vec::new();
    for entry in entries {
        let (path, source) = match &entry.source {
            EntrySource::Artifact { place, .. } => {
                (format!("artifacts[{}]", artifacts.next().unwrap_or_default()), Some(place))
            }
            EntrySource::Chart(_) => {
                (format!("charts[{}]", charts.next().unwrap_or_default()), None)
            }
        };
        let ends = [("source", source), ("destination", Some(&entry.destination))];
        for (field, place) in ends {
            if matches!(place, Some(Place::Layout(_))) {
                lines.push(format!(
                    "{path}.{field}: a layout is on the disk of this machine, which a fleet \
                     (--coordinator) does not reach"
                ));
            }
        }
    }
    lines
}
