//! The command line's door: runs are submitted, watched, listed, cancelled.

use std::time::SystemTime;

use mirror_model::RunId;
use mirror_proto::wire::control::v1::control_server::Control as Service;
use mirror_proto::wire::control::v1::{
    CancelRunRequest, CancelRunResponse, GetRunRequest, GetRunResponse, ListRunsRequest,
    ListRunsResponse, Run, RunState, SubmitRunRequest, SubmitRunResponse, WatchRunRequest,
};
use mirror_proto::{body_hash, options_to, submitted_from};
use mirror_rpc::Identity;
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use ulid::Ulid;

use crate::lead::{Gone, wall_seconds};
use crate::leader::{Accepted, Caller, Input, Refusal, Submission, Summary};
use crate::role::{Role, leading};
use crate::watch::Watching;

/// The command line's door.
pub(crate) struct Control {
    role: watch::Receiver<Role>,
}

impl Control {
    pub(crate) fn new(role: watch::Receiver<Role>) -> Self {
        Self { role }
    }

    async fn summary(&self, run: RunId) -> Result<Summary, Status> {
        let handle = leading(&self.role)?;
        let asked = handle.ask(|reply| Input::History(run, u64::MAX, reply)).await;
        Ok(asked.map_err(gone)?.map_err(|refusal| refused(&refusal))?.summary)
    }
}

#[tonic::async_trait]
impl Service for Control {
    type WatchRunStream = Watching;

    async fn submit_run(
        &self,
        request: Request<SubmitRunRequest>,
    ) -> Result<Response<SubmitRunResponse>, Status> {
        let handle = leading(&self.role)?;
        let caller = caller(&request);
        let request = request.into_inner();
        let body_hash = body_hash(&request);
        let invalid = |error: mirror_proto::Invalid| Status::invalid_argument(error.to_string());
        let run = submitted_from(request).map_err(invalid)?;
        let id = RunId(new_id());
        let submission = Submission { id, run, body_hash, caller, at: wall_seconds() };
        let asked = handle.ask(|reply| Input::Submit(Box::new(submission), reply)).await;
        let Accepted { run, known } = asked.map_err(gone)?.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(SubmitRunResponse { run: Ulid(run.0).to_string(), known }))
    }

    async fn watch_run(
        &self,
        request: Request<WatchRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        let handle = leading(&self.role)?;
        let WatchRunRequest { run, cursor } = request.into_inner();
        let run = id(&run)?;
        // Who asks for a run that is not there is to know at once.
        self.summary(run).await?;
        Ok(Response::new(Watching::new(handle, self.role.clone(), run, &cursor)))
    }

    async fn get_run(
        &self,
        request: Request<GetRunRequest>,
    ) -> Result<Response<GetRunResponse>, Status> {
        let summary = self.summary(id(&request.into_inner().run)?).await?;
        Ok(Response::new(GetRunResponse { run: Some(shown(&summary)) }))
    }

    async fn list_runs(
        &self,
        _: Request<ListRunsRequest>,
    ) -> Result<Response<ListRunsResponse>, Status> {
        let handle = leading(&self.role)?;
        let runs = handle.ask(Input::List).await.map_err(gone)?;
        Ok(Response::new(ListRunsResponse { runs: runs.iter().map(shown).collect() }))
    }

    async fn cancel_run(
        &self,
        request: Request<CancelRunRequest>,
    ) -> Result<Response<CancelRunResponse>, Status> {
        let handle = leading(&self.role)?;
        let caller = caller(&request);
        let run = id(&request.into_inner().run)?;
        let asked = handle.ask(|reply| Input::Cancel(run, caller, reply)).await;
        let summary = asked.map_err(gone)?.map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(CancelRunResponse { state: state(&summary).into() }))
    }
}

/// Makes an id that sorts by time.
fn new_id() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ulid::from_parts(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), fastrand::u128(..)).0
}

fn caller<T>(request: &Request<T>) -> Caller {
    let identity = request.extensions().get::<Identity>();
    Caller(identity.map(|identity| identity.as_str().to_owned()).unwrap_or_default())
}

fn id(text: &str) -> Result<RunId, Status> {
    let parsed = Ulid::from_string(text);
    parsed.map(|id| RunId(id.0)).map_err(|_short| Status::invalid_argument("run: it is no ULID"))
}

pub(crate) fn gone(_: Gone) -> Status {
    Status::unavailable("this coordinator does not lead any more")
}

pub(crate) fn refused(refusal: &Refusal) -> Status {
    let text = refusal.to_string();
    match refusal {
        Refusal::NotFound => Status::not_found(text),
        Refusal::OtherBody { .. } => Status::already_exists(text),
        Refusal::OtherOwner { .. } => Status::permission_denied(text),
        Refusal::Busy => Status::unavailable(text),
        Refusal::Full => Status::resource_exhausted(text),
    }
}

fn state(summary: &Summary) -> RunState {
    match (summary.ended, summary.cancelled) {
        (None, false) => RunState::Running,
        (None, true) => RunState::Cancelling,
        (Some(_), false) => RunState::Ended,
        (Some(_), true) => RunState::Cancelled,
    }
}

/// Returns a run in short as it is shown.
pub(crate) fn shown(summary: &Summary) -> Run {
    let Summary { submitted, totals, .. } = summary;
    Run {
        run: Ulid(summary.run.0).to_string(),
        state: state(summary).into(),
        submitted_at: submitted.at,
        ended_at: summary.ended,
        owner: submitted.owner.clone(),
        entries: u32::try_from(totals.entries).unwrap_or(u32::MAX),
        planned_entries: u32::try_from(totals.planned).unwrap_or(u32::MAX),
        rows: totals.rows,
        settled: totals.settled,
        failed: totals.failed,
        drifted: totals.drifted,
        options: Some(options_to(&submitted.run.options, submitted.run.jobs)),
    }
}
