//! A host that is to be left alone for a while: it said so, or it could not be reached.
//!
//! The pause belongs to the host, not to the request that met it: other requests wait too, and none
//! counts as a failure of its job.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{RootCause, TransportError};

/// A first 429 without `Retry-After`; doubled by each that follows.
const FIRST: Duration = Duration::from_secs(1);
/// As long as a registry's rate window usually is.
const LONGEST: Duration = Duration::from_secs(60);
/// As `Retry-After` is taken: a wait over a day is no wait.
const LONGEST_IMPOSED: Duration = Duration::from_secs(24 * 60 * 60);
/// A host that is away for longer is asked again this many times as seldom, and no more.
const MOST_STRIKES: u32 = 2;

/// Whether a host is to be left alone.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    /// What could not be reached, where that is why.
    cause: Option<String>,
    /// 429s in a row without `Retry-After`.
    refusals: u32,
    /// Times in a row that the host could not be reached.
    strikes: u32,
    /// Whether the host has answered in this run.
    answered: bool,
}

impl State {
    /// Makes the pause last until then at least; returns whether that made it longer.
    fn extend(&mut self, until: Instant) -> bool {
        let is_longer = self.until.is_none_or(|before| before < until);
        if is_longer {
            self.until = Some(until);
            self.cause = None;
        }
        is_longer
    }
}

impl Pause {
    /// The host answered something other than a plea for peace.
    pub(crate) fn answered(&self) {
        let mut state = self.lock();
        state.answered = true;
        state.refusals = 0;
        state.strikes = 0;
        if state.cause.take().is_some() {
            state.until = None;
        }
    }

    /// Returns whether the host has answered in this run.
    pub(crate) fn has_answered(&self) -> bool {
        self.lock().answered
    }

    /// The host asks for a pause; `fixed` is what it usually wants where it does not say. Returns what
    /// the pause is now, where that made it longer.
    pub(crate) fn asked(
        &self,
        wait: Option<Duration>,
        fixed: Option<Duration>,
    ) -> Option<Duration> {
        let mut state = self.lock();
        state.answered = true;
        let now = Instant::now();
        let runs = state.until.is_some_and(|until| until > now);
        let doubled = FIRST.saturating_mul(1 << state.refusals.min(6)).min(LONGEST);
        let until = match wait.or(fixed) {
            Some(wait) => now + wait,
            // Complaints about requests that were under way together are one complaint.
            None if runs => return None,
            None => now + doubled,
        };
        state.refusals += u32::from(!runs);
        state.extend(until).then(|| until.saturating_duration_since(now))
    }

    /// Somebody else was asked for this pause, on behalf of all.
    pub(crate) fn imposed(&self, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST_IMPOSED);
        self.lock().extend(until);
    }

    /// The host could not be reached. One that never answered is not waited for: it may not exist.
    pub(crate) fn unreachable(&self, wait: Duration, error: &TransportError) {
        let mut state = self.lock();
        let is_over = state.until.is_none_or(|until| until <= Instant::now());
        if state.answered && is_over {
            state.until = Some(Instant::now() + wait * (1 << state.strikes));
            state.strikes = (state.strikes + 1).min(MOST_STRIKES);
            let cause = std::error::Error::source(error).unwrap_or(error);
            state.cause = Some(cause.to_string());
        }
    }

    /// Returns what is left of the pause.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        let until = self.lock().until?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// Returns the error of a request that cannot wait for `wait`.
    pub(crate) fn error(&self, host: &str, wait: Duration) -> TransportError {
        let host = host.to_owned();
        match &self.lock().cause {
            Some(cause) => {
                let source = RootCause::of(&std::io::Error::other(cause.clone()));
                TransportError::Unreachable { host, source }
            }
            None => TransportError::RateLimited { host, wait },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn pauses_double_while_nothing_else_is_answered() {
        let pause = Pause::default();
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            pause.asked(None, None);
            pause.asked(None, None);
            assert_eq!(pause.remaining(), Some(SECOND * expected));
            tokio::time::advance(SECOND * expected).await;
            assert_eq!(pause.remaining(), None);
        }
        pause.answered();
        pause.asked(None, None);
        assert_eq!(pause.remaining(), Some(SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_host_says_counts() {
        let pause = Pause::default();
        pause.asked(Some(SECOND * 7), Some(SECOND * 60));
        assert_eq!(pause.remaining(), Some(SECOND * 7));
        tokio::time::advance(SECOND * 7).await;
        pause.asked(None, Some(SECOND * 60));
        assert_eq!(pause.remaining(), Some(SECOND * 60));
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_longer_pause_is_news() {
        let pause = Pause::default();
        assert_eq!(pause.asked(Some(SECOND * 7), None), Some(SECOND * 7));
        assert_eq!(pause.asked(Some(SECOND * 7), None), None);
        assert_eq!(pause.asked(None, None), None);
        assert_eq!(pause.asked(Some(SECOND * 9), None), Some(SECOND * 9));
    }

    #[tokio::test(start_paused = true)]
    async fn an_imposed_pause_never_shortens_one() {
        let pause = Pause::default();
        pause.imposed(SECOND * 7);
        assert_eq!(pause.remaining(), Some(SECOND * 7));
        pause.imposed(SECOND);
        assert_eq!(pause.remaining(), Some(SECOND * 7));
        pause.imposed(Duration::MAX);
        assert_eq!(pause.remaining(), Some(LONGEST_IMPOSED));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_went_away_is_asked_less_and_less() {
        let pause = Pause::default();
        let gone = || TransportError::Silent { host: "a".to_owned(), silence: SECOND };
        pause.unreachable(SECOND * 15, &gone());
        assert_eq!(pause.remaining(), None, "it never answered");
        pause.answered();
        for expected in [15, 30, 60, 60] {
            pause.unreachable(SECOND * 15, &gone());
            pause.unreachable(SECOND * 15, &gone());
            assert_eq!(pause.remaining(), Some(SECOND * expected));
            tokio::time::advance(SECOND * expected).await;
        }
        pause.unreachable(SECOND * 15, &gone());
        pause.answered();
        assert_eq!(pause.remaining(), None);
    }
}
