//! A budget of time that runs only while somebody works on it.
//!
//! A job's `--timeout` must not pass while the job waits for its turn, for a slot of a host, or for a
//! blob that another job is sending. Every part that works holds a [`Work`]; while it waits for its
//! turn it holds a [`Wait`]; the clock runs while more work than wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// A budget of time.
#[derive(Debug)]
pub struct Budget {
    total: Duration,
    clock: Mutex<Clock>,
    changed: Notify,
}

#[derive(Debug)]
struct Clock {
    spent: Duration,
    working: usize,
    since: Instant,
}

impl Clock {
    fn spent(&self) -> Duration {
        match self.working {
            0 => self.spent,
            _ => self.spent + self.since.elapsed(),
        }
    }

    fn change(&mut self, working: usize) {
        self.spent = self.spent();
        self.since = Instant::now();
        self.working = working;
    }
}

impl Budget {
    /// Returns a budget that nobody works on yet.
    pub fn new(total: Duration) -> Arc<Self> {
        let clock = Clock { spent: Duration::ZERO, working: 0, since: Instant::now() };
        Arc::new(Self { total, clock: Mutex::new(clock), changed: Notify::new() })
    }

    /// Begins work; it ends when the guard is dropped.
    pub fn work(self: &Arc<Self>) -> Work {
        self.change(|working| working + 1);
        Work(Arc::clone(self))
    }

    /// Interrupts one part's work; it goes on when the guard is dropped.
    pub fn wait(self: &Arc<Self>) -> Wait {
        self.change(|working| working.saturating_sub(1));
        Wait(Arc::clone(self))
    }

    /// Returns how long was worked.
    pub fn spent(&self) -> Duration {
        self.lock().spent()
    }

    /// Returns how long may still be worked.
    pub fn remaining(&self) -> Duration {
        self.total.saturating_sub(self.spent())
    }

    /// Returns the whole budget.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// Resolves when the budget is used up.
    pub async fn expired(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let (remaining, runs) = {
                let clock = self.lock();
                (self.total.saturating_sub(clock.spent()), clock.working > 0)
            };
            if remaining.is_zero() {
                return;
            }
            if runs {
                tokio::select! { () = sleep(remaining) => {} () = changed => {} }
            } else {
                changed.await;
            }
        }
    }

    fn change(&self, working: impl FnOnce(usize) -> usize) {
        let mut clock = self.lock();
        let before = clock.working;
        let after = working(before);
        clock.change(after);
        drop(clock);
        if (before == 0) != (after == 0) {
            self.changed.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work on a budget, for as long as this lives.
#[derive(Debug)]
pub struct Work(Arc<Budget>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.change(|working| working.saturating_sub(1));
    }
}

/// An interruption of work on a budget, for as long as this lives.
#[derive(Debug)]
pub struct Wait(Arc<Budget>);

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.change(|working| working + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_budget_runs_only_while_its_job_works() {
        let budget = Budget::new(SECOND * 10);
        sleep(SECOND * 100).await;
        assert_eq!(budget.spent(), Duration::ZERO);
        let work = budget.work();
        sleep(SECOND * 3).await;
        {
            let _wait = budget.wait();
            sleep(SECOND * 100).await;
        }
        sleep(SECOND * 3).await;
        assert_eq!(budget.spent(), SECOND * 6);
        drop(work);
        sleep(SECOND * 100).await;
        assert_eq!(budget.remaining(), SECOND * 4);
    }

    #[tokio::test(start_paused = true)]
    async fn one_part_that_works_keeps_the_clock_running() {
        let budget = Budget::new(SECOND * 10);
        let _main = budget.work();
        let _part = budget.work();
        let _wait = budget.wait();
        sleep(SECOND * 2).await;
        assert_eq!(budget.spent(), SECOND * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn it_expires_after_its_work_and_not_before() {
        let budget = Budget::new(SECOND * 10);
        let begun = Instant::now();
        let work = budget.work();
        let worker = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move {
                sleep(SECOND * 4).await;
                let _wait = budget.wait();
                sleep(SECOND * 50).await;
            }
        });
        budget.expired().await;
        assert_eq!(begun.elapsed(), SECOND * 60);
        worker.await.unwrap();
        drop(work);
    }
}
