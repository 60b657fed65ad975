//! Watching a run: what the log has of it, from a cursor on, and what workers tell meanwhile.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt;
use mirror_model::{JobId, Outcome, RunId};
use mirror_proto::wire::control::v1::{
    Reset, RowSettled, WatchRunResponse, watch_run_response::What,
};
use mirror_proto::wire::worker::v1::Progress;
use mirror_proto::{PlanPart, Record, Submitted, Work, decode_batch, outcome_to};
use mirror_queue::{LogSubject, QueueError};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::control::{gone, refused, shown};
use crate::lead::Handle;
use crate::leader::{History, Input, Summary};
use crate::role::{Role, leading};

/// Messages that wait for a watcher before the log is read no further for him.
const WAITING: usize = 256;

/// Where a watcher is: in which log, after which batch, and after which of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    created: i128,
    sequence: u64,
    index: u32,
}

impl Cursor {
    fn to_bytes(self) -> Bytes {
        let mut bytes = Vec::with_capacity(28);
        bytes.extend(self.created.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.index.to_be_bytes());
        bytes.into()
    }

    /// Reads a cursor of ours; anything else is none.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (created, rest) = bytes.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let index: &[u8; 4] = rest.try_into().ok()?;
        Some(Self {
            created: i128::from_be_bytes(*created),
            sequence: u64::from_be_bytes(*sequence),
            index: u32::from_be_bytes(*index),
        })
    }
}

/// What a watcher gets.
pub(crate) struct Watching {
    messages: ReceiverStream<Result<WatchRunResponse, Status>>,
}

impl Watching {
    /// Watches a run from a cursor on; an empty one is the beginning.
    pub(crate) fn new(
        handle: Handle,
        role: watch::Receiver<Role>,
        run: RunId,
        cursor: &[u8],
    ) -> Self {
        let (to, messages) = mpsc::channel(WAITING);
        let has_cursor = !cursor.is_empty();
        let created = *handle.created.borrow();
        let mut role = role;
        role.mark_unchanged();
        let cursor = Cursor::from_bytes(cursor).filter(|cursor| cursor.created == created);
        let watcher = Watcher {
            handle,
            role,
            run,
            to,
            entries: None,
            at: cursor.unwrap_or(Cursor { created, sequence: 0, index: 0 }),
        };
        let is_void = has_cursor && cursor.is_none();
        tokio::spawn(watcher.watch(is_void));
        Self { messages: ReceiverStream::new(messages) }
    }
}

impl tokio_stream::Stream for Watching {
    type Item = Result<WatchRunResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.messages).poll_next(context)
    }
}

/// Why watching ended before the run did.
enum Stop {
    /// The watcher is gone.
    Left,
    /// It cannot go on here.
    Told(Status),
}

struct Watcher {
    handle: Handle,
    role: watch::Receiver<Role>,
    run: RunId,
    to: mpsc::Sender<Result<WatchRunResponse, Status>>,
    /// The run as it was taken: names are in it.
    entries: Option<Arc<Submitted>>,
    at: Cursor,
}

impl Watcher {
    async fn watch(mut self, is_void: bool) {
        if let Err(Stop::Told(status)) = self.follow(is_void).await {
            let _ = self.to.send(Err(status)).await;
        }
    }

    async fn follow(&mut self, is_void: bool) -> Result<(), Stop> {
        if is_void {
            self.send(What::Reset(Reset {}), None).await?;
        }
        let mut history = self.history().await?;
        self.introduce(&history.summary).await?;
        loop {
            let created = *self.handle.created.borrow();
            if created != self.at.created || self.is_beyond(&history) {
                self.at = Cursor { created, sequence: 0, index: 0 };
                self.send(What::Reset(Reset {}), None).await?;
                history = self.history().await?;
                self.introduce(&history.summary).await?;
            }
            let ended = match history.batches.take() {
                Some(batches) => self.batches(batches).await?,
                None => self.logged().await?,
            };
            if ended {
                let summary = self.history().await?.summary;
                let state = shown(&summary).state;
                return self.send(What::Ended(state), None).await;
            }
            if history.summary.ended.is_some() {
                let text = "the log has no end of the run yet: watch it again";
                return Err(Stop::Told(Status::unavailable(text)));
            }
            self.wait(history).await?;
            history = self.history().await?;
        }
    }

    async fn introduce(&mut self, summary: &Summary) -> Result<(), Stop> {
        // Of a run that has ended, the log alone knows the entries.
        if summary.ended.is_none() {
            self.entries = Some(Arc::clone(&summary.submitted));
        }
        self.send(What::Run(shown(summary)), None).await
    }

    async fn history(&self) -> Result<History, Stop> {
        let after = self.at.sequence.saturating_sub(1);
        let asked = self.handle.ask(|reply| Input::History(self.run, after, reply)).await;
        let history = asked.map_err(|error| Stop::Told(gone(error)))?;
        history.map_err(|refusal| Stop::Told(refused(&refusal)))
    }

    /// Returns whether the cursor stands after the run's last batch: it is of a log that was cut back, or
    /// made up.
    fn is_beyond(&self, history: &History) -> bool {
        let last = *history.changed.borrow();
        // Of a run that ended before this process led, memory does not know.
        last != 0 && self.at.sequence > last
    }

