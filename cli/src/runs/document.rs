//! Runs as JSON and YAML have them; `docs/runs.md` explains the fields.

use std::num::NonZeroUsize;

use jiff::Timestamp;
use mirror_model::{GoDuration, RunOptions};
use mirror_proto::wire::control::v1::{Run, RunState};
use mirror_proto::{Invalid, options_from};
use serde::Serialize;

/// The runs of a fleet, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct RunsDocument {
    pub(crate) runs: Vec<RunDocument>,
}

/// How far a run is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunDocument {
    pub(crate) run: String,
    pub(crate) state: State,
    pub(crate) submitted_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    pub(crate) entries: u32,
    pub(crate) planned_entries: u32,
    pub(crate) rows: u64,
    pub(crate) settled: u64,
    pub(crate) failed: u64,
    pub(crate) drifted: u64,
    pub(crate) options: OptionsDocument,
}

/// How a run goes about its entries.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OptionsDocument {
    pub(crate) overwrite: bool,
    pub(crate) dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) concurrency: Option<NonZeroUsize>,
    pub(crate) retries: u32,
    pub(crate) timeout: String,
}

/// What came of cancelling a run.
#[derive(Debug, Serialize)]
pub(crate) struct CancelDocument {
    pub(crate) run: String,
    pub(crate) state: State,
}

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It goes on.
    Running,
    /// It was cancelled, and what is under way has yet to end.
    Cancelling,
    /// It has ended by itself.
    Ended,
    /// It has ended because it was cancelled.
    Cancelled,
}

impl State {
    /// Returns the state as documents write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    /// Says what came of cancelling, after the run's id.
    pub(crate) fn after_cancel(self) -> &'static str {
        match self {
            Self::Running | Self::Cancelling => {
                "is being cancelled: nothing new is written, and what is under way ends soon"
            }
            Self::Ended => "had ended before, nothing was cancelled",
            Self::Cancelled => "is cancelled",
        }
    }
}

impl TryFrom<RunState> for State {
    type Error = Invalid;

    fn try_from(state: RunState) -> Result<Self, Invalid> {
        match state {
            RunState::Unspecified => Err(Invalid::Absent { field: "run.state".to_owned() }),
            RunState::Running => Ok(Self::Running),
            RunState::Cancelling => Ok(Self::Cancelling),
            RunState::Ended => Ok(Self::Ended),
            RunState::Cancelled => Ok(Self::Cancelled),
        }
    }
}

impl TryFrom<Run> for RunDocument {
    type Error = Invalid;

    fn try_from(run: Run) -> Result<Self, Invalid> {
        let state = run.state().try_into()?;
        let ended_at = run.ended_at.map(|at| time("run.ended_at", at)).transpose()?;
        let (options, jobs) = options_from(run.options)?;
        Ok(Self {
            run: run.run,
            state,
            submitted_at: time("run.submitted_at", run.submitted_at)?.to_string(),
            ended_at: ended_at.map(|at| at.to_string()),
            owner: Some(run.owner).filter(|owner| !owner.is_empty()),
            entries: run.entries,
            planned_entries: run.planned_entries,
            rows: run.rows,
            settled: run.settled,
            failed: run.failed,
            drifted: run.drifted,
            options: OptionsDocument::new(&options, jobs),
        })
    }
}

impl OptionsDocument {
    fn new(options: &RunOptions, jobs: Option<NonZeroUsize>) -> Self {
        let RunOptions { overwrite, dry_run, concurrency: _, limits } = *options;
        Self {
            overwrite,
            dry_run,
            concurrency: jobs,
            retries: limits.attempts.get() - 1,
            timeout: GoDuration(limits.timeout).to_string(),
        }
    }
}

/// Reads a time.
pub(super) fn time(field: &str, seconds: i64) -> Result<Timestamp, Invalid> {
    Timestamp::from_second(seconds).map_err(|_ignored| Invalid::Value {
        field: field.to_owned(),
        reason: "no time of this calendar".to_owned(),
    })
}

#[cfg(test)]
mod tests;
