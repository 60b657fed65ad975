//! How long to wait before trying again.

use std::time::Duration;

/// Exponential backoff with full jitter above a floor; the caller sleeps, and brings the chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first wait.
    pub first: Duration,
    /// The longest wait at all.
    pub most: Duration,
}

impl Default for Backoff {
    /// 500 ms, doubling up to 15 s: a registry that restarts is asked a dozen times in a minute.
    fn default() -> Self {
        Self { first: Duration::from_millis(500), most: Duration::from_secs(15) }
    }
}

impl Backoff {
    /// Returns the wait after `failures` failures in a row, from 1; `chance` is in `0.0..1.0`.
    ///
    /// At least half of the full wait, so that jitter never means none.
    pub fn delay(&self, failures: u32, chance: f64) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(doubled).min(self.most);
        full.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let backoff = Backoff::default();
        let full = |failures| backoff.delay(failures, 1.0).as_millis();
        assert_eq!([1, 2, 3, 6, 40].map(full), [500, 1000, 2000, 15_000, 15_000]);
        assert_eq!(backoff.delay(1, 0.0).as_millis(), 250);
    }
}
