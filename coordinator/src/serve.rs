//! A coordinator from its start to its end: connect, stand by, lead.

use std::sync::Arc;

use mirror_monitor::{Health, Monitor, Requests};
use mirror_proto::wire::control::v1::control_server::{self, ControlServer};
use mirror_proto::wire::worker::v1::worker_link_server::{self, WorkerLinkServer};
use mirror_queue::{LogOptions, Nats, Region, RunLog, Timing};
use mirror_rpc::{Guard, MAX_MESSAGE_BYTES, RpcError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::control::Control;
use crate::lead::{Ended, Leading, Means};
use crate::leader::LeaderOptions;
use crate::link::Link;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::queues::Queues;
use crate::role::Role;
use crate::standby::stand_by;
use crate::{CoordinatorError, CoordinatorOptions};

/// The log's bound, beyond which it takes nothing: a day's runs of a large fleet are some 100 MB.
const LOG_BYTES: u64 = 8 << 30;
/// The region of destinations that no other region has.
const DEFAULT_REGION: &str = "default";

/// Serves until `shutdown`, or until another coordinator leads in its place.
///
/// # Errors
/// What cannot be had at start; [`CoordinatorError::Deposed`] where another one leads.
pub async fn serve(
    options: CoordinatorOptions,
    shutdown: CancellationToken,
) -> Result<(), CoordinatorError> {
    let CoordinatorOptions {
        nats,
        server,
        advertise,
        metrics: metrics_address,
        regions,
        schedule_timeout,
        replicas,
        beat,
        registries,
        trust,
        version,
    } = options;
    let timing = Timing::of(beat);
    let is_encrypted = server.certificate.is_some();
    let guard = Guard::new(server)?;
    let listener = guard.bind().await?;
    let address = listener.local_addr().map_err(CoordinatorError::Socket)?;
    let advertise = match advertise {
        Some(advertise) => advertise,
        None if address.ip().is_unspecified() => {
            return Err(CoordinatorError::Advertise { address });
        }
        None => format!("{}://{address}", if is_encrypted { "https" } else { "http" }),
    };
    let monitor = match metrics_address {
        Some(address) => Some(Monitor::bind(address).await?),
        None => None,
    };
    let nats = Nats::connect(nats).await?;
    let log_options = LogOptions { replicas, max_bytes: LOG_BYTES };
    let log = Log::new(RunLog::open(&nats, log_options).await?, fastrand::u64(..));
    let default: Region = DEFAULT_REGION.parse().map_err(CoordinatorError::Region)?;
    let queues = Queues::open(&nats, regions, default, replicas, timing).await?;

    let role = watch::Sender::new(Role::Standby(None));
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let requests = Arc::new(Requests::default());
    let metrics = Metrics::new(Arc::clone(&queues), role.subscribe(), &requests);
    if let Some(monitor) = monitor {
        let health = Arc::new(Probes { nats: nats.clone() });
        let (registry, stop) = (metrics.registry(), stop.clone());
        tasks.spawn(async move { monitor.serve(registry, health, stop).await });
        tasks.spawn(metrics.watch());
    }
    tracing::info!(%address, advertise, version, "serving");
    let (reporter, health) = tonic_health::server::health_reporter();
    tasks.spawn(report(reporter, role.subscribe()));
    let router = router(&guard, &role)?.add_service(health);
    let (serving, incoming) = (stop.clone(), Guard::incoming(listener));
    tasks.spawn(async move {
        let served = router.serve_with_incoming_shutdown(incoming, serving.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "cannot serve");
        }
    });
    let options = LeaderOptions { timing, schedule_timeout, term: 0, advertise };
    let ended = match stand_by(&log, options, &role, &shutdown).await? {
        None => Ended::Resigned,
        Some(led) => {
            let means = Means { log, queues, registries, trust, requests, max_bytes: LOG_BYTES };
            let (leading, handle) = Leading::new(led, means);
            let _ = role.send_replace(Role::Leader(handle));
            leading.run(shutdown).await
        }
    };
    // Whoever is connected is told that nobody leads here.
    let _ = role.send_replace(Role::Standby(None));
    stop.cancel();
    tasks.shutdown().await;
    match ended {
        Ended::Resigned => Ok(()),
        Ended::Deposed => Err(CoordinatorError::Deposed),
    }
}

/// The services, each behind the guard.
fn router(
    guard: &Guard,
    role: &watch::Sender<Role>,
) -> Result<tonic::transport::server::Router, RpcError> {
    let control = ControlServer::new(Control::new(role.subscribe()))
        .max_decoding_message_size(MAX_SUBMISSION_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let link = WorkerLinkServer::new(Link::new(role.subscribe()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    Ok(guard
        .server()?
        .add_service(InterceptedService::new(control, guard.clone()))
        .add_service(InterceptedService::new(link, guard.clone())))
}

/// Says by `grpc.health.v1` which services work here: those of the leader, where it leads. The server as a
/// whole works in any case.
async fn report(reporter: HealthReporter, mut role: watch::Receiver<Role>) {
    loop {
        let status = match *role.borrow_and_update() {
            Role::Leader(_) => ServingStatus::Serving,
            Role::Standby(_) => ServingStatus::NotServing,
        };
        reporter.set_service_status(control_server::SERVICE_NAME, status).await;
        reporter.set_service_status(worker_link_server::SERVICE_NAME, status).await;
        if role.changed().await.is_err() {
            return;
        }
    }
}

/// The largest submission on the wire: what `proto` takes, and some for the frame around it.
const MAX_SUBMISSION_BYTES: usize = mirror_proto::MAX_PLAIN_SUBMITTED_BYTES + (64 << 10);

/// What probes are told. A coordinator that stands by is as ready as one that leads: it answers who
/// does.
struct Probes {
    nats: Nats,
}

impl Health for Probes {
    fn is_alive(&self) -> bool {
        true
    }

    fn is_ready(&self) -> bool {
        self.nats.is_up()
    }
}
