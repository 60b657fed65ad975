//! A worker with all that it needs around it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mirror_charts::{Charts, ChartsOptions, RepositoriesFile};
use mirror_credentials::{Credentials, DockerConfig, Providers};
use mirror_model::{EntryIndex, Job, JobId, Limits, Pin, Policy, RunId, Seen, Source};
use mirror_oci::{Place, TagRef};
use mirror_proto::encode_job;
use mirror_queue::{
    Delivery, JobStream, JobStreamOptions, Nats, NatsOptions, Pull, Region, Timing as Protocol,
};
use mirror_registry::{Registries, RegistriesOptions};
use mirror_rpc::ClientOptions;
use mirror_tests::nats::Nats as Server;
use mirror_tests::sample::{Sample, image};
use mirror_tests::scripted::ScriptedRegistry;
use mirror_transport::{Options, Timing, Transport};
use mirror_worker::{WorkerError, WorkerOptions, serve};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::coordinator::{Coordinator, LinkEnd, PATIENCE};

/// A short unit of time, for tests of what time does: a permission lasts a second, and a message that
/// nobody keeps comes again after 3 s.
pub(crate) const SHORT: Duration = Duration::from_millis(400);
/// The run of all jobs.
pub(crate) const RUN: RunId = RunId(7);

/// A worker with all that it needs around it.
pub(crate) struct Fleet {
    pub(crate) source: ScriptedRegistry,
    pub(crate) destination: ScriptedRegistry,
    pub(crate) coordinator: Coordinator,
    pub(crate) jobs: JobStream,
    pub(crate) pull: Pull,
    pub(crate) shutdown: CancellationToken,
    pub(crate) worker: JoinHandle<Result<(), WorkerError>>,
    published: usize,
    beat: Duration,
    pub(crate) server: Server,
}

/// How a worker differs from the usual.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The unit of time.
    pub(crate) beat: Duration,
    pub(crate) slots: usize,
    /// Destinations below the destination's host; none is all.
    pub(crate) allowed: Vec<&'static str>,
    pub(crate) metrics: Option<SocketAddr>,
}

impl Default for Setup {
    fn default() -> Self {
        let beat = Protocol::default().beat();
        Self { beat, slots: 2, allowed: Vec::new(), metrics: None }
    }
}

