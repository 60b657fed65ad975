//! A coordinator that says what a test tells it to, and keeps what it was asked.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use mirror_proto::wire::control::v1::control_server::{Control, ControlServer};
use mirror_proto::wire::control::v1::watch_run_response::What;
use mirror_proto::wire::control::v1::{
    CancelRunRequest, CancelRunResponse, EntryPlanned, GetRunRequest, GetRunResponse,
    ListRunsRequest, ListRunsResponse, PlannedRow, PlannedRows, Reset, RowSettled, Run, RunState,
    SubmitRunRequest, SubmitRunResponse, WatchRunRequest, WatchRunResponse, entry_planned,
};
use mirror_proto::wire::job::v1 as job;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// The ids of the runs that are submitted, in this order.
pub(super) const RUNS: [&str; 2] = ["01JZ8Q4T7M3V5X9B2C6D8E0F1G", "01JZ8Q4T7M3V5X9B2C6D8E0F2H"];

/// What a stream does next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Says something, with this cursor.
    Say(&'static str, What),
    /// Waits until the run is cancelled.
    UntilCancelled,
    /// Breaks.
    Break,
    /// Does not begin: the run is not known.
    Unknown,
}

/// What the coordinator was asked, and what it will say.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What each stream says, in the order in which they are opened; without any, the run is unknown.
    pub(super) streams: VecDeque<Vec<Step>>,
    /// The key is known.
    pub(super) known: bool,
    /// What a submission is refused with.
    pub(super) refusal: Option<Status>,
    /// Who leads in its place.
    pub(super) leader: Option<String>,
    pub(super) submitted: Vec<SubmitRunRequest>,
    pub(super) watched: Vec<(String, String)>,
    pub(super) cancelled: Vec<String>,
}

/// The coordinator.
pub(super) struct Coordinator {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) url: String,
    task: JoinHandle<()>,
}

impl Coordinator {
    /// Starts one whose streams say this. Must be called within a runtime.
    pub(super) fn start(streams: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let streams = streams.into_iter().collect();
        let state = Arc::new(Mutex::new(State { streams, ..State::default() }));
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", incoming.local_addr().unwrap());
        let service = ControlServer::new(Service(Arc::clone(&state)));
        let serve = Server::builder().add_service(service).serve_with_incoming(incoming);
        let task = tokio::spawn(async move { drop(serve.await) });
        Self { state, url, task }
    }

    pub(super) fn submitted(&self) -> Vec<SubmitRunRequest> {
        self.state.lock().unwrap().submitted.clone()
    }

    pub(super) fn watched(&self) -> Vec<(String, String)> {
        self.state.lock().unwrap().watched.clone()
    }

    pub(super) fn cancelled(&self) -> Vec<String> {
        self.state.lock().unwrap().cancelled.clone()
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Service(Arc<Mutex<State>>);

impl Service {
    fn leading(&self) -> Result<std::sync::MutexGuard<'_, State>, Status> {
        let state = self.0.lock().unwrap();
        match &state.leader {
            Some(leader) => Err(mirror_rpc::not_leading(Some(leader))),
            None => Ok(state),
        }
    }
}

#[tonic::async_trait]
impl Control for Service {
    type WatchRunStream = Pin<Box<dyn Stream<Item = Result<WatchRunResponse, Status>> + Send>>;

    async fn submit_run(
        &self,
        request: Request<SubmitRunRequest>,
    ) -> Result<Response<SubmitRunResponse>, Status> {
        let mut state = self.leading()?;
        if let Some(refusal) = &state.refusal {
            return Err(refusal.clone());
        }
        state.submitted.push(request.into_inner());
        let run = RUNS[state.submitted.len() - 1].to_owned();
        Ok(Response::new(SubmitRunResponse { run, known: state.known }))
    }

