//! What probes are told of a worker.

use std::time::Duration;

use mirror_monitor::Health;
use mirror_queue::Nats;
use tokio::sync::watch;
use tokio::time::{Instant, interval};

use crate::link::LinkState;

/// The executor's tick is looked at so often.
const TICK: Duration = Duration::from_secs(1);
/// A tick that is older than this means that nothing moves any more.
const DEAD: Duration = Duration::from_secs(30);

/// What probes are told.
pub(crate) struct WorkerHealth {
    pub(crate) ticked: watch::Receiver<Instant>,
    pub(crate) link: watch::Receiver<LinkState>,
    pub(crate) nats: Nats,
}

/// Ticks until nobody looks any more.
pub(crate) async fn tick(ticked: watch::Sender<Instant>) {
    let mut ticks = interval(TICK);
    while !ticked.is_closed() {
        ticks.tick().await;
        ticked.send_replace(Instant::now());
    }
}

impl Health for WorkerHealth {
    fn is_alive(&self) -> bool {
        self.ticked.borrow().elapsed() < DEAD
    }

    fn is_ready(&self) -> bool {
        self.link.borrow().is_up && self.nats.is_up()
    }
}