impl Fleet {
    /// Starts a worker; the link that it makes is for the test to welcome.
    pub(crate) async fn start(setup: Setup) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let server = Server::start().await;
        let options = NatsOptions { servers: server.url(), ..NatsOptions::default() };
        let nats = Nats::connect(options.clone()).await.unwrap();
        let region: Region = "eu".parse().unwrap();
        let ack_wait = Protocol::of(setup.beat).ack_wait();
        let kept = JobStreamOptions { replicas: 1, ack_wait };
        let jobs = JobStream::open(&nats, &region, kept).await.unwrap();
        let pull = Pull::open(&nats, &region).await.unwrap();
        let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
        let coordinator = Coordinator::start().await;
        let transport =
            Options { insecure: false, user_agent: "test".to_owned(), timing: Timing::default() };
        let registries = Registries::new(RegistriesOptions {
            transport: Transport::new(transport),
            credentials: Credentials::new(
                HashMap::new(),
                DockerConfig::from_environment(&|_| None),
                Providers::none(),
            ),
            chunks: HashMap::new(),
            tls: HashMap::new(),
            notices: Arc::new(|_| ()),
        });
        let below = |name: &&str| format!("{}/{name}", destination.host());
        let shutdown = CancellationToken::new();
        let worker = WorkerOptions {
            nats: options,
            coordinators: ClientOptions {
                coordinators: vec![coordinator.url.clone()],
                ..ClientOptions::default()
            },
            region,
            slots: NonZeroUsize::new(setup.slots).unwrap(),
            allowed: setup.allowed.iter().map(below).collect(),
            metrics: setup.metrics,
            drain: Duration::from_secs(30),
            charts: Charts::new(ChartsOptions {
                transport: registries.transport().clone(),
                repositories: RepositoriesFile::default(),
                notices: Arc::new(|_| ()),
            }),
            registries,
            version: "1.0.0",
        };
        let worker = tokio::spawn(serve(worker, shutdown.clone()));
        Self {
            source,
            destination,
            coordinator,
            jobs,
            pull,
            shutdown,
            worker,
            published: 0,
            beat: setup.beat,
            server,
        }
    }

    /// Starts a worker that is welcome.
    pub(crate) async fn linked(setup: Setup) -> (Self, LinkEnd) {
        let mut fleet = Self::start(setup).await;
        let link = fleet.link().await;
        (fleet, link)
    }

    /// Waits for a link, and welcomes it.
    pub(crate) async fn link(&mut self) -> LinkEnd {
        self.coordinator.link(self.beat).await
    }

    /// Puts an image into the source and returns the job to copy it.
    pub(crate) fn job(&mut self, name: &str) -> (Job, Sample) {
        let sample = image(name);
        self.source.store().push(name, "1.0.0", &sample);
        let place = |host: String| Place::Registry(format!("{host}/{name}").parse().unwrap());
        let job = Job {
            id: JobId { entry: EntryIndex(0), row: self.published },
            run: RUN,
            seen: Seen::Absent,
            source: Source::Artifact {
                place: place(self.source.host()),
                root: Pin { digest: sample.digest().parse().unwrap(), media_type: None },
            },
            referrers: Vec::new(),
            destination: TagRef {
                place: place(self.destination.host()),
                tag: "1.0.0".parse().unwrap(),
            },
            policy: Policy { overwrite: false, dry_run: false },
            limits: Limits {
                attempts: NonZeroU32::new(3).unwrap(),
                timeout: Duration::from_secs(60),
                blobs: NonZeroU32::MIN,
            },
        };
        (job, sample)
    }

    /// Publishes the copy of an image of this name.
    pub(crate) async fn publish(&mut self, name: &str) -> Sample {
        let (job, sample) = self.job(name);
        self.publish_message(encode_job(&job).unwrap(), false).await;
        sample
    }

    /// Publishes any message.
    pub(crate) async fn publish_message(&mut self, message: Vec<u8>, alone: bool) {
        let id = JobId { entry: EntryIndex(0), row: self.published };
        self.published += 1;
        self.jobs.publish(RUN, id, 1, alone, Bytes::from(message)).await.unwrap();
    }

    /// Returns how many messages nobody has, and how many somebody has.
    pub(crate) async fn depth(&self) -> (u64, u64) {
        let depth = self.jobs.depth().await.unwrap();
        (depth.pending, depth.ack_pending)
    }

    /// Waits for so many messages that the worker does not have, and takes them.
    pub(crate) async fn take(&self, count: usize) -> Vec<Delivery> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let more = self.pull.next(count - taken.len(), PATIENCE).await.unwrap();
            assert!(!more.is_empty(), "only {} came", taken.len());
            taken.extend(more);
        }
        taken
    }

    /// Waits until so many messages wait for somebody, and so many are with somebody.
    pub(crate) async fn assert_depth(&self, depth: (u64, u64)) {
        self.eventually(async || self.depth().await == depth).await;
    }

    /// Waits until NATS knows that nobody waits for a message.
    pub(crate) async fn assert_nobody_pulls(&self) {
        self.eventually(async || {
            let info = self.server.ask("$JS.API.CONSUMER.INFO.FM_JOBS_eu.copy").await;
            info["num_waiting"] == 0
        })
        .await;
    }

    /// Waits until no message is left.
    pub(crate) async fn assert_empty(&self) {
        self.assert_depth((0, 0)).await;
    }

    async fn eventually(&self, condition: impl AsyncFn() -> bool) {
        let begin = Instant::now();
        while !condition().await {
            assert!(begin.elapsed() < PATIENCE, "messages: {:?}", self.depth().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the worker, which has nothing to do any more.
    pub(crate) async fn end(self) {
        self.shutdown.cancel();
        self.worker.await.unwrap().unwrap();
    }
}
