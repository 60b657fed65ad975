//! Secrets of a cluster, asked for by HTTP.
//!
//! kube's own calls take any JSON for the cluster's word, show a proxy's page whole, and lose the status of
//! what is neither: here a word is a `Status`, and all else is told by its status alone. kube asks again for
//! minutes whatever is unavailable; here whoever wants to be asked again must say when.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode};
use k8s_openapi::api::core::v1::Secret;
use kube::Resource as _;
use kube::api::{GetParams, PostParams};
use kube::client::Body;
use kube::core::request::{Error as RequestError, Request as Requests};
use serde::Deserialize;

use super::{Cluster, unasked};
use crate::failure::Failed;

/// How often a request is made that the cluster puts off, about as often as client-go makes it; the end of the
/// command's time may come before.
const ATTEMPTS: usize = 10;
/// Not found.
const MISSING: u16 = 404;

/// Why the cluster did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It says so.
    Said {
        /// The answer's status.
        status: u16,
        /// Why, in a word for programs.
        reason: String,
        /// Why.
        message: String,
    },
    /// It was not asked, or says nothing that can be understood.
    Unclear(Failed),
}

/// The parts of a `Status` that count.
#[derive(Deserialize)]
struct Status {
    kind: Kind,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
enum Kind {
    Status,
}

impl Cluster {
    /// Returns the Secret of that name, if there is one.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Secret>, Refusal> {
        match self.ask(self.secrets().get(name, &GetParams::default())).await {
            Ok(found) => Ok(Some(found)),
            Err(Refusal::Said { status: MISSING, .. }) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// Creates a Secret.
    pub(crate) async fn create(&self, secret: &Secret) -> Result<(), Refusal> {
        let request = self.secrets().create(&params(), json(secret)?);
        self.ask(request).await.map(|_created| ())
    }

    /// Replaces the Secret of that name, if it is still the one that `secret` was made of.
    pub(crate) async fn replace(&self, name: &str, secret: &Secret) -> Result<(), Refusal> {
        let request = self.secrets().replace(name, &params(), json(secret)?);
        self.ask(request).await.map(|_replaced| ())
    }

    fn secrets(&self) -> Requests {
        Requests::new(Secret::url_path(&(), Some(&self.namespace)))
    }

    async fn ask(
        &self,
        request: Result<Request<Vec<u8>>, RequestError>,
    ) -> Result<Secret, Refusal> {
        let request = request.map_err(|error| Refusal::Unclear(Failed::by(&error)))?;
        let unasked = |error| Refusal::Unclear(unasked(&error));
        let mut attempt = 1;
        loop {
            let answer = self.client.send(request.clone().map(Body::from)).await;
            let answer = answer.map_err(unasked)?;
            match put_off(&answer).filter(|_| attempt < ATTEMPTS) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    let status = answer.status().as_u16();
                    let body = answer.into_body().collect_bytes().await.map_err(unasked)?;
                    return understood(status, &body);
                }
            }
            attempt += 1;
        }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Said { status, reason, message } => {
                let why = if message.is_empty() { reason } else { message };
                Self::new(format!("the cluster answered {status}: {why}"))
            }
            Refusal::Unclear(failed) => failed,
        }
    }
}

/// Returns how long to wait, where an answer asks for that.
fn put_off<B>(answer: &Response<B>) -> Option<Duration> {
    let status = answer.status();
    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
        return None;
    }
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn understood(status: u16, body: &[u8]) -> Result<Secret, Refusal> {
    let unclear = || {
        Refusal::Unclear(Failed::new(format!(
            "the cluster, or a proxy before it, answered {status} with something that is not of \
             Kubernetes"
        )))
    };
    if (200..300).contains(&status) {
        // The parser's own message could show a Secret.
        return serde_json::from_slice(body).map_err(|_error| unclear());
    }
    match serde_json::from_slice(body) {
        Ok(Status { kind: Kind::Status, reason, message }) => {
            Err(Refusal::Said { status, reason, message })
        }
        Err(_) => Err(unclear()),
    }
}

fn json(secret: &Secret) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(secret).map_err(|error| Refusal::Unclear(Failed::by(&error)))
}

fn params() -> PostParams {
    PostParams { field_manager: Some("flux-mirror".to_owned()), ..PostParams::default() }
}
