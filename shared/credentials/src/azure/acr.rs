//! Passwords of ACR: a registry gives a refresh token, good for three hours, for a token of Entra.

use std::time::{Duration, SystemTime};

use mirror_oci::RegistryHost;
use serde::Deserialize;
use url::form_urlencoded;

use super::entra;
use crate::asked::Asked;
use crate::provider::{Login, ProviderError};
use crate::web::FORM;
use crate::{Secret, Web, WebAnswer, WebRequest, jwk, oauth};

/// The user beside a refresh token.
const USER: &str = "00000000-0000-0000-0000-000000000000";
const CHECK: &str = "that the identity has the role AcrPull, or AcrPush, of this registry";
/// Its answer; Entra was asked before, and may have taken most of a provider's time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(6);
/// How long a refresh token is thought to live that does not say; all do.
const DEFAULT_LIFE: Duration = Duration::from_hours(1);

/// A cloud of Azure's: where its Entra is, and for whom a token is that registries take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sovereign {
    pub(super) authority: &'static str,
    pub(super) resource: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    refresh_token: Secret,
}

/// What an error of a registry says of itself.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<RegistryError>,
}

#[derive(Deserialize)]
struct RegistryError {
    #[serde(default)]
    message: String,
}

impl Sovereign {
    /// Returns the cloud of a registry.
    pub(super) fn of(host: &str) -> Self {
        if host.ends_with(".azurecr.cn") {
            Self {
                authority: "https://login.chinacloudapi.cn",
                resource: "https://management.chinacloudapi.cn",
            }
        } else if host.ends_with(".azurecr.us") {
            Self {
                authority: "https://login.microsoftonline.us",
                resource: "https://management.usgovcloudapi.net",
            }
        } else {
            Self { authority: entra::AUTHORITY, resource: "https://management.azure.com" }
        }
    }
}

/// Gives a token of Entra to `host`, for a password.
pub(super) async fn exchange(
    web: &Web,
    host: &RegistryHost,
    token: &Secret,
    by: Option<String>,
) -> Result<Login, ProviderError> {
    let url = format!("https://{host}/oauth2/exchange");
    let asked = Asked { what: format!("asking {url} for a password"), check: CHECK };
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "access_token")
        .append_pair("service", host.as_str())
        .append_pair("access_token", token.expose())
        .finish();
    let request = WebRequest::post(url, FORM, Secret::new(form), token.clone());
    let answer = web.ask_within(ANSWER_TIMEOUT, request).await;
    let answer = answer.map_err(|error| asked.unanswered(error))?;
    let answer = asked.answered(answer, said)?;
    // The parser's own message could show the token.
    let answer = serde_json::from_slice(&answer.body).ok();
    let Some(Answer { refresh_token }) =
        answer.filter(|Answer { refresh_token }| !refresh_token.expose().is_empty())
    else {
        return Err(asked.refused("its answer has no refresh token"));
    };
    let life = jwk::life(refresh_token.expose(), SystemTime::now()).unwrap_or(DEFAULT_LIFE);
    Ok(Login { username: USER.to_owned(), password: refresh_token, by, life })
}

fn said(answer: &WebAnswer) -> Option<String> {
    let errors = serde_json::from_slice(&answer.body).ok();
    let first = errors.and_then(|Errors { errors }| errors.into_iter().next());
    let said = first.map(|RegistryError { message }| crate::asked::line(&message));
    said.filter(|said| !said.is_empty()).or_else(|| oauth::fault(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_own_entra() {
        let check = |host, authority, resource| {
            assert_eq!(Sovereign::of(host), Sovereign { authority, resource }, "{host}");
        };
        let world = ["https://login.microsoftonline.com", "https://management.azure.com"];
        check("a.azurecr.io", world[0], world[1]);
        let china = ["https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn"];
        check("a.azurecr.cn", china[0], china[1]);
        let states = ["https://login.microsoftonline.us", "https://management.usgovcloudapi.net"];
        check("a.azurecr.us", states[0], states[1]);
    }
}