    async fn watch_run(
        &self,
        request: Request<WatchRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        let WatchRunRequest { run, cursor } = request.into_inner();
        let mut state = self.leading()?;
        state.watched.push((run, String::from_utf8(cursor).unwrap()));
        let steps = state.streams.pop_front().ok_or_else(|| Status::not_found("no such run"))?;
        drop(state);
        if let [Step::Unknown, ..] = steps.as_slice() {
            return Err(Status::not_found("no such run"));
        }
        let steps = VecDeque::from(steps);
        let stream = unfold((steps, Arc::clone(&self.0)), async |(mut steps, state)| {
            loop {
                match steps.pop_front()? {
                    Step::Say(cursor, what) => {
                        let cursor = cursor.as_bytes().to_vec();
                        let response = WatchRunResponse { cursor, what: Some(what) };
                        return Some((Ok(response), (steps, state)));
                    }
                    Step::Break | Step::Unknown => {
                        return Some((Err(Status::unavailable("going")), (steps, state)));
                    }
                    Step::UntilCancelled => {
                        while state.lock().unwrap().cancelled.is_empty() {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn get_run(
        &self,
        request: Request<GetRunRequest>,
    ) -> Result<Response<GetRunResponse>, Status> {
        drop(self.leading()?);
        let run = request.into_inner().run;
        if !RUNS.contains(&run.as_str()) {
            return Err(Status::not_found("no such run"));
        }
        Ok(Response::new(GetRunResponse { run: Some(known(&run)) }))
    }

    async fn list_runs(
        &self,
        _request: Request<ListRunsRequest>,
    ) -> Result<Response<ListRunsResponse>, Status> {
        drop(self.leading()?);
        Ok(Response::new(ListRunsResponse { runs: RUNS.map(known).into() }))
    }

    async fn cancel_run(
        &self,
        request: Request<CancelRunRequest>,
    ) -> Result<Response<CancelRunResponse>, Status> {
        let run = request.into_inner().run;
        if !RUNS.contains(&run.as_str()) {
            return Err(Status::not_found("no such run"));
        }
        self.leading()?.cancelled.push(run);
        let state = RunState::Cancelling.into();
        Ok(Response::new(CancelRunResponse { state }))
    }
}

/// A run of two entries and three rows.
fn known(run: &str) -> Run {
    Run {
        run: run.to_owned(),
        state: RunState::Ended.into(),
        submitted_at: 1_778_662_800,
        ended_at: Some(1_778_662_804),
        owner: String::new(),
        entries: 2,
        planned_entries: 2,
        rows: 3,
        settled: 3,
        failed: 1,
        drifted: 0,
        options: Some(job::RunOptions {
            overwrite: false,
            dry_run: false,
            concurrency: 0,
            limits: Some(job::Limits { attempts: 4, timeout_nanos: 300_000_000_000, blobs: 4 }),
        }),
    }
}

/// Rows of an entry are planned.
pub(super) fn planned(entry: u32, ids: &[&str]) -> What {
    let rows = ids.iter().map(|id| PlannedRow { id: (*id).to_owned(), verification: None });
    let total = u32::try_from(ids.len()).unwrap();
    plan(
        entry,
        entry_planned::Items::Planned(PlannedRows { first: 0, total, rows: rows.collect() }),
    )
}

/// An entry cannot be planned.
pub(super) fn unplanned(entry: u32, message: &str) -> What {
    plan(entry, entry_planned::Items::Failure(failure(message)))
}

fn plan(entry: u32, items: entry_planned::Items) -> What {
    What::Planned(EntryPlanned {
        entry,
        source_name: format!("s.example/{entry}"),
        destination_name: format!("d.example/{entry}"),
        items: Some(items),
        warnings: Vec::new(),
    })
}

fn failure(message: &str) -> job::Failure {
    job::Failure {
        stage: job::Stage::List.into(),
        kind: job::FailureKind::NotFound.into(),
        message: message.to_owned(),
    }
}

/// A row ended like this.
pub(super) fn row(entry: u32, row: u32, kind: job::StatusKind) -> What {
    let failed = kind == job::StatusKind::Failed;
    What::Row(RowSettled {
        outcome: Some(job::Outcome {
            job: Some(job::JobId { entry, row }),
            attempts: 1,
            elapsed_nanos: 1,
            bytes: 1,
            status: Some(job::Status {
                kind: kind.into(),
                failure: failed.then(|| failure("broken")),
            }),
            digest: Some(job::Digest { value: vec![7; 32] }),
            types: Vec::new(),
            referrers: Vec::new(),
        }),
    })
}

/// The run has ended.
pub(super) fn ended() -> Step {
    Step::Say("end", What::Ended(RunState::Ended.into()))
}

/// All that was said is void.
pub(super) fn reset() -> Step {
    Step::Say("reset", What::Reset(Reset {}))
}
