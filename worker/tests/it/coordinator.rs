//! A coordinator of a few lines: it hands each link to the test.

use std::time::Duration;

use futures_util::StreamExt;
use mirror_model::{Event, Seen};
use mirror_proto::wire::worker::v1::from_worker::What as Heard;
use mirror_proto::wire::worker::v1::to_worker::What as Said;
use mirror_proto::wire::worker::v1::worker_link_server::{WorkerLink, WorkerLinkServer};
use mirror_proto::wire::worker::v1::{
    Attempt, Commit, FromWorker, Go, Hello, Progress, ReleaseReason, Row, RowsAck, ToWorker,
    Welcome,
};
use mirror_proto::{event_from, outcome_from, seen_to};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

use crate::fleet::RUN;

/// What ought to come comes within this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What ought not to come would have come within this.
pub(crate) const MOMENT: Duration = Duration::from_millis(400);

/// A coordinator that is running, until it is dropped.
pub(crate) struct Coordinator {
    pub(crate) url: String,
    links: mpsc::Receiver<LinkEnd>,
    _served: JoinSet<()>,
}

/// The coordinator's end of a link. Dropped, the link closes.
pub(crate) struct LinkEnd {
    pub(crate) hello: Hello,
    /// What was told of the run so far.
    told: Vec<Event>,
    /// What was released, and when it was heard of; none, where that is heard in its turn.
    released: Option<Vec<(ReleaseReason, Instant)>>,
    inbound: Streaming<FromWorker>,
    out: mpsc::Sender<Result<ToWorker, Status>>,
}

struct Desk(mpsc::Sender<LinkEnd>);

#[tonic::async_trait]
impl WorkerLink for Desk {
    type AttachStream = ReceiverStream<Result<ToWorker, Status>>;

    async fn attach(
        &self,
        request: Request<Streaming<FromWorker>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let mut inbound = request.into_inner();
        let first = inbound.message().await?;
        let Some(FromWorker { what: Some(Heard::Hello(hello)) }) = first else {
            return Err(Status::invalid_argument("the first message is not Hello"));
        };
        let (out, outgoing) = mpsc::channel(64);
        let link = LinkEnd { hello, told: Vec::new(), released: None, inbound, out };
        let taken = self.0.send(link).await;
        taken.map_err(|_gone| Status::unavailable("the test is over"))?;
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}

impl Coordinator {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (link, links) = mpsc::channel(4);
        let mut served = JoinSet::new();
        served.spawn(async move {
            let service = WorkerLinkServer::new(Desk(link));
            let incoming = TcpListenerStream::new(listener).map(|stream| stream);
            let router = tonic::transport::Server::builder().add_service(service);
            router.serve_with_incoming(incoming).await.unwrap();
        });
        Self { url, links, _served: served }
    }

    /// Waits for a link, and leaves it without a welcome.
    pub(crate) async fn unwelcomed(&mut self) -> LinkEnd {
        timeout(PATIENCE, self.links.recv()).await.expect("a link comes").unwrap()
    }

    /// Waits for a link, and welcomes it with the given unit of time.
    pub(crate) async fn link(&mut self, beat: Duration) -> LinkEnd {
        let link = self.unwelcomed().await;
        let beat_nanos = u64::try_from(beat.as_nanos()).unwrap();
        link.say(Said::Welcome(Welcome { term: 1, beat_nanos })).await;
        link
    }
}

impl LinkEnd {
    pub(crate) async fn say(&self, what: Said) {
        self.out.send(Ok(ToWorker { what: Some(what) })).await.unwrap();
    }

    /// Waits for the next message that is heard in its turn.
    pub(crate) async fn hear(&mut self) -> Heard {
        self.hear_within(PATIENCE).await.expect("a message comes")
    }

    /// Waits so long for the next message that is heard in its turn.
    pub(crate) async fn hear_within(&mut self, patience: Duration) -> Option<Heard> {
        let heard = async {
            loop {
                if let Some(heard) = self.take().await {
                    return heard;
                }
            }
        };
        timeout(patience, heard).await.ok()
    }

