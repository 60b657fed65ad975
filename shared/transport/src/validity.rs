//! How long a permission holds: until when a request may begin, and until when it may go on.
//!
//! Counted by the clock that also runs while a machine is suspended: a process that is resumed after
//! hours finds its permission over. What asks it last is the request's body, as it is handed to the
//! connection, so that nothing leaves on a permission that ended while it waited.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use rustix::time::{ClockId, clock_gettime};

use crate::BodyError;

/// A body is handed out in pieces of this size, each on time or not at all.
const PIECE: usize = 64 << 10;

/// How long a permission holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    begin: Duration,
    end: Duration,
}

/// A request that was to leave on a permission that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the permission to write is over")]
pub struct Expired;

impl Validity {
    /// Permits requests that begin within `begin` from now and have left `lasts` after that.
    pub fn new(begin: Duration, lasts: Duration) -> Self {
        let begin = boot_time() + begin;
        Self { begin, end: begin + lasts }
    }

    /// Returns how long a request may still begin; zero for no longer.
    pub fn remaining(&self) -> Duration {
        self.begin.saturating_sub(boot_time())
    }

    /// Returns how long a request that has begun may still last.
    pub fn lasting(&self) -> Duration {
        self.end.saturating_sub(boot_time())
    }

    /// Hands out `bytes` while the permission holds.
    pub(crate) fn body(
        self,
        bytes: Bytes,
    ) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static {
        stream::unfold((bytes, self.begin), move |(mut left, until)| async move {
            if left.is_empty() {
                return None;
            }
            if boot_time() >= until {
                return Some((Err(BodyError::from(Expired)), (Bytes::new(), until)));
            }
            let piece = left.split_to(left.len().min(PIECE));
            Some((Ok(piece), (left, self.end)))
        })
    }
}

/// Time since the machine started, suspension included: for deadlines that a suspended machine must
/// not outlast.
pub fn boot_time() -> Duration {
    // Linux alone has it; where it is not had, suspension is not counted.
    #[cfg(target_os = "linux")]
    const CLOCK: ClockId = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: ClockId = ClockId::Monotonic;
    let time = clock_gettime(CLOCK);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_body_leaves_only_while_the_permission_holds() {
        let bytes = Bytes::from(vec![7; 3 * PIECE + 1]);
        let hour = Duration::from_secs(3600);
        let whole: Vec<_> = Validity::new(hour, hour).body(bytes.clone()).collect().await;
        assert_eq!(
            whole.iter().map(|piece| piece.as_ref().unwrap().len()).sum::<usize>(),
            bytes.len()
        );

        let over: Vec<_> = Validity::new(Duration::ZERO, hour).body(bytes.clone()).collect().await;
        assert_eq!(over.len(), 1);
        assert!(over[0].as_ref().unwrap_err().is::<Expired>());

        let mut halfway = Validity::new(hour, hour);
        halfway.end = Duration::ZERO;
        let cut: Vec<_> = halfway.body(bytes).collect().await;
        assert_eq!(cut.len(), 2);
        assert!(cut[0].is_ok() && cut[1].is_err());
    }

    #[test]
    fn what_is_left_counts_down_to_zero() {
        let validity = Validity::new(Duration::from_secs(10), Duration::from_secs(5));
        assert!(validity.remaining() <= Duration::from_secs(10));
        assert!(validity.lasting() > validity.remaining());
        assert_eq!(Validity::new(Duration::ZERO, Duration::ZERO).remaining(), Duration::ZERO);
    }
}
