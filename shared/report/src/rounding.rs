//! Durations as lines, logs and summaries show them.

use std::time::Duration;

use mirror_model::GoDuration;

/// Half a millisecond: from here on a duration is rounded up.
const HALF: Duration = Duration::from_micros(500);

/// Rounds `duration` to 1 ms, half of one upwards, as Go's `Round` does.
pub(crate) fn rounded(duration: Duration) -> GoDuration {
    GoDuration(Duration::from_millis(whole_millis(duration.saturating_add(HALF))))
}

/// Returns the whole milliseconds of `duration`; 64 bits of them are 584 million years.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_to_a_millisecond() {
        let check = |micros, expected| {
            assert_eq!(rounded(Duration::from_micros(micros)).to_string(), expected);
        };
        check(0, "0s");
        check(499, "0s");
        check(500, "1ms");
        check(12_345, "12ms");
        check(999_500, "1s");
        check(4_213_499, "4.213s");
        check(4_200_000, "4.2s");
        check(83_000_400, "1m23s");
        assert_eq!(rounded(Duration::MAX).0, Duration::from_millis(u64::MAX));
    }
}
