//! Registries that are to be left alone, and until when.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Registries that are remembered at most; a fleet has few.
const MOST_HOSTS: usize = 1_000;
/// A pause that ends no more than this later than what was told is not told again.
const NEWS: Duration = Duration::from_millis(500);

/// Registries that are to be left alone.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    paused: HashMap<String, Instant>,
}

impl Hosts {
    /// Takes note of a pause; returns whether it is worth telling: longer than what was known.
    pub(crate) fn pause(&mut self, host: &str, wait: Duration, now: Instant) -> bool {
        self.paused.retain(|_, until| *until > now);
        let Some(until) = now.checked_add(wait) else { return false };
        if self.paused.get(host).is_some_and(|known| until <= *known + NEWS) {
            return false;
        }
        if self.paused.len() < MOST_HOSTS {
            self.paused.insert(host.to_owned(), until);
        }
        true
    }

    /// Returns whether a registry is to be left alone now.
    pub(crate) fn is_paused(&self, host: &str, now: Instant) -> bool {
        self.paused.get(host).is_some_and(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_longer_pause_is_told() {
        let (mut hosts, now, second) = (Hosts::default(), Instant::now(), Duration::from_secs(1));
        assert!(hosts.pause("a", second * 5, now));
        assert!(!hosts.pause("a", second * 5, now + NEWS));
        assert!(!hosts.pause("a", second, now));
        assert!(hosts.pause("a", second * 7, now));
        assert!(hosts.pause("b", second, now));
        assert!(hosts.is_paused("a", now + second * 6) && !hosts.is_paused("b", now + second));
        assert!(hosts.pause("b", second, now + second), "it is over, and begins anew");
        assert!(!hosts.pause("c", Duration::MAX, now));
    }
}