    /// Waits until all that ought to be told of the run has been.
    pub(crate) async fn told(&mut self, is_all: impl Fn(&[Event]) -> bool) {
        let told = async {
            while !is_all(&self.told) {
                let heard = self.take().await;
                assert_eq!(heard, None);
            }
        };
        assert!(timeout(PATIENCE, told).await.is_ok(), "{:?}", self.told);
    }

    /// Waits until so many jobs were released, all for this reason, and returns when it heard of each.
    /// Releases come in between all else from the first call on.
    pub(crate) async fn released(&mut self, count: usize, reason: ReleaseReason) -> Vec<Instant> {
        let released = async {
            while self.released.get_or_insert_default().len() < count {
                let heard = self.take().await;
                assert_eq!(heard, None);
            }
        };
        assert!(timeout(PATIENCE, released).await.is_ok(), "{:?}", self.released);
        let released = self.released.iter().flatten();
        released
            .map(|&(why, when)| {
                assert_eq!(why, reason);
                when
            })
            .collect()
    }

    /// Takes a message in; returns it where it is to be heard in its turn.
    async fn take(&mut self) -> Option<Heard> {
        match self.inbound.message().await.unwrap().unwrap().what.unwrap() {
            // A sign of life.
            Heard::Progress(progress) if progress == Progress::default() => None,
            Heard::Progress(progress) => {
                assert_eq!(mirror_proto::run_from(&progress.run).unwrap(), RUN);
                let events = progress.events.into_iter();
                self.told.extend(events.map(|event| event_from(event).unwrap()));
                None
            }
            heard => match (heard, &mut self.released) {
                (Heard::Release(release), Some(released)) => {
                    released.push((release.reason(), Instant::now()));
                    None
                }
                (heard, _) => Some(heard),
            },
        }
    }

    pub(crate) async fn started(&mut self) -> Attempt {
        match self.hear().await {
            Heard::Started(started) => started.attempt.unwrap(),
            heard => panic!("not Started: {heard:?}"),
        }
    }

    pub(crate) async fn commit(&mut self) -> Commit {
        match self.hear().await {
            Heard::Commit(commit) => commit,
            heard => panic!("not Commit: {heard:?}"),
        }
    }

    pub(crate) async fn row(&mut self) -> Row {
        match self.hear().await {
            Heard::Rows(rows) if rows.rows.len() == 1 => rows.rows[0].clone(),
            heard => panic!("not one row: {heard:?}"),
        }
    }

    pub(crate) async fn go(&self, commit: &Commit) {
        let Commit { attempt, ask, .. } = commit.clone();
        self.say(Said::Go(Go { attempt, ask, seen: Some(seen_to(Seen::Absent)) })).await;
    }

    pub(crate) async fn ack(&self, row: &Row) {
        let attempts = row.attempt.clone().into_iter().collect();
        self.say(Said::RowsAck(RowsAck { attempts })).await;
    }

    /// Permits what was asked, and again where that came too late, until the row is there.
    pub(crate) async fn row_of(&mut self, commit: &Commit) -> Row {
        let mut commit = commit.clone();
        loop {
            self.go(&commit).await;
            match self.hear().await {
                Heard::Commit(again) => {
                    assert_eq!(again.attempt, commit.attempt);
                    assert!(again.ask > commit.ask, "{again:?}");
                    commit = again;
                }
                Heard::Rows(rows) if rows.rows.len() == 1 => return rows.rows[0].clone(),
                heard => panic!("neither Commit nor one row: {heard:?}"),
            }
        }
    }

    /// Lets one job go all its way, and returns its row's status.
    pub(crate) async fn settle(&mut self) -> &'static str {
        let commit = self.commit().await;
        let row = self.row_of(&commit).await;
        self.ack(&row).await;
        status(&row)
    }
}

/// Returns a row's status as reports write it.
pub(crate) fn status(row: &Row) -> &'static str {
    outcome_from(row.outcome.clone()).unwrap().status.as_str()
}
