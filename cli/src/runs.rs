//! `runs`: what a fleet knows of its runs, for people and for programs.
//!
//! A run is found by its id until it has been forgotten, which the fleet does some days after its
//! end. Watching one shows it as `sync` shows its own.

mod document;
mod table;
mod watch;

use mirror_model::{Event, Observer};
use mirror_proto::Invalid;
use mirror_proto::wire::control::v1::{GetRunRequest, ListRunsRequest, Run};
use mirror_report::warning_line;

use self::document::{CancelDocument, RunDocument, RunsDocument, State};
use crate::arguments::{Fleet, Runs, RunsCommand};
use crate::failure::Failed;
use crate::fleet::{self, CallError, Client, Link, Patience};
use crate::{display, runtime};

/// Runs the command; returns the exit code.
pub(crate) fn run(runs: Runs) -> Result<u8, Failed> {
    match runs.command {
        RunsCommand::List { answer, fleet } => {
            let runs = ask(&fleet, None, list)?;
            display::answer(answer.output, &table::list(&runs), &runs)?;
        }
        RunsCommand::Get { run, answer, fleet } => {
            let got = ask(&fleet, Some(&run), async |link| {
                let got = get(link, &Notes, &run).await?;
                RunDocument::try_from(got).map_err(|invalid| link.invalid(invalid))
            })?;
            display::answer(answer.output, &table::run(&got), &got)?;
        }
        RunsCommand::Watch(flags) => return watch::run(&flags),
        RunsCommand::Cancel { run, answer, fleet } => {
            let state = ask(&fleet, Some(&run), async |link| {
                let state = fleet::cancel_run(link, &Notes, &run).await?;
                State::try_from(state).map_err(|invalid| link.invalid(invalid))
            })?;
            let text = format!("run {run} {}\n", state.after_cancel());
            display::answer(answer.output, &text, &CancelDocument { run, state })?;
        }
    }
    Ok(0)
}

/// Asks a fleet one thing, about a run or about all.
fn ask<T>(
    flags: &Fleet,
    run: Option<&str>,
    ask: impl AsyncFnOnce(&Link) -> Result<T, CallError>,
) -> Result<T, Failed> {
    let link = Link::new(flags.client.options(&flags.coordinator))?;
    let answer = runtime::begin()?.block_on(ask(&link));
    answer.map_err(|error| failed(run, &error))
}

async fn list(link: &Link) -> Result<RunsDocument, CallError> {
    let list = async |mut client: Client| {
        Ok(client.list_runs(ListRunsRequest {}).await?.into_inner().runs)
    };
    let runs = link.call(Patience::Bounded, &Notes, list).await?;
    let runs: Result<Vec<RunDocument>, Invalid> =
        runs.into_iter().map(RunDocument::try_from).collect();
    Ok(RunsDocument { runs: runs.map_err(|invalid| link.invalid(invalid))? })
}

/// Asks how far a run is.
async fn get(link: &Link, observer: &dyn Observer, run: &str) -> Result<Run, CallError> {
    let request = GetRunRequest { run: run.to_owned() };
    let get =
        async |mut client: Client| Ok(client.get_run(request.clone()).await?.into_inner().run);
    let run = link.call(Patience::Bounded, observer, get).await?;
    run.ok_or_else(|| link.invalid(Invalid::Absent { field: "run".to_owned() }))
}

/// Says why nothing is known of a run, or of all.
fn failed(run: Option<&str>, error: &CallError) -> Failed {
    match (error, run) {
        (CallError::Unknown, Some(run)) => Failed::new(format!(
            "run {run} is not known: runs are kept for 7 days, see flux-mirror runs list"
        )),
        (_, Some(_) | None) => Failed::by(error),
    }
}

/// Tells of warnings on stderr, and of nothing else.
struct Notes;

impl Observer for Notes {
    fn observe(&self, event: Event) {
        if let Event::Warning(warning) = event {
            display::note(&warning_line(&warning));
        }
    }
}
