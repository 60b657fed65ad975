//! The line to a coordinator: waited for, dialled, up.

use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use mirror_proto::wire::worker::v1::worker_link_client::WorkerLinkClient;
use mirror_proto::wire::worker::v1::{FromWorker, ToWorker, Welcome, to_worker};
use mirror_rpc::{Dialer, RpcError};
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// A coordinator that has not said Welcome by then will not.
const WELCOME: Duration = Duration::from_secs(10);
/// Messages that wait for the connection to take them.
const BUFFER: usize = 64;

/// The line to a coordinator.
pub(crate) enum Line {
    /// Until it is dialled again.
    Waiting(Pin<Box<Sleep>>),
    /// On its way.
    Dialing(BoxFuture<'static, Result<Attached, Broken>>),
    /// There.
    Up(Box<Streaming<ToWorker>>),
}

/// A line that was welcomed.
pub(crate) struct Attached {
    pub(crate) welcome: Welcome,
    pub(crate) inbound: Box<Streaming<ToWorker>>,
}

/// What happens on a line.
pub(crate) enum News {
    /// It is time to dial.
    Due,
    /// It is there.
    Attached(Attached),
    /// The coordinator says something.
    Said(Box<ToWorker>),
    /// It is gone, or was never there.
    Broken(Broken),
}

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// Nobody could be reached.
    #[error(transparent)]
    Unreachable(#[from] RpcError),
    /// The coordinator said no, or the connection broke.
    #[error("{} ({:?})", .0.message(), .0.code())]
    Status(#[from] Status),
    /// The coordinator closed the line.
    #[error("the coordinator closed the link")]
    Closed,
    /// The coordinator did not welcome us.
    #[error("the coordinator did not welcome us")]
    Unwelcome,
    /// The coordinator takes nothing any more.
    #[error("the coordinator takes no messages")]
    Stuck,
}

impl Line {
    /// Waits before the line is dialled.
    pub(crate) fn wait(pause: Duration) -> Self {
        Self::Waiting(Box::pin(sleep(pause)))
    }

    /// Dials, and says `hello` first. Returns where further messages go.
    pub(crate) fn dial(dialer: &Dialer, hello: FromWorker) -> (Self, mpsc::Sender<FromWorker>) {
        let (out, outgoing) = mpsc::channel(BUFFER);
        (Self::Dialing(Box::pin(attach(dialer.clone(), hello, outgoing))), out)
    }

    /// Waits for what happens next. May be dropped at any time.
    pub(crate) async fn next(&mut self) -> News {
        match self {
            Self::Waiting(pause) => {
                pause.as_mut().await;
                News::Due
            }
            Self::Dialing(attaching) => match attaching.as_mut().await {
                Ok(attached) => News::Attached(attached),
                Err(broken) => News::Broken(broken),
            },
            Self::Up(inbound) => match inbound.message().await {
                Ok(Some(message)) => News::Said(Box::new(message)),
                Ok(None) => News::Broken(Broken::Closed),
                Err(status) => News::Broken(status.into()),
            },
        }
    }
}

async fn attach(
    dialer: Dialer,
    hello: FromWorker,
    outgoing: mpsc::Receiver<FromWorker>,
) -> Result<Attached, Broken> {
    let channel = dialer.channel().await?;
    let messages = futures_util::stream::iter([hello]).chain(ReceiverStream::new(outgoing));
    let welcomed = async {
        let mut client = WorkerLinkClient::new(channel);
        let mut inbound = client.attach(messages).await?.into_inner();
        match inbound.message().await? {
            Some(ToWorker { what: Some(to_worker::What::Welcome(welcome)) }) => {
                Ok(Attached { welcome, inbound: Box::new(inbound) })
            }
            Some(ToWorker { .. }) => Err(Broken::Unwelcome),
            None => Err(Broken::Closed),
        }
    };
    match timeout(WELCOME, welcomed).await {
        Ok(welcomed) => welcomed,
        Err(_elapsed) => Err(Broken::Unwelcome),
    }
}
