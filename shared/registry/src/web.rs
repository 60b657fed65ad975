//! How providers of credentials are asked over HTTP: through the transport, like everybody else.

use std::time::Duration;

use bytes::Bytes;
use mirror_credentials::{
    MAX_WEB_ANSWER_BYTES, Secret, Web, WebAnswer, WebError, WebMethod, WebRequest,
};
use mirror_transport::header::{HeaderName, HeaderValue};
use mirror_transport::{
    Body, Budget, HostOptions, Method, Request, Retry, Scheme, Transport, TransportError,
};
use url::Url;
use zeroize::Zeroizing;

/// A provider has half a minute; this is for the waits of a host that asks for a pause.
const BUDGET: Duration = Duration::from_secs(30);

/// Headers of questions that hold no secret: an answer may say what it does not like of them.
const PUBLIC: [&str; 10] = [
    "accept",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "content-type",
    "metadata",
    "user-agent",
    "x-amz-date",
    "x-amz-target",
    "x-amz-user-agent",
    "x-aws-ec2-metadata-token-ttl-seconds",
];

/// Returns who asks providers over HTTP.
///
/// A provider is asked at the host that its URL names and at no other: a question is never sent on. Its
/// scheme is the URL's, in the clear too: the environment said so, and not somebody over the network.
pub fn web(transport: Transport) -> Web {
    Web::new(move |request| {
        let transport = transport.clone();
        Box::pin(async move { ask(&transport, request).await })
    })
}

async fn ask(transport: &Transport, request: WebRequest) -> Result<WebAnswer, WebError> {
    let WebRequest { method, url, headers, body, secrets } = request;
    let url = Url::parse(&url).map_err(|error| unusable(&format!("its URL is none ({error})")))?;
    let scheme = match url.scheme() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err(unusable("its URL is neither of https nor of http")),
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let authority = format!("{}{port}", url.host_str().unwrap_or_default());
    let host = transport.host_with(&authority, HostOptions { scheme, ..HostOptions::default() });
    let method = match method {
        WebMethod::Get => Method::GET,
        WebMethod::Post => Method::POST,
        WebMethod::Put => Method::PUT,
    };
    let mut asked = Request::to_realm(method, url);
    for (name, value) in headers {
        let name = HeaderName::try_from(name);
        let name = name.map_err(|_unfit| unusable("a header has a name that is none"))?;
        let mut value = fit(&value)?;
        value.set_sensitive(!PUBLIC.contains(&name.as_str()));
        asked = asked.header(name, value);
    }
    for secret in &secrets {
        asked = asked.secret(secret.expose());
    }
    if let Some(body) = body {
        let body = Bytes::copy_from_slice(body.expose().as_bytes());
        asked = asked.body(Body::Bytes(body));
    }
    let budget = Budget::new(BUDGET);
    let _working = budget.work();
    let response = host.send(asked, &budget).await.map_err(|error| failed(&error))?;
    let status = response.status.as_u16();
    let headers = response.headers.iter();
    let headers = headers
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let headers = headers.collect();
    let body = response.bytes("a provider's answer", MAX_WEB_ANSWER_BYTES as u64).await;
    let body = body.map_err(|error| failed(&error))?;
    Ok(WebAnswer { status, headers, body: Zeroizing::new(body.to_vec()) })
}

fn fit(value: &Secret) -> Result<HeaderValue, WebError> {
    let value = HeaderValue::from_str(value.expose());
    value.map_err(|_unfit| unusable("what it wants to be shown fits no header"))
}

fn unusable(reason: &str) -> WebError {
    WebError { reason: reason.to_owned(), may_pass: false }
}

fn failed(error: &TransportError) -> WebError {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    let reason = format!("{error}{}", cause.unwrap_or_default());
    WebError { reason, may_pass: error.retry() != Retry::Never }
}
