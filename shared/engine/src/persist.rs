//! Trying again, within a budget: the one loop of attempts that planning, looking and copying share.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use mirror_model::{Failure, Limits, Stage};
use mirror_transport::{Backoff, Budget, Retry};

use crate::cause::{StageError, timed_out};

/// What came of trying.
pub(crate) struct Tried<T> {
    pub(crate) attempts: u32,
    pub(crate) result: Result<T, Failure>,
}

/// Tries `work` until it succeeds, cannot succeed, or its limits are used up.
///
/// `retrying` is told of each attempt that failed and how long until the next. A wait that would
/// outlast the budget is not begun, so that the failure keeps its real cause.
pub(crate) async fn persist<T, F>(
    budget: &Arc<Budget>,
    limits: Limits,
    stage: Stage,
    retrying: impl Fn(u32, Duration, &StageError),
    mut work: impl FnMut() -> F,
) -> Tried<T>
where
    F: Future<Output = Result<T, StageError>>,
{
    let _working = budget.work();
    let mut last: Option<StageError> = None;
    let mut attempts = NonZeroU32::MIN;
    loop {
        let tried = tokio::select! {
            biased;
            result = work() => result,
            () = budget.expired() => {
                let result = Err(timed_out(stage, budget.total(), last.as_ref()));
                return Tried { attempts: attempts.get(), result };
            }
        };
        let error = match tried {
            Ok(done) => return Tried { attempts: attempts.get(), result: Ok(done) },
            Err(error) => error,
        };
        // Wrong content is fetched once more, perhaps from another edge, and then believed to be wrong.
        let is_again = last.as_ref().is_some_and(|last| last.cause.is_corrupt());
        let delay = match error.cause.retry() {
            Retry::Never => None,
            Retry::Backoff if is_again && error.cause.is_corrupt() => None,
            Retry::Backoff => Some(Backoff::default().delay(attempts.get(), fastrand::f64())),
            Retry::After(wait) => Some(wait),
        };
        let delay = delay.filter(|delay| attempts < limits.attempts && *delay < budget.remaining());
        let Some(delay) = delay else {
            return Tried { attempts: attempts.get(), result: Err(error.failure()) };
        };
        retrying(attempts.get(), delay, &error);
        last = Some(error);
        attempts = attempts.saturating_add(1);
        tokio::time::sleep(delay).await;
    }
}

#[cfg(test)]
mod tests {
    use mirror_registry::RegistryError;
    use tokio::time::Instant;

    use super::*;
    use crate::cause::At;

    fn unclear() -> Result<(), StageError> {
        let text = || "x".to_owned();
        Err(RegistryError::Protocol { host: text(), subject: text(), reason: text() })
            .at(Stage::Copy)
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_covers_all_attempts_and_no_wait_outlasts_it() {
        let total = Duration::from_secs(4);
        for seed in 0..200 {
            fastrand::seed(seed);
            let (begun, budget) = (Instant::now(), Budget::new(total));
            let attempts = NonZeroU32::MAX;
            let limits = Limits { attempts, timeout: total, blobs: NonZeroU32::MIN };
            let nothing = |_: u32, _: Duration, _: &StageError| {};
            let tried = persist(&budget, limits, Stage::Copy, nothing, async || unclear()).await;
            // Waits of at least 250 ms, 500 ms, 1 s and 2 s; twice that at most.
            assert!((4..=5).contains(&tried.attempts), "{}", tried.attempts);
            assert_eq!(tried.result.unwrap_err(), unclear().unwrap_err().failure());
            let longest = Backoff::default().delay(tried.attempts, 1.0);
            assert!(begun.elapsed() < total && begun.elapsed() + longest >= total);
        }
    }
}
