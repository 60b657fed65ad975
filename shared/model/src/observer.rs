//! Whoever wants to know how a run goes on.

use crate::Event;

/// Is told what happens. Returns at once, never blocks, never steers.
pub trait Observer: Send + Sync {
    /// Takes note of an event.
    fn observe(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn observe(&self, event: Event) {
        self(event);
    }
}
