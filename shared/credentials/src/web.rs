//! How a provider is asked over HTTP: by whoever opens connections, which is not here.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::Secret;

/// The most that is read of a provider's answer: tokens are some kilobytes.
pub const MAX_WEB_ANSWER_BYTES: usize = 1 << 20;

/// A question to a provider. It carries secrets, and is never sent on by a redirect.
#[derive(Debug)]
pub struct WebRequest {
    /// Whom: a URL of https, or of http where the environment says so.
    pub url: String,
    /// Its headers; the values may be secret.
    pub headers: Vec<(&'static str, Secret)>,
    /// The form that is posted; a GET where there is none.
    pub form: Option<Secret>,
}

/// A provider's answer.
pub struct WebAnswer {
    /// The status.
    pub status: u16,
    /// The body, of at most [`MAX_WEB_ANSWER_BYTES`].
    pub body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer: one line, of which no part is secret.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct WebError {
    /// The line.
    pub reason: String,
    /// Whether asking again later could help.
    pub may_pass: bool,
}

/// What is to come of a [`WebRequest`].
pub type WebFuture = Pin<Box<dyn Future<Output = Result<WebAnswer, WebError>> + Send>>;

/// Asks a provider. Whoever drops the future breaks off.
#[derive(Clone)]
pub struct Web(Arc<dyn Fn(WebRequest) -> WebFuture + Send + Sync>);

impl Web {
    /// Takes whoever opens connections.
    pub fn new(ask: impl Fn(WebRequest) -> WebFuture + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// For whoever has no provider that is asked over HTTP.
    pub fn none() -> Self {
        let reason = || WebError { reason: "nobody asks over HTTP".to_owned(), may_pass: false };
        Self::new(move |_| Box::pin(std::future::ready(Err(reason()))))
    }

    pub(crate) async fn ask(&self, request: WebRequest) -> Result<WebAnswer, WebError> {
        (self.0)(request).await
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Web(…)")
    }
}

impl fmt::Debug for WebAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WebAnswer({}, {} bytes)", self.status, self.body.len())
    }
}
