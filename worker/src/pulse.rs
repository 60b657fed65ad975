//! Whether a job goes on, as far as this process can tell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Signs of life of one attempt.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    has_beaten: AtomicBool,
    /// Until when nothing is to be expected of it.
    waits: Mutex<Option<Instant>>,
}

impl Pulse {
    /// Something happened.
    pub(crate) fn beat(&self) {
        self.has_beaten.store(true, Ordering::Relaxed);
    }

    /// The next try begins then, and nothing will happen before.
    pub(crate) fn wait(&self, until: Instant) {
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Returns whether something happened since this was last asked, or nothing could.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let has_beaten = self.has_beaten.swap(false, Ordering::Relaxed);
        let waits = *self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        has_beaten || waits.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_sign_of_life_counts_once_and_a_wait_while_it_lasts() {
        let (pulse, now) = (Pulse::default(), Instant::now());
        assert!(!pulse.take(now));
        pulse.beat();
        assert!(pulse.take(now) && !pulse.take(now));
        pulse.wait(now + Duration::from_secs(5));
        assert!(pulse.take(now) && pulse.take(now + Duration::from_secs(4)));
        assert!(!pulse.take(now + Duration::from_secs(5)));
    }
}
