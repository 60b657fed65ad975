//! Asking the coordinator before each name, for as long as it takes.
//!
//! A permission counts from before its question was sent, so that it is over here no later than the
//! coordinator thinks it is. A question that was lost is asked anew, by a new number and from a new
//! moment: no answer to an older one counts.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mirror_engine::{Commits, Verdict};
use mirror_model::Seen;
use mirror_oci::TagRef;
use mirror_transport::Validity;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::held::Answer;
use crate::link::Link;
use crate::session::Ask;

/// Asks before each name of one attempt.
pub(crate) struct LinkCommits {
    link: Link,
    attempt: u64,
    asks: AtomicU32,
}

impl LinkCommits {
    pub(crate) fn new(link: Link, attempt: u64) -> Self {
        Self { link, attempt, asks: AtomicU32::new(0) }
    }

    /// Asks until there is an answer. Who does not want to wait any longer drops this.
    async fn settle(&self, name: &TagRef, seen: Seen) -> Verdict {
        let mut state = self.link.state();
        loop {
            let timing = match state.wait_for(|state| state.is_up).await {
                Ok(state) => state.timing,
                Err(_ended) => return Verdict::Drop,
            };
            let number = self.asks.fetch_add(1, Ordering::Relaxed) + 1;
            let validity = Validity::new(timing.go(), timing.put());
            let (reply, answer) = oneshot::channel();
            let (attempt, name) = (self.attempt, name.clone());
            self.link.ask(Ask { attempt, number, name, seen, reply }).await;
            match timeout(timing.silence(), answer).await {
                Ok(Ok(Answer::Go(seen))) => {
                    return Verdict::Go { seen, look: true, validity: Some(validity) };
                }
                Ok(Ok(Answer::Hold)) => sleep(timing.hold()).await,
                Ok(Ok(Answer::Superseded)) => return Verdict::Superseded,
                Ok(Ok(Answer::Drop)) => return Verdict::Drop,
                // Lost with its link, or nobody can be asked now.
                Ok(Err(_lost)) => sleep(timing.hold()).await,
                Err(_elapsed) => {}
            }
        }
    }
}

impl Commits for LinkCommits {
    fn commit<'c>(&'c self, name: &'c TagRef, seen: Seen) -> BoxFuture<'c, Verdict> {
        self.settle(name, seen).boxed()
    }
}
