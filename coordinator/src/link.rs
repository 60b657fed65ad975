//! The workers' door: a stream each way, handed to the leader.

use std::sync::atomic::{AtomicU64, Ordering};

use mirror_proto::wire::worker::v1::worker_link_server::WorkerLink;
use mirror_proto::wire::worker::v1::{FromWorker, ToWorker, from_worker};
use mirror_queue::Region;
use tokio::sync::{mpsc, watch};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::leader::Input;
use crate::role::{Role, leading};

/// Messages that wait for a worker; one that lets more pile up does not listen, and is cut off.
const WAITING: usize = 4096;

/// The workers' door.
pub(crate) struct Link {
    role: watch::Receiver<Role>,
    sessions: AtomicU64,
}

impl Link {
    pub(crate) fn new(role: watch::Receiver<Role>) -> Self {
        Self { role, sessions: AtomicU64::new(1) }
    }
}

#[tonic::async_trait]
impl WorkerLink for Link {
    type AttachStream = Messages;

    async fn attach(
        &self,
        request: Request<Streaming<FromWorker>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let handle = leading(&self.role)?;
        let mut messages = request.into_inner();
        let hello = match messages.next().await {
            Some(Ok(FromWorker { what: Some(from_worker::What::Hello(hello)) })) => hello,
            Some(Err(status)) => return Err(status),
            Some(Ok(_)) | None => return Err(Status::invalid_argument("hello comes first")),
        };
        if let Err(error) = hello.region.parse::<Region>() {
            return Err(Status::invalid_argument(format!("hello.region: {error}")));
        }
        let session = self.sessions.fetch_add(1, Ordering::Relaxed);
        let (to, for_worker) = mpsc::channel(WAITING);
        let gone = |_gone| Status::unavailable("this coordinator does not lead any more");
        handle.tell(Input::Attached(session, hello, to)).await.map_err(gone)?;
        let mut role = self.role.clone();
        role.mark_unchanged();
        tokio::spawn(async move {
            loop {
                let message = tokio::select! {
                    message = messages.next() => message,
                    _ = role.changed() => break,
                };
                let Some(Ok(message)) = message else { break };
                if handle.tell(Input::Heard(session, message)).await.is_err() {
                    return;
                }
            }
            let _ = handle.tell(Input::Detached(session)).await;
        });
        Ok(Response::new(Messages { messages: ReceiverStream::new(for_worker) }))
    }
}

/// What a worker is told.
pub(crate) struct Messages {
    messages: ReceiverStream<ToWorker>,
}

impl tokio_stream::Stream for Messages {
    type Item = Result<ToWorker, Status>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let messages = std::pin::Pin::new(&mut self.messages);
        messages.poll_next(context).map(|message| message.map(Ok))
    }
}
