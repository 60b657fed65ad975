//! The one time of a command, `--timeout`, for all that it waits for.

use std::time::Duration;

use mirror_model::GoDuration;
use tokio::time::Instant;

use crate::failure::Failed;

/// When a command must be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    begun: Instant,
    timeout: Duration,
}

impl Deadline {
    /// Begins the time.
    pub(crate) fn begin(timeout: Duration) -> Self {
        Self { begun: Instant::now(), timeout }
    }

    /// Waits for `work`, which is dropped at the end of the time; `late` says what was not done by then.
    pub(crate) async fn bound<T>(
        self,
        work: impl Future<Output = T>,
        late: impl FnOnce() -> String,
    ) -> Result<T, Failed> {
        let left = self.timeout.saturating_sub(self.begun.elapsed());
        let done = tokio::time::timeout(left, work).await;
        done.map_err(|_elapsed| {
            Failed::new(format!("{} {} (--timeout)", late(), GoDuration(self.timeout)))
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_one_step_has_taken_the_next_has_not() {
        let deadline = Deadline::begin(Duration::from_secs(5));
        let step = |seconds| {
            let work = sleep(Duration::from_secs(seconds));
            deadline.bound(work, move || format!("{seconds} s are longer than"))
        };
        step(3).await.unwrap();
        let late = step(3).await.unwrap_err();
        assert_eq!(late.text(), "3 s are longer than 5s (--timeout)");
        assert_eq!(deadline.begun.elapsed(), Duration::from_secs(5));
        assert!(step(1).await.is_err(), "nothing is left");
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_may_be_longer_than_clocks_know() {
        let deadline = Deadline::begin(Duration::MAX);
        deadline.bound(sleep(Duration::from_secs(1)), String::new).await.unwrap();
    }
}
