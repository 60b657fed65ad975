//! A gate that requests wait at, so that a test can act while they do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// How long a test waits for a request that ought to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Open or closed. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    shared: Arc<(watch::Sender<bool>, watch::Sender<usize>)>,
}

impl Gate {
    /// Returns a gate that holds whoever comes.
    pub fn closed() -> Self {
        Self::new(false)
    }

    /// Returns a gate that lets through.
    pub fn open() -> Self {
        Self::new(true)
    }

    /// Lets through all who wait and all who come.
    pub fn resume(&self) {
        self.shared.0.send_replace(true);
    }

    /// Holds all who come from now on.
    pub fn pause(&self) {
        self.shared.0.send_replace(false);
    }

    /// Waits until `count` requests in all have come to the closed gate.
    ///
    /// Panics when they do not come within 30 s.
    pub async fn reached(&self, count: usize) {
        let mut held = self.shared.1.subscribe();
        let come = timeout(PATIENCE, held.wait_for(|held| *held >= count)).await;
        assert!(come.is_ok(), "{count} requests did not come to the gate within {PATIENCE:?}");
    }

    /// Returns how many requests in all have come to the closed gate.
    pub fn held(&self) -> usize {
        *self.shared.1.borrow()
    }

    pub(crate) async fn pass(&self) {
        let mut open = self.shared.0.subscribe();
        if *open.borrow_and_update() {
            return;
        }
        self.shared.1.send_modify(|held| *held += 1);
        // The sender is in `self`, so this ends only by opening.
        drop(open.wait_for(|open| *open).await);
    }

    fn new(open: bool) -> Self {
        Self { shared: Arc::new((watch::Sender::new(open), watch::Sender::new(0))) }
    }
}