    /// Tells what batches hold; returns whether the run has ended in them.
    async fn batches(&mut self, batches: Vec<(u64, Bytes)>) -> Result<bool, Stop> {
        let mut ended = false;
        for (sequence, payload) in batches {
            ended |= self.batch(sequence, &payload).await?;
        }
        Ok(ended)
    }

    /// Reads from the log what memory does not have, one batch after the other.
    async fn logged(&mut self) -> Result<bool, Stop> {
        let unread = |error: QueueError| Stop::Told(Status::unavailable(error.to_string()));
        let subject = Some(LogSubject::Run(self.run));
        let first = if self.entries.is_some() { self.at.sequence.max(1) } else { 1 };
        let mut batches = Box::pin(self.handle.log.read(first, subject));
        let mut ended = false;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(unread)?;
            ended |= self.batch(batch.sequence, &batch.payload).await?;
        }
        Ok(ended)
    }

    /// Tells what a batch holds, after the cursor; returns whether the run has ended in it.
    async fn batch(&mut self, sequence: u64, payload: &Bytes) -> Result<bool, Stop> {
        let records = decode_batch(payload);
        let records = records.map_err(|error| Stop::Told(Status::data_loss(error.to_string())))?;
        if let Some(Record::Submitted(submitted)) = records.first()
            && self.entries.is_none()
        {
            self.entries = Some(Arc::new((**submitted).clone()));
        }
        let Some(entries) = self.entries.clone() else { return Ok(false) };
        let mut ended = false;
        let mut index = 0;
        for record in &records {
            ended |= matches!(record, Record::Ended { .. });
            for what in told(record, &entries) {
                index += 1;
                let cursor = Cursor { created: self.at.created, sequence, index };
                if (sequence, index) > (self.at.sequence, self.at.index) {
                    self.at = cursor;
                    self.send(what, Some(cursor)).await?;
                }
            }
        }
        if sequence > self.at.sequence {
            self.at = Cursor { created: self.at.created, sequence, index };
        }
        Ok(ended)
    }

    /// Passes on what workers tell until the log has more.
    async fn wait(&mut self, history: History) -> Result<(), Stop> {
        let History { mut changed, mut progress, .. } = history;
        let mut created = self.handle.created.clone();
        if *created.borrow_and_update() != self.at.created {
            return Ok(());
        }
        if *changed.borrow_and_update() > self.at.sequence {
            return Ok(());
        }
        loop {
            tokio::select! {
                biased;
                has_changed = changed.changed() => {
                    return has_changed.map_err(|_gone| self.told_off());
                }
                _ = created.changed() => return Ok(()),
                _ = self.role.changed() => return Err(self.told_off()),
                Some(told) = heard(&mut progress) => match told {
                    Ok(told) => self.send(What::Progress(told), None).await?,
                    // What is lost was only worth seeing at once.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => progress = None,
                },
                () = self.to.closed() => return Err(Stop::Left),
            }
        }
    }

    fn told_off(&self) -> Stop {
        Stop::Told(match leading(&self.role) {
            Ok(_) => Status::unavailable("the run is watched anew"),
            Err(status) => status,
        })
    }

    async fn send(&self, what: What, cursor: Option<Cursor>) -> Result<(), Stop> {
        let cursor = cursor.map(Cursor::to_bytes).unwrap_or_default().to_vec();
        let message = WatchRunResponse { cursor, what: Some(what) };
        self.to.send(Ok(message)).await.map_err(|_left| Stop::Left)
    }
}

/// What workers tell; nothing, once nobody will.
async fn heard(
    progress: &mut Option<broadcast::Receiver<Progress>>,
) -> Option<Result<Progress, broadcast::error::RecvError>> {
    match progress {
        Some(progress) => Some(progress.recv().await),
        None => None,
    }
}

/// What watchers are told of a record.
fn told(record: &Record, submitted: &Submitted) -> Vec<What> {
    match record {
        Record::Planned(part) => {
            let Some(entry) = submitted.run.entries.get(part.entry.0) else { return Vec::new() };
            let mut told = vec![What::Planned(part.to_watchers(entry))];
            told.extend(settled(part));
            told
        }
        Record::Row(outcome) => {
            vec![What::Row(RowSettled { outcome: Some(outcome_to(outcome)) })]
        }
        Record::Submitted(_)
        | Record::Seen { .. }
        | Record::Intent(_)
        | Record::Lost(_)
        | Record::Cancelled
        | Record::Ended { .. }
        | Record::Origin
        | Record::Term { .. }
        | Record::Beat { .. }
        | Record::Resigned { .. } => Vec::new(),
    }
}

/// The rows that a plan settled.
fn settled(part: &PlanPart) -> impl Iterator<Item = What> {
    let items = part.items.iter().flat_map(|items| {
        items.items.iter().enumerate().map(|(index, item)| (items.first + index, item))
    });
    items.filter_map(|(row, item)| match &item.work {
        Work::Copy { .. } => None,
        Work::Settled(settled) => {
            let job = JobId { entry: part.entry, row };
            let idle = Outcome::idle(job, settled.status.clone(), settled.digest);
            let outcome = Outcome { referrers: settled.referrers.clone(), ..idle };
            Some(What::Row(RowSettled { outcome: Some(outcome_to(&outcome)) }))
        }
    })
}
