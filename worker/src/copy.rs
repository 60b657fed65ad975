//! One attempt at a job: begun, executed by the engine of its run, its row handed over.

use std::sync::Arc;

use mirror_engine::JobContext;
use mirror_model::{Event, Job, Observer, RunId, Source};
use mirror_oci::Place;
use mirror_proto::{AttemptRef, JobHash};
use mirror_queue::Delivery;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::commits::LinkCommits;
use crate::engines::Engines;
use crate::held::Beginning;
use crate::link::Link;
use crate::pulse::Pulse;

/// Executes the job of a delivery, until it has a row or is not wanted any more.
pub(crate) async fn copy(link: &Link, engines: &Engines, delivery: Arc<Delivery>, job: Job) {
    let attempt = AttemptRef {
        run: job.run,
        job: job.id,
        attempt: fastrand::u64(..),
        hash: JobHash::of(&delivery.message),
    };
    let pulse = Arc::new(Pulse::default());
    let cancel = CancellationToken::new();
    let hosts = hosts(&job);
    let begun =
        Beginning { attempt, delivery, cancel: cancel.clone(), pulse: Arc::clone(&pulse), hosts };
    if !link.begin(begun).await {
        return;
    }
    debug!(run = %ulid::Ulid(job.run.0), job = %job.id, destination = %job.destination, "job begins");
    let engine = engines.of(job.run);
    let context = JobContext {
        observer: Arc::new(Watch { run: job.run, pulse, link: link.clone() }),
        commits: Arc::new(LinkCommits::new(link.clone(), attempt.attempt)),
        cancel,
    };
    let outcome = engine.execute(job, context).await;
    link.finish(attempt.attempt, outcome).await;
}

/// Sees what a job does: a sign of life, and something to tell.
struct Watch {
    run: RunId,
    pulse: Arc<Pulse>,
    link: Link,
}

impl Observer for Watch {
    fn observe(&self, event: Event) {
        self.pulse.beat();
        if let Event::JobRetrying { delay, .. } = &event {
            self.pulse.wait(Instant::now() + *delay);
        }
        self.link.tell(self.run, event);
    }
}

/// The hosts that a job works with, as requests name them: source, and destination.
fn hosts(job: &Job) -> [String; 2] {
    let host = |place: &Place| match place {
        Place::Registry(repository) => repository.host.api().to_owned(),
        Place::Layout(path) => path.to_string(),
    };
    let source = match &job.source {
        Source::Artifact { place, .. } => host(place),
        Source::Chart(version) => version.chart.host().to_owned(),
    };
    [source, host(&job.destination.place)]
}
