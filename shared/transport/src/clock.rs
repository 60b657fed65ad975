//! How far another clock is from ours, as far as an answer tells.

use std::time::{Duration, SystemTime};

/// What a clock that tells whole seconds leaves out.
const RESOLUTION: Duration = Duration::from_secs(1);

/// Returns by how many seconds a clock is ahead of ours, negative where it is behind: it said `theirs`
/// between two moments of ours. 0 where it may be right, however long the answer took.
pub fn clock_offset(sent: SystemTime, theirs: SystemTime, received: SystemTime) -> i64 {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    if let Ok(ahead) = theirs.duration_since(received) {
        return seconds(ahead);
    }
    match sent.duration_since(theirs + RESOLUTION) {
        Ok(behind) => -seconds(behind),
        Err(_may_be_right) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: u64, theirs: u64, received: u64, expected: i64) {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_millis(seconds);
        assert_eq!(clock_offset(at(sent), at(theirs), at(received)), expected);
    }

    #[test]
    fn a_clock_that_may_be_right_is_right() {
        check(10_500, 10_000, 10_700, 0);
        check(10_500, 40_000, 41_000, 0);
        check(10_500, 11_000, 10_700, 0);
        check(10_500, 17_000, 10_700, 6);
        check(100_000, 90_000, 100_200, -9);
        check(100_000, 99_000, 160_000, 0);
    }
}
