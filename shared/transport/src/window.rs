//! How many small requests a host may be asked at once.
//!
//! A window begins small, doubles with each round of answers, and halves when the host says 429: once
//! for all requests that were under way by then, since they are one and the same complaint.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Enough to hide latency at once, few enough for a registry that is just starting.
const FIRST: usize = 16;
/// Where more requests at once gained nothing against any registry measured.
const MOST: usize = 64;

/// The requests that a host may be asked at once.
#[derive(Debug)]
pub(crate) struct Window {
    slots: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    size: usize,
    /// What others leave of this host; the size never exceeds it.
    share: usize,
    /// Slots to be withdrawn as they come back.
    excess: usize,
    /// Answers since the size last changed.
    answers: usize,
    halved: Option<Instant>,
}

impl Window {
    /// Opens a window of at most `share` requests.
    pub(crate) fn new(share: usize) -> Arc<Self> {
        let share = share.clamp(1, MOST);
        let size = FIRST.min(share);
        let state = State { size, share, excess: 0, answers: 0, halved: None };
        Arc::new(Self { slots: Arc::new(Semaphore::new(size)), state: Mutex::new(state) })
    }

    /// Allows at most `share` requests, and one in any case. What that gives, answers have to earn.
    pub(crate) fn share(&self, share: usize) {
        let mut state = self.lock();
        state.share = share.clamp(1, MOST);
        let size = state.size.min(state.share);
        self.shrink(&mut state, size);
    }

    /// Returns a slot if one is free.
    pub(crate) fn try_acquire(self: &Arc<Self>) -> Option<Slot> {
        let permit = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        Some(Slot { window: Arc::clone(self), permit: Some(permit), since: Instant::now() })
    }

    /// Waits for a slot, first come, first served.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Slot {
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok();
        Slot { window: Arc::clone(self), permit, since: Instant::now() }
    }

    /// Returns how many requests may be under way.
    #[cfg(test)]
    fn size(&self) -> usize {
        self.lock().size
    }

    fn answered(&self) {
        let mut state = self.lock();
        state.answers += 1;
        if state.answers >= state.size && state.size < state.share {
            let grown = (state.size * 2).min(state.share);
            let added = grown - state.size;
            let kept = added.min(state.excess);
            state.excess -= kept;
            state.size = grown;
            state.answers = 0;
            self.slots.add_permits(added - kept);
        }
    }

    fn refused(&self, since: Instant) {
        let mut state = self.lock();
        state.answers = 0;
        if state.halved.is_some_and(|halved| since <= halved) {
            return;
        }
        let halved = (state.size / 2).max(1);
        self.shrink(&mut state, halved);
        state.halved = Some(Instant::now());
    }

    /// Withdraws slots: those that are free at once, others as they come back.
    fn shrink(&self, state: &mut State, size: usize) {
        state.excess += state.size - size;
        state.size = size;
        let withdrawn = self.slots.forget_permits(state.excess);
        state.excess -= withdrawn;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to one request, until dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    window: Arc<Window>,
    permit: Option<OwnedSemaphorePermit>,
    since: Instant,
}

impl Slot {
    /// Tells the window that an answer came.
    pub(crate) fn answered(&self) {
        self.window.answered();
    }

    /// Tells the window that the host answered 429.
    pub(crate) fn refused(&self) {
        self.window.refused(self.since);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else { return };
        let mut state = self.window.lock();
        if state.excess > 0 {
            state.excess -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn free(window: &Arc<Window>) -> usize {
        let slots: Vec<Slot> = std::iter::from_fn(|| window.try_acquire()).collect();
        slots.len()
    }

    #[tokio::test]
    async fn a_window_doubles_with_each_round_of_answers() {
        let window = Window::new(usize::MAX);
        assert_eq!(free(&window), 16);
        for (answers, expected) in [(15, 16), (1, 32), (32, 64), (64, 64), (640, 64)] {
            (0..answers).for_each(|_| window.answered());
            assert_eq!(window.size(), expected);
            assert_eq!(free(&window), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_halves_once_for_all_that_was_under_way() {
        let window = Window::new(usize::MAX);
        let under_way: Vec<Slot> = (0..10).filter_map(|_| window.try_acquire()).collect();
        tokio::time::advance(Duration::from_secs(1)).await;
        under_way.iter().for_each(Slot::refused);
        assert_eq!(window.size(), 8);
        drop(under_way);
        assert_eq!(free(&window), 8);
        tokio::time::advance(Duration::from_secs(1)).await;
        let later = window.try_acquire().unwrap();
        later.refused();
        drop(later);
        assert_eq!(free(&window), 4);
    }

    #[tokio::test]
    async fn a_window_stays_within_its_share() {
        let window = Window::new(usize::MAX);
        let under_way: Vec<Slot> = (0..10).filter_map(|_| window.try_acquire()).collect();
        window.share(4);
        assert_eq!(free(&window), 0);
        drop(under_way);
        assert_eq!(free(&window), 4);
        (0..640).for_each(|_| window.answered());
        assert_eq!(free(&window), 4);
        window.share(12);
        assert_eq!(free(&window), 4, "more has to be earned");
        for expected in [8, 12, 12] {
            (0..window.size()).for_each(|_| window.answered());
            assert_eq!(free(&window), expected);
        }
        window.share(0);
        assert_eq!(free(&window), 1);
        assert_eq!(free(&Window::new(3)), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_never_closes_for_good() {
        let window = Window::new(usize::MAX);
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(1)).await;
            let slot = window.acquire().await;
            slot.refused();
        }
        assert_eq!(free(&window), 1);
        window.answered();
        assert_eq!(free(&window), 2);
    }
}
