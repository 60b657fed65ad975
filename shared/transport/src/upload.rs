//! A body on its way out, and a watch over who keeps it waiting.
//!
//! While the body waits for its own source, that source is to blame, and answers for itself; while it
//! waits for the other side to take more, or to answer, the other side is.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use tokio::time::{Instant, sleep_until};

use crate::response::Floor;
use crate::{BodyError, Timing, TransportError};

/// A registry writes or hashes what it took before it answers: this long, and a second more for each
/// 16 MiB.
const SETTLING: Duration = Duration::from_secs(60);
const SETTLED_PER_SECOND: u64 = 16 << 20;

/// What a body is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Its own source.
    Source,
    /// The other side, to take more.
    Taking,
    /// The other side, to answer.
    Answering,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    floor: Floor,
    is_slow: bool,
}

/// Watches one request until its answer begins.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    state: Arc<Mutex<State>>,
    timing: Timing,
    /// Bytes that the other side may have to work through before it answers.
    settling: u64,
}

impl Watch {
    /// Watches a request; after it, the other side may have to work through `settling` bytes.
    pub(crate) fn new(timing: Timing, settling: u64) -> Self {
        let phase = Phase::Answering;
        let floor = Floor::new(timing.floor);
        let state = State { phase, since: Instant::now(), floor, is_slow: false };
        Self { state: Arc::new(Mutex::new(state)), timing, settling }
    }

    /// Wraps a streamed body of `length` bytes so that its progress is seen.
    pub(crate) fn body(
        &self,
        bytes: BoxStream<'static, Result<Bytes, BodyError>>,
        length: u64,
    ) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static {
        self.lock().phase = Phase::Taking;
        Watched { bytes, watch: self.clone(), left: length }
    }

    /// Resolves with an error when the other side keeps the request waiting for too long.
    pub(crate) async fn silence(&self, host: &str) -> TransportError {
        loop {
            let due = {
                let state = self.lock();
                if state.is_slow {
                    return TransportError::Slow {
                        host: host.to_owned(),
                        window: self.timing.floor,
                    };
                }
                match state.phase {
                    Phase::Source => Instant::now() + self.timing.idle,
                    Phase::Taking => state.since + self.timing.idle,
                    Phase::Answering => state.since + self.answer_time(),
                }
            };
            if due <= Instant::now() {
                let silence = self.lock().since.elapsed();
                return TransportError::Silent { host: host.to_owned(), silence };
            }
            sleep_until(due).await;
        }
    }

    fn answer_time(&self) -> Duration {
        match self.settling {
            0 => self.timing.answer,
            bytes => SETTLING + Duration::from_secs(bytes / SETTLED_PER_SECOND),
        }
    }

    fn enter(&self, phase: Phase, taken: usize) {
        let mut state = self.lock();
        let now = Instant::now();
        if state.phase == Phase::Taking {
            let waited = now - state.since;
            state.is_slow |= !state.floor.passes(waited, taken);
        }
        state.phase = phase;
        state.since = now;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Watched {
    bytes: BoxStream<'static, Result<Bytes, BodyError>>,
    watch: Watch,
    /// Bytes that have not been taken yet.
    left: u64,
}

impl Stream for Watched {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.bytes.poll_next_unpin(context);
        match &polled {
            Poll::Pending => self.watch.enter(Phase::Source, 0),
            Poll::Ready(Some(Ok(chunk))) => {
                self.left = self.left.saturating_sub(chunk.len() as u64);
                // Who has all that he was promised does not ask whether there is more.
                let next = if self.left == 0 { Phase::Answering } else { Phase::Taking };
                self.watch.enter(next, chunk.len());
            }
            Poll::Ready(Some(Err(_)) | None) => self.watch.enter(Phase::Answering, 0),
        }
        polled
    }
}
