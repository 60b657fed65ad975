//! How a provider is asked over HTTP: by whoever opens connections, which is not here.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "azure")]
use std::time::Duration;

use zeroize::Zeroizing;

use crate::Secret;

/// The most that is read of a provider's answer: tokens are some kilobytes.
pub const MAX_WEB_ANSWER_BYTES: usize = 1 << 20;
/// The type of a form's body.
#[cfg(any(feature = "azure", feature = "gcp"))]
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// What is done with a provider's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebMethod {
    /// It is read.
    Get,
    /// A body is sent there, whose answer is read.
    Post,
    /// The same, as metadata services want it.
    Put,
}

/// A question to a provider. It carries secrets, and is never sent on by a redirect.
#[derive(Debug)]
pub struct WebRequest {
    /// What is done.
    pub method: WebMethod,
    /// Whom: a URL of https, or of http where the environment says so.
    pub url: String,
    /// Its headers; the values may be secret.
    pub headers: Vec<(String, Secret)>,
    /// What is sent.
    pub body: Option<Secret>,
    /// What of it must not be shown, where a refusal repeats it; headers need not be named.
    pub secrets: Vec<Secret>,
}

/// A provider's answer; that of a refusal is without the secrets that it repeats.
pub struct WebAnswer {
    /// The status.
    pub status: u16,
    /// The headers that are text.
    pub headers: Vec<(String, String)>,
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

impl WebRequest {
    /// Makes a question without a body.
    pub(crate) fn get(url: impl Into<String>) -> Self {
        let (url, headers, secrets) = (url.into(), Vec::new(), Vec::new());
        Self { method: WebMethod::Get, url, headers, body: None, secrets }
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: Secret) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    /// Adds a header that anybody may see.
    pub(crate) fn public_header(self, name: &str, value: &str) -> Self {
        self.header(name, Secret::new(value.to_owned()))
    }
}

#[cfg(any(feature = "azure", feature = "gcp"))]
impl WebRequest {
    /// Makes a question with a body of a type, which holds a secret.
    pub(crate) fn post(url: impl Into<String>, kind: &str, body: Secret, secret: Secret) -> Self {
        let (body, secrets) = (Some(body), vec![secret]);
        let request = Self { method: WebMethod::Post, body, secrets, ..Self::get(url) };
        request.public_header("content-type", kind)
    }
}

#[cfg(feature = "azure")]
impl Web {
    /// Asks, and waits no longer than `timeout`: each of several sources has a part of a provider's time, so that
    /// one that is silent leaves the others theirs.
    pub(crate) async fn ask_within(
        &self,
        timeout: Duration,
        request: WebRequest,
    ) -> Result<WebAnswer, WebError> {
        tokio::time::timeout(timeout, self.ask(request)).await.unwrap_or_else(|_elapsed| {
            let reason = format!("no answer within {} s", timeout.as_secs());
            Err(WebError { reason, may_pass: true })
        })
    }
}

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
