//! Watching a run to its end, through leaders that come and go.

use mirror_model::{Event, Observer, Report};
use mirror_proto::wire::control::v1::watch_run_response::What;
use mirror_proto::wire::control::v1::{
    CancelRunRequest, RunState, WatchRunRequest, WatchRunResponse,
};
use mirror_proto::{Invalid, WatchedPlan, event_from, outcome_from};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use super::link::{CallError, Client, Link, Outage, Patience, Trouble};
use super::rows::Rows;

/// Watches a run.
pub(crate) struct Watcher<'w> {
    link: &'w Link,
    observer: &'w dyn Observer,
    /// Of the last event that was taken.
    cursor: Vec<u8>,
    rows: Rows,
}

/// How watching ended.
#[derive(Debug)]
pub(crate) enum Followed {
    /// The run has ended.
    Ended,
    /// The fleet does not know the run.
    Unknown,
    /// The run was to be cancelled, and that could not be said to anybody.
    Uncancelled(CallError),
}

impl<'w> Watcher<'w> {
    /// Watches with these rows, and tells `observer`.
    pub(crate) fn new(link: &'w Link, observer: &'w dyn Observer, rows: Rows) -> Self {
        Self { link, observer, cursor: Vec::new(), rows }
    }

    /// Watches the run to its end; cancels it, and goes on watching, once `cancel` says so.
    pub(crate) async fn follow(
        &mut self,
        run: &str,
        cancel: &CancellationToken,
    ) -> Result<Followed, CallError> {
        let (link, observer) = (self.link, self.observer);
        let cancelling = async {
            cancel.cancelled().await;
            match cancel_run(link, observer, run).await {
                // Whoever watches sees what came of it.
                Ok(_) | Err(CallError::Unknown) => std::future::pending().await,
                Err(error) => Followed::Uncancelled(error),
            }
        };
        tokio::select! {
            biased;
            followed = self.watch(run) => followed,
            uncancelled = cancelling => Ok(uncancelled),
        }
    }

    /// Watches the run to its end.
    pub(crate) async fn watch(&mut self, run: &str) -> Result<Followed, CallError> {
        let mut outage = Outage::default();
        loop {
            let opened = {
                let request = WatchRunRequest { run: run.to_owned(), cursor: self.cursor.clone() };
                let open = async |mut client: Client| {
                    Ok(client.watch_run(request.clone()).await?.into_inner())
                };
                self.link.attempt(&open).await
            };
            let drained = match opened {
                Ok(Ok(stream)) => self.drain(stream, &mut outage).await,
                Ok(Err(trouble)) => Ok(Err(trouble)),
                Err(error) => Err(error),
            };
            let trouble = match drained {
                Ok(Ok(())) => return Ok(Followed::Ended),
                Ok(Err(trouble)) => trouble,
                Err(CallError::Unknown) => return Ok(Followed::Unknown),
                Err(error) => return Err(error),
            };
            self.link.wait(&mut outage, trouble, Patience::Endless, self.observer).await?;
        }
    }

    /// Forgets a run that was lost.
    pub(crate) fn reset(&mut self) {
        self.cursor.clear();
        self.rows.reset();
    }

    /// Tells of what is left, and returns the report.
    pub(crate) fn close(self) -> Report {
        let (events, report) = self.rows.close();
        for event in events {
            self.observer.observe(event);
        }
        report
    }

    /// Takes all that a stream tells, to the end of the run or of the stream.
    async fn drain(
        &mut self,
        mut stream: Streaming<WatchRunResponse>,
        outage: &mut Outage,
    ) -> Result<Result<(), Trouble>, CallError> {
        loop {
            match stream.message().await {
                Ok(Some(response)) => {
                    *outage = Outage::default();
                    if self.take(response).map_err(|invalid| self.link.invalid(invalid))? {
                        return Ok(Ok(()));
                    }
                }
                Ok(None) => return Ok(Err(Trouble::cut())),
                Err(status) => return self.link.judge(&status).map(Err),
            }
        }
    }

    fn tell(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.observer.observe(event);
        }
    }

    /// Takes what was told; returns whether the run has ended.
    fn take(&mut self, response: WatchRunResponse) -> Result<bool, Invalid> {
        let WatchRunResponse { cursor, what } = response;
        match what {
            Some(What::Reset(_)) => {
                self.cursor.clear();
                self.rows.reset();
            }
            // How far the run is follows from its rows; what is not known is of a later version.
            Some(What::Run(_)) | None => {}
            Some(What::Planned(planned)) => {
                let told = self.rows.planned(WatchedPlan::from_wire(planned)?)?;
                self.tell(told);
            }
            Some(What::Row(row)) => {
                let told = self.rows.ended(outcome_from(row.outcome)?)?;
                self.tell(told);
            }
            Some(What::Progress(progress)) => {
                // Progress may be lost, and so may what a later version tells.
                let events = progress.events.into_iter().filter_map(|event| event_from(event).ok());
                let rows = &self.rows;
                let events = events.filter(|event| rows.wants(event));
                events.for_each(|event| self.observer.observe(event));
            }
            Some(What::Ended(_)) => return Ok(true),
        }
        if !cursor.is_empty() {
            self.cursor = cursor;
        }
        Ok(false)
    }
}

/// Has a run cancelled; returns what came of it.
pub(crate) async fn cancel_run(
    link: &Link,
    observer: &dyn Observer,
    run: &str,
) -> Result<RunState, CallError> {
    let request = CancelRunRequest { run: run.to_owned() };
    let cancel = async |mut client: Client| {
        Ok(client.cancel_run(request.clone()).await?.into_inner().state())
    };
    link.call(Patience::Bounded, observer, cancel).await
}
