//! How AWS's SDK speaks HTTP: by [`Web`], so that proxies, authorities and bounds are those of this
//! program.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use url::form_urlencoded;

use crate::{Secret, Web, WebError, WebMethod, WebRequest};

/// What a request may take where the SDK does not say: a provider as a whole has no longer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// What a request is sent with in any case, as the connection needs it.
const OURS: [&str; 2] = ["host", "content-length"];
/// The fields of bodies that prove who we are.
const SECRETS: [&str; 3] = ["WebIdentityToken", "clientSecret", "refreshToken"];

/// The SDK's client.
#[derive(Clone, Debug)]
pub(super) struct Client {
    web: Web,
}

#[derive(Debug)]
struct Connector {
    web: Web,
    timeout: Duration,
}

impl Client {
    pub(super) fn new(web: Web) -> Self {
        Self { web }
    }
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        // For the metadata service both are a second; of others the SDK bounds the connection alone.
        let timeout = match (settings.connect_timeout(), settings.read_timeout()) {
            (connect, Some(read)) => connect.unwrap_or_default() + read,
            (_, None) => TIMEOUT,
        };
        SharedHttpConnector::new(Connector { web: self.web.clone(), timeout })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (web, timeout) = (self.web.clone(), self.timeout);
        HttpConnectorFuture::new(async move {
            match tokio::time::timeout(timeout, send(&web, request)).await {
                Ok(answer) => answer,
                Err(elapsed) => Err(ConnectorError::timeout(elapsed.into())),
            }
        })
    }
}

async fn send(web: &Web, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = outgoing(&request).map_err(|error| ConnectorError::user(error.into()))?;
    let answer = web.ask(request).await.map_err(|error| {
        if error.may_pass {
            ConnectorError::io(error.into())
        } else {
            ConnectorError::user(error.into())
        }
    })?;
    let status = answer.status.try_into().map_err(|_unknown| {
        ConnectorError::other("it answered with a status that is none".into(), None)
    })?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body.to_vec()));
    for (name, value) in answer.headers {
        response
            .headers_mut()
            .try_append(name, value)
            .map_err(|error| ConnectorError::other(error.into(), None))?;
    }
    Ok(response)
}

fn outgoing(request: &HttpRequest) -> Result<WebRequest, WebError> {
    let unusable = |reason: &str| WebError { reason: reason.to_owned(), may_pass: false };
    let method = match request.method() {
        "GET" => WebMethod::Get,
        "POST" => WebMethod::Post,
        "PUT" => WebMethod::Put,
        _ => return Err(unusable("the SDK wants a method that no service of AWS needs")),
    };
    let body = request.body().bytes().unwrap_or_default();
    let body = String::from_utf8(body.to_vec())
        .map_err(|_binary| unusable("the SDK wants to send what is no text"))?;
    let headers = request.headers().iter();
    let headers = headers
        .filter(|(name, _)| !OURS.contains(name))
        .map(|(name, value)| (name.to_owned(), Secret::new(value.to_owned())));
    Ok(WebRequest {
        method,
        url: request.uri().to_owned(),
        headers: headers.collect(),
        secrets: secrets(&body),
        body: (method != WebMethod::Get).then(|| Secret::new(body)),
    })
}

/// What a body, a form for STS or JSON for single sign-on, holds that no error may show.
fn secrets(body: &str) -> Vec<Secret> {
    let is_secret = |name: &str| SECRETS.contains(&name);
    let json = serde_json::from_str::<BTreeMap<String, Value>>(body).unwrap_or_default();
    let json = json.into_iter().filter(|(name, _)| is_secret(name));
    let json = json.filter_map(|(_, value)| value.as_str().map(str::to_owned));
    let form = form_urlencoded::parse(body.as_bytes()).filter(|(name, _)| is_secret(name));
    json.chain(form.map(|(_, value)| value.into_owned())).map(Secret::new).collect()
}
