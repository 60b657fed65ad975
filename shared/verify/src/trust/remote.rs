//! Files of a TUF repository over HTTP, and whether there was an answer at all.
//!
//! Nothing that comes is trusted before TUF has verified it; sizes and times are bounded here.

use std::error::Error as Cause;
use std::time::Duration;
use std::{io, iter};

use reqwest::StatusCode;
use sigstore_tuf::transport::FetchFuture;
use sigstore_tuf::{Error, Repository};
use url::Url;

/// Times that a file is asked for when there is no answer, or one for the moment: networks have those.
const TRIES: u32 = 2;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// For one try, connection and body included: the files have some kilobytes.
const PATIENCE: Duration = Duration::from_secs(15);

/// Longer chains of causes are a loop.
const MAX_CAUSES: usize = 16;

/// What a proxy's refusal to connect is called by hyper-util, whose type for it is private.
const REFUSED_BY_PROXY: [&str; 2] =
    ["tunnel error: unsuccessful", "tunnel error: proxy authorization required"];

/// That there was no answer. Any status is one, and so is a proxy's refusal, or a certificate of
/// somebody else.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoAnswer(String);

/// That the server cannot answer for the moment.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Busy(StatusCode);

/// Returns why there was no answer, where that is what `error` says.
pub(super) fn no_answer(error: &Error) -> Option<&NoAnswer> {
    error.source().and_then(|source| source.downcast_ref())
}

/// Says that there was no whole answer for so long.
pub(super) fn silence(patience: Duration) -> Error {
    let reason = NoAnswer(format!("no answer in {} s", patience.as_secs()));
    Error::transport_with_source("no answer", reason)
}

/// A repository over HTTP.
pub(super) struct Remote {
    base: Url,
    client: reqwest::Client,
}

impl Remote {
    /// `base` ends with a slash.
    pub(super) fn new(base: Url, client: reqwest::Client) -> Self {
        Self { base, client }
    }

    async fn fetch(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        let url = self.base.join(path);
        let url = url.map_err(|error| Error::transport_with_source("no URL", error))?;
        let mut tries = 1;
        loop {
            let answer = tokio::time::timeout(PATIENCE, self.get(url.clone(), path, most)).await;
            let answer = answer.unwrap_or_else(|_| Err(silence(PATIENCE)));
            match answer {
                Err(error) if passes(&error) && tries < TRIES => tries += 1,
                answer => return answer,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn get(&self, url: Url, path: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        let broken = |error: reqwest::Error| {
            if is_answer(&error) {
                return Error::transport(format!("{path}: {}", root(&error)));
            }
            Error::transport_with_source(format!("no answer for {path}"), NoAnswer(root(&error)))
        };
        let mut response = self.client.get(url).send().await.map_err(broken)?;
        match response.status() {
            StatusCode::OK => (),
            StatusCode::NOT_FOUND => return Ok(None),
            // What object stores say of files that are not there, and TUF's clients take for that when
            // they look for the next root; a timestamp is always there.
            StatusCode::FORBIDDEN if path.ends_with(".root.json") => return Ok(None),
            status => {
                let message = format!("{path} was answered by {}", status.as_u16());
                return Err(if is_busy(status) {
                    Error::transport_with_source(message, Busy(status))
                } else {
                    Error::transport(message)
                });
            }
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if (body.len() + chunk.len()) as u64 > most {
                return Err(Error::transport(format!("{path} is longer than {most} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body))
    }
}

impl Repository for Remote {
    fn fetch_metadata<'a>(&'a self, name: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(self.fetch(name, max_length))
    }

    fn fetch_target<'a>(&'a self, path: &'a str, max_length: u64) -> FetchFuture<'a> {
        Box::pin(async move { self.fetch(&format!("targets/{path}"), max_length).await })
    }
}

fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// Whether it may be otherwise in a moment.
fn passes(error: &Error) -> bool {
    let is_busy = matches!(error.source(), Some(source) if source.is::<Busy>());
    is_busy || no_answer(error).is_some()
}

/// Returns whether somebody answered, who is not whom we wanted to speak to.
fn is_answer(error: &reqwest::Error) -> bool {
    layers(error).any(|layer| {
        layer.is::<rustls::Error>() || REFUSED_BY_PROXY.contains(&layer.to_string().as_str())
    })
}

/// What the lowest layer said; the layers above it have the URL and little else.
fn root(error: &reqwest::Error) -> String {
    layers(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The layers of an error, outermost first, with those that hide inside an `io::Error`.
fn layers<'e>(error: &'e reqwest::Error) -> impl Iterator<Item = &'e (dyn Cause + 'static)> {
    let outermost: &'e (dyn Cause + 'static) = error;
    let next = |layer: &&'e (dyn Cause + 'static)| -> Option<&'e (dyn Cause + 'static)> {
        let layer: &'e (dyn Cause + 'static) = *layer;
        match layer.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => layer.source(),
        }
    };
    iter::successors(Some(outermost), next).take(MAX_CAUSES)
}
