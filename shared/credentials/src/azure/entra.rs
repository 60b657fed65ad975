//! Entra's own door: a client's secret, or a token of somebody whom it trusts, for an access token.

use std::time::Duration;

use url::Url;
use url::form_urlencoded;

use super::{Failure, Given, read};
use crate::file::MAX_SECRET_BYTES;
use crate::read::environment_file;
use crate::web::FORM;
use crate::{Secret, Web, WebRequest};

/// Where Entra is, but for the clouds of China and of the government of the United States.
pub(super) const AUTHORITY: &str = "https://login.microsoftonline.com";
/// Its answer; there are two sources that ask it, and others after them.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client of a tenant.
#[derive(Debug)]
pub(super) struct Entra {
    /// What the environment says.
    pub(super) authority: Option<String>,
    pub(super) tenant: String,
    pub(super) client: String,
}

/// How the client proves that it is the client.
#[derive(Clone, Copy, Debug)]
pub(super) enum Assertion<'a> {
    Secret(&'a Secret),
    Federated(&'a Secret),
}

impl Entra {
    /// Asks for a token; Entra is at `authority` if the environment does not say.
    pub(super) async fn token(
        &self,
        web: &Web,
        authority: &str,
        scope: &str,
        assertion: Assertion<'_>,
    ) -> Result<Given, Failure> {
        let url = self.url(authority)?;
        let (Assertion::Secret(secret) | Assertion::Federated(secret)) = assertion;
        let request = WebRequest::post(url, FORM, self.form(scope, assertion), secret.clone());
        read(&web.ask_within(ANSWER_TIMEOUT, request).await?)
    }

    fn form(&self, scope: &str, assertion: Assertion<'_>) -> Secret {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("client_id", &self.client)
            .append_pair("grant_type", "client_credentials")
            .append_pair("scope", scope);
        match assertion {
            Assertion::Secret(secret) => form.append_pair("client_secret", secret.expose()),
            Assertion::Federated(token) => form
                .append_pair("client_assertion_type", JWT_BEARER)
                .append_pair("client_assertion", token.expose()),
        };
        Secret::new(form.finish())
    }

    fn url(&self, authority: &str) -> Result<Url, Failure> {
        let authority = self.authority.as_deref().unwrap_or(authority);
        let unusable = || Failure::lasting("AZURE_AUTHORITY_HOST is no URL of https");
        let mut url = Url::parse(authority).map_err(|_error| unusable())?;
        if url.scheme() != "https" {
            return Err(unusable());
        }
        // The tenant is a name: it cannot lead elsewhere.
        let mut path = url.path_segments_mut().map_err(|()| unusable())?;
        path.pop_if_empty().extend([self.tenant.as_str(), "oauth2", "v2.0", "token"]);
        drop(path);
        Ok(url)
    }
}

/// Reads the token of a workload, which is renewed while this process lives.
pub(super) async fn federated(file: &str) -> Result<Secret, Failure> {
    let bytes = environment_file(file, MAX_SECRET_BYTES).await.map_err(Failure::passing)?;
    match std::str::from_utf8(&bytes).map(str::trim) {
        Ok(text) if !text.is_empty() => Ok(Secret::new(text.to_owned())),
        Ok(_) | Err(_) => Err(Failure::passing(format!("{file} holds no token"))),
    }
}
