//! Answers, and their bodies under a watch.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, Stream, StreamExt};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::time::{Instant, Sleep};
use url::Url;

use crate::echo::Shown;
use crate::window::Slot;
use crate::{Timing, TransportError};

/// What is read of the body of a refusal: enough for any error list, too little to be abused.
pub const MAX_ERROR_BODY: u64 = 64 << 10;
/// All headers of an answer together. Registries send some hundred bytes; nginx's own limit is 32 KiB.
const MAX_HEADERS: u64 = 64 << 10;
/// Below this a body of any size is not going to end; the slowest mobile line is faster.
const FLOOR_BYTES_PER_SECOND: u64 = 16 << 10;

/// An answer: its status and headers, and a body that has yet to be read.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Who answered, after redirects.
    pub url: Url,
    body: reqwest::Response,
    slot: Option<Slot>,
    host: String,
    timing: Timing,
    shown: Shown,
}

impl Response {
    pub(crate) fn new(
        host: &str,
        mut answer: reqwest::Response,
        slot: Option<Slot>,
        timing: Timing,
    ) -> Result<Self, TransportError> {
        let headers = std::mem::take(answer.headers_mut());
        let length: usize =
            headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if length as u64 > MAX_HEADERS {
            let host = host.to_owned();
            return Err(TransportError::TooLarge { host, what: "headers", limit: MAX_HEADERS });
        }
        let (status, url) = (answer.status(), answer.url().clone());
        let (host, shown) = (host.to_owned(), Shown::default());
        Ok(Self { status, headers, url, body: answer, slot, host, timing, shown })
    }

    /// Says what was shown to whoever answered.
    pub(crate) fn to(self, shown: Shown) -> Self {
        Self { shown, ..self }
    }

    /// Returns a header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the length that the answer claims for its body.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// Gives up the slot of a small request before the body is read: its sender has to ask something
    /// else of the host first.
    pub fn release_slot(&mut self) {
        self.slot = None;
    }

    pub(crate) fn take_slot(&mut self) -> Option<Slot> {
        self.slot.take()
    }

    /// Reads the whole body; that of a refusal without the secrets that it repeats.
    ///
    /// # Errors
    /// [`TransportError::TooLarge`] beyond `limit` bytes, and all that breaks a body.
    pub async fn bytes(self, what: &'static str, limit: u64) -> Result<Bytes, TransportError> {
        let host = self.host.clone();
        let (mut download, shown) = self.watched();
        let mut all = BytesMut::new();
        while let Some(chunk) = download.next().await {
            let chunk = chunk?;
            if (all.len() + chunk.len()) as u64 > limit {
                return Err(TransportError::TooLarge { host, what, limit });
            }
            all.extend_from_slice(&chunk);
        }
        Ok(shown.erased(all.freeze()))
    }

    /// Reads the start of a refusal's body, at most [`MAX_ERROR_BODY`], without the secrets that it repeats;
    /// a body that breaks is as short as it is.
    pub async fn refusal(self) -> Bytes {
        let (mut download, shown) = self.watched();
        let mut start = BytesMut::new();
        while let Some(Ok(chunk)) = download.next().await {
            let room = usize::try_from(MAX_ERROR_BODY).unwrap_or(usize::MAX) - start.len();
            start.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
        shown.erased(start.freeze())
    }

    /// Returns the text of a header that is quoted, without the secrets that it repeats.
    pub fn quoted(&self, value: &HeaderValue) -> String {
        let text = self.shown.erased(Bytes::copy_from_slice(value.as_bytes()));
        // Not every registry speaks English, or ASCII.
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Returns the body as it comes, and what is to be taken out of it: nothing of one that was asked for.
    fn watched(mut self) -> (Download, Shown) {
        let shown = std::mem::take(&mut self.shown);
        let shown = if self.status.is_success() { Shown::default() } else { shown };
        (self.download(), shown)
    }

    /// Returns the body as it comes. The slot of a small request is held until its end.
    pub fn download(self) -> Download {
        Download {
            chunks: self.body.bytes_stream().boxed(),
            slot: self.slot,
            host: self.host,
            timing: self.timing,
            floor: Floor::new(self.timing.floor),
            waiting: None,
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} from {}", self.status, self.host)
    }
}

/// A body as it comes; silence and slowness end it in an error.
pub struct Download {
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    slot: Option<Slot>,
    host: String,
    timing: Timing,
    floor: Floor,
    /// Since when the other side has kept us waiting, and the alarm.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Stream for Download {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        match this.chunks.poll_next_unpin(context) {
            Poll::Ready(Some(Ok(chunk))) => {
                let waited =
                    this.waiting.take().map_or(Duration::ZERO, |(since, _)| since.elapsed());
                if this.floor.passes(waited, chunk.len()) {
                    Poll::Ready(Some(Ok(chunk)))
                } else {
                    let (host, window) = (this.host.clone(), this.timing.floor);
                    Poll::Ready(Some(Err(TransportError::Slow { host, window })))
                }
            }
            Poll::Ready(Some(Err(error))) => {
                Poll::Ready(Some(Err(TransportError::from_reqwest(&this.host, &error))))
            }
            Poll::Ready(None) => {
                this.slot = None;
                Poll::Ready(None)
            }
            Poll::Pending => {
                let idle = this.timing.idle;
                let alarm = || (Instant::now(), Box::pin(tokio::time::sleep(idle)));
                let (_, alarm) = this.waiting.get_or_insert_with(alarm);
                match alarm.as_mut().poll(context) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(()) => {
                        let (host, silence) = (this.host.clone(), idle);
                        Poll::Ready(Some(Err(TransportError::Silent { host, silence })))
                    }
                }
            }
        }
    }
}

/// Tells a slow body from one that will never end, by the time spent waiting for it alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    window: Duration,
    waited: Duration,
    bytes: u64,
}

impl Floor {
    pub(crate) fn new(window: Duration) -> Self {
        Self { window, waited: Duration::ZERO, bytes: 0 }
    }

    /// Counts bytes that were waited for; `false` when a whole window brought too few.
    pub(crate) fn passes(&mut self, waited: Duration, bytes: usize) -> bool {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < self.window {
            return true;
        }
        let enough = self.bytes >= FLOOR_BYTES_PER_SECOND * self.window.as_secs();
        *self = Self::new(self.window);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_does_not_pass_and_a_slow_line_does() {
        let minute = Duration::from_secs(60);
        let mut trickle = Floor::new(minute);
        let passed = (0..60).take_while(|_| trickle.passes(Duration::from_secs(1), 1000)).count();
        assert_eq!(passed, 59);
        let mut slow = Floor::new(minute);
        assert!((0..600).all(|_| slow.passes(Duration::from_secs(1), 17 << 10)));
        let mut held_up = Floor::new(minute);
        assert!((0..600).all(|_| held_up.passes(Duration::ZERO, 1)));
    }
}
