//! Requests as callers make them.

use std::fmt;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::Validity;

/// The error of a body that its own source broke.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Which connections a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// A small question and answer: takes a slot of the host's window; HTTP/2 where the host has it.
    Small,
    /// A body of any size: takes no slot, since its transfer has been admitted; HTTP/1.1.
    Bodies,
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A path and query on the host itself.
    Path(String),
    /// Wherever the host sent us: itself, or elsewhere under the address check.
    Url(Url),
}

/// A request's body.
pub enum Body {
    /// None.
    Empty,
    /// Bytes in memory, which can be sent again.
    Bytes(Bytes),
    /// Bytes that come from somewhere else, once.
    Stream {
        /// The bytes; an error breaks the request.
        bytes: BoxStream<'static, Result<Bytes, BodyError>>,
        /// Exactly how many they are.
        length: u64,
    },
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("Empty"),
            Self::Bytes(bytes) => write!(formatter, "Bytes({})", bytes.len()),
            Self::Stream { length, .. } => write!(formatter, "Stream({length})"),
        }
    }
}

/// A request.
pub struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) lane: Lane,
    pub(crate) is_realm: bool,
    pub(crate) settling: u64,
    pub(crate) validity: Option<Validity>,
    pub(crate) secrets: Vec<Bytes>,
}

impl Request {
    /// Makes a request without a body to a path and query on the host.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            target: Target::Path(path.into()),
            headers: HeaderMap::new(),
            body: Body::Empty,
            lane: Lane::Small,
            is_realm: false,
            settling: 0,
            validity: None,
            secrets: Vec::new(),
        }
    }

    /// Makes a request without a body to wherever the host sent us.
    pub fn to(method: Method, url: Url) -> Self {
        Self { target: Target::Url(url), ..Self::new(method, String::new()) }
    }

    /// Makes a request to the host's token server, wherever that is: it carries credentials, and is
    /// never sent on. The caller has checked that the URL may have them.
    pub fn to_realm(method: Method, url: Url) -> Self {
        Self { is_realm: true, ..Self::to(method, url) }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Names a secret that the body holds: where a refusal repeats it, or the value of a sensitive header,
    /// it is taken out.
    #[must_use]
    pub fn secret(mut self, secret: &str) -> Self {
        self.secrets.push(Bytes::copy_from_slice(secret.as_bytes()));
        self
    }

    /// Says how many bytes the host may have to work through before it answers, beside the body's own:
    /// those of an upload that is completed.
    #[must_use]
    pub fn settling(mut self, bytes: u64) -> Self {
        self.settling = bytes;
        self
    }

    /// Permits the request, whose body is in memory, for so long only.
    #[must_use]
    pub fn validity(mut self, validity: Option<Validity>) -> Self {
        self.validity = validity;
        self
    }

    /// Sets the lane.
    #[must_use]
    pub fn lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }
}

impl fmt::Debug for Request {
    /// Neither headers nor queries: both can hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match &self.target {
            Target::Path(path) => path.split('?').next().unwrap_or_default(),
            Target::Url(url) => url.path(),
        };
        write!(formatter, "{} {path} {:?}", self.method, self.body)
    }
}
