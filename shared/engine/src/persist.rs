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
