//! Tokens from a realm, by the distribution project's token specification (and its OAuth 2 form for
//! refresh tokens).

use std::time::Duration;

use bytes::Bytes;
use mirror_credentials::{Credential, Secret};
use mirror_transport::{Body, Method, Request, header};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::auth::{Scope, Scopes, basic};
use crate::challenge::Bearer;
use crate::{Notice, RegistryError, Repository, answer};

/// The token specification's default where a server does not say.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// A token is not used in the last tenth of its life, nor in its last seconds: a request takes time.
const SLACK: Duration = Duration::from_secs(10);
/// A token is some kilobytes.
const MAX_ANSWER: u64 = 1 << 20;
/// Who we say we are to a token server; Docker's own client says `docker`.
const CLIENT_ID: &str = "flux-mirror";

/// A token and the time until which it is used.
pub(crate) struct Token {
    pub(crate) secret: Secret,
    until: Instant,
}

impl Token {
    pub(crate) fn is_fresh(&self) -> bool {
        Instant::now() < self.until
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// Fetches a token for `scopes`.
pub(crate) async fn fetch(
    repository: &Repository,
    challenge: &Bearer,
    scopes: &Scopes,
    credential: &Credential,
) -> Result<Token, RegistryError> {
    let host = repository.registry.host.to_string();
    let url = realm(repository, challenge)?;
    let shown = format!("{}://{}", url.scheme(), url.authority());
    if url.authority() != repository.host().authority() {
        repository.registries.tell(Notice::Realm { host: host.clone(), realm: shown.clone() });
    }
    let asked = Instant::now();
    let request = request(url, challenge, scopes, credential);
    let fetched = async {
        let response = repository.host().send(request, &repository.budget).await?;
        if !response.status.is_success() {
            return Err(answer::refusal(&host, "a token".to_owned(), response).await);
        }
        let body = response.bytes("token", MAX_ANSWER).await?;
        let protocol = |reason: &str| repository.protocol("a token".to_owned(), reason);
        let answer: Option<TokenAnswer> = serde_json::from_slice(&body).ok();
        let answer = answer.ok_or_else(|| protocol("the answer is no token"))?;
        let tokens = [answer.token, answer.access_token].into_iter().flatten();
        let token = tokens.into_iter().find(|token| !token.is_empty());
        let secret = Secret::new(token.ok_or_else(|| protocol("the answer has no token"))?);
        if !secret.fits_header() {
            return Err(protocol("the answer's token holds what no header can carry"));
        }
        let life = answer.expires_in.map_or(DEFAULT_LIFE, Duration::from_secs);
        let life = life.clamp(Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));
        let used = life.saturating_sub(SLACK.min(life / 10));
        Ok(Token { secret, until: asked + used })
    };
    fetched.await.map_err(|error| RegistryError::Token {
        host: host.clone(),
        realm: shown,
        source: Box::new(error),
    })
}

/// Returns where to ask, if credentials may go there (threat S1). The address is checked when dialled.
fn realm(repository: &Repository, challenge: &Bearer) -> Result<Url, RegistryError> {
    let refused = |realm: &Url, reason| RegistryError::Realm {
        host: repository.registry.host.to_string(),
        realm: format!(
            "{}://{}{}",
            realm.scheme(),
            realm.host_str().unwrap_or_default(),
            realm.path()
        ),
        reason,
    };
    let subject = || "a token".to_owned();
    let url = Url::parse(&challenge.realm).ok();
    let url = url.ok_or_else(|| repository.protocol(subject(), "the realm is no URL"))?;
    match url.scheme() {
        "https" => {}
        "http" if repository.host().is_plain() => {}
        "http" => return Err(refused(&url, "the realm is not encrypted and the registry is")),
        _ => return Err(refused(&url, "the realm is neither https nor http")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(&url, "the realm has a user in it"));
    }
    Ok(url)
}

/// A GET with Basic, or a POST of a refresh token.
fn request(mut url: Url, challenge: &Bearer, scopes: &Scopes, credential: &Credential) -> Request {
    if let Credential::IdentityToken { token, .. } = credential {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token");
        form.append_pair("service", challenge.service.as_deref().unwrap_or_default());
        let all: Vec<String> = wanted(challenge, scopes);
        form.append_pair("scope", &all.join(" "));
        form.append_pair("client_id", CLIENT_ID);
        form.append_pair("refresh_token", token.expose());
        let kind = header::HeaderValue::from_static("application/x-www-form-urlencoded");
        return Request::to_realm(Method::POST, url)
            .header(header::CONTENT_TYPE, kind)
            .secret(token.expose())
            .body(Body::Bytes(Bytes::from(form.finish())));
    }
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = &challenge.service {
            query.append_pair("service", service);
        }
        for scope in wanted(challenge, scopes) {
            query.append_pair("scope", &scope);
        }
    }
    let request = Request::to_realm(Method::GET, url);
    match basic(credential) {
        Some(value) => request.header(header::AUTHORIZATION, value),
        None => request,
    }
}

/// Our scopes, and what the registry names beside them: Artifactory's virtual repositories have
/// another name there, and some want a scope that is no repository.
fn wanted(challenge: &Bearer, scopes: &Scopes) -> Vec<String> {
    let mut all: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    for theirs in challenge.scope.iter().flat_map(|scope| scope.split_ascii_whitespace()) {
        let name = theirs.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':'));
        let is_ours =
            |scope: &Scope| name.is_some_and(|(name, _)| name == scope.repository.as_str());
        if !scopes.iter().any(is_ours) && !all.iter().any(|scope| scope == theirs) {
            all.push(theirs.to_owned());
        }
    }
    all
}
