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
use mirror_queue::{JobStream, JobStreamOptions, Nats, NatsOptions, Pull, Region};
use mirror_registry::{Registries, RegistriesOptions};
use mirror_rpc::ClientOptions;
use mirror_tests::nats::Nats as Server;
use mirror_tests::sample::{Sample, image};
use mirror_tests::scripted::ScriptedRegistry;
use mirror_transport::{Options, Timing, Transport};
use mirror_worker::{WorkerError, WorkerOptions, serve};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::coordinator::{Coordinator, LinkEnd};

/// The unit of time: a permission lasts a second, and a message that nobody keeps comes again after 3 s.
pub(crate) const BEAT: Duration = Duration::from_millis(400);
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
    pub(crate) server: Server,
}

/// How a worker differs from the usual.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) slots: usize,
    /// Destinations below the destination's host; none is all.
    pub(crate) allowed: Vec<&'static str>,
    pub(crate) metrics: Option<SocketAddr>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { slots: 2, allowed: Vec::new(), metrics: None }
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
        let kept = JobStreamOptions { replicas: 1, ack_wait: Duration::from_secs(3) };
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
            server,
        }
    }

    /// Starts a worker that is welcome.
    pub(crate) async fn linked(setup: Setup) -> (Self, LinkEnd) {
        let mut fleet = Self::start(setup).await;
        let link = fleet.coordinator.link(BEAT).await;
        (fleet, link)
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

    /// Waits until no message is left.
    pub(crate) async fn assert_empty(&self) {
        for _ in 0..200 {
            if self.depth().await == (0, 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("messages are left: {:?}", self.depth().await);
    }

    /// Ends the worker, which has nothing to do any more.
    pub(crate) async fn end(self) {
        self.shutdown.cancel();
        self.worker.await.unwrap().unwrap();
    }
}
