//! A worker from its start to the end of its drain.

use std::sync::Arc;
use std::time::Duration;

use mirror_monitor::Monitor;
use mirror_queue::Nats;
use mirror_rpc::Dialer;
use mirror_transport::Noticed;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::allowed::Allowed;
use crate::engines::Engines;
use crate::health::{WorkerHealth, tick};
use crate::intake::{Desk, Intake};
use crate::link::LinkTask;
use crate::metrics::Metrics;
use crate::session::{Identity, Session};
use crate::settle::{MOST_SETTLED, settle};
use crate::{WorkerError, WorkerOptions};

/// Messages that are settled last have so long.
const LAST_SETTLED: Duration = Duration::from_secs(5);

/// Works until `shutdown`, or until the coordinator says so, then drains.
///
/// # Errors
/// What cannot be had at start: see [`WorkerError`]. A coordinator or a queue that is not there yet is
/// waited for.
pub async fn serve(options: WorkerOptions, shutdown: CancellationToken) -> Result<(), WorkerError> {
    let WorkerOptions {
        nats,
        coordinators,
        region,
        slots,
        allowed,
        metrics,
        drain: grace,
        registries,
        charts,
        version,
    } = options;
    let dialer = Dialer::new(coordinators)?;
    let monitor = match metrics {
        Some(address) => Some(Monitor::bind(address).await?),
        None => None,
    };
    let nats = tokio::select! {
        biased;
        () = shutdown.cancelled() => return Ok(()),
        connected = Nats::connect(nats) => connected?,
    };
    let drain = shutdown.child_token();
    let metrics = Arc::new(Metrics::new(slots.get()));
    let identity = Identity {
        worker: fastrand::u64(..),
        region: region.to_string(),
        slots: u32::try_from(slots.get()).unwrap_or(u32::MAX),
        version: version.to_owned(),
    };
    info!(worker = format_args!("{:016x}", identity.worker), %region, slots, version, "worker begins");

    let (settler, settled) = mpsc::channel(MOST_SETTLED);
    let transport = registries.transport().clone();
    let (link, linked) = LinkTask {
        session: Session::new(identity),
        dialer,
        transport: transport.clone(),
        settler,
        metrics: Arc::clone(&metrics),
        drain: drain.clone(),
        grace,
    }
    .start();
    let (signal, counted) = (link.signals(), Arc::clone(&metrics));
    transport.watch(Arc::new(move |host, noticed| match noticed {
        Noticed::Answered(code) => counted.answered(host, code),
        Noticed::Paused(wait) => signal(host, wait),
    }));

    let over = CancellationToken::new();
    let (ticked, ticks) = watch::channel(Instant::now());
    let mut services = JoinSet::new();
    services.spawn(tick(ticked));
    if let Some(monitor) = monitor {
        let health = WorkerHealth { ticked: ticks, link: link.state(), nats: nats.clone() };
        let registry = Arc::new(metrics.registry());
        services.spawn(monitor.serve(registry, Arc::new(health), over.clone()));
    }
    let mut linking = JoinSet::new();
    linking.spawn(linked);
    let mut settling = JoinSet::new();
    settling.spawn(settle(settled));

    let engines = Engines::new(registries, charts, slots);
    let desk = Arc::new(Desk::new(link.clone(), engines, slots, drain.clone()));
    let intake = Intake { nats, region, allowed: Allowed::new(allowed), desk };
    let (drained, taken) = intake.run().await;
    link.farewell(drained + grace).await;
    while let Some(ended) = linking.join_next().await {
        // Without its link a worker is none: that is for whoever started it to see.
        if let Err(panic) = ended.map_err(JoinError::try_into_panic)
            && let Ok(panic) = panic
        {
            std::panic::resume_unwind(panic);
        }
    }
    let _ = timeout(LAST_SETTLED, async { while settling.join_next().await.is_some() {} }).await;
    over.cancel();
    info!("worker ends");
    taken.map_err(WorkerError::from)
}
