//! Passwords of ECR, private and public: asked for by a signed request, good for twelve hours.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mirror_oci::RegistryHost;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::sign::Post;
use crate::asked::{Asked, line};
use crate::cloud::{EcrHost, ecr_host};
use crate::provider::{Login, ProviderError};
use crate::{Secret, Web, WebAnswer, WebMethod, WebRequest};

const JSON: &str = "application/x-amz-json-1.1";
const CHECK: &str = "that this AWS identity may call ecr:GetAuthorizationToken, or for ECR Public \
                     ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken";
/// Nobody else gives a password of ECR Public.
const PUBLIC_REGION: &str = "us-east-1";

/// Where a registry's password is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Endpoint<'h> {
    service: &'static str,
    target: &'static str,
    region: &'h str,
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    authorization_data: OneOrMore,
}

/// ECR answers with a list, ECR Public without one.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(Authorization),
    More(Vec<Authorization>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorization {
    authorization_token: Secret,
    /// In seconds since 1970, with a fraction.
    expires_at: f64,
}

/// What an error of ECR says of itself.
#[derive(Deserialize)]
struct Fault {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(alias = "Message", default)]
    message: String,
}

/// Asks for a password to `host`.
pub(super) async fn login(
    web: &Web,
    credentials: &Credentials,
    host: &RegistryHost,
) -> Result<Login, ProviderError> {
    let Some(endpoint) = ecr_host(host.as_str()).map(|host| endpoint(&host)) else {
        let asked = Asked { what: format!("asking ECR for a password to {host}"), check: CHECK };
        return Err(asked.refused("it is no host of ECR"));
    };
    let Endpoint { service, target, region, url } = &endpoint;
    let what = format!("asking {url} for a password");
    let asked = Asked { what, check: CHECK };
    let headers = [("content-type", JSON), ("x-amz-target", target)];
    let post = Post { service, region, url, headers: &headers, body: "{}" };
    let headers = post
        .sign(credentials, SystemTime::now())
        .map_err(|error| asked.refused(error.to_string()))?;
    let body = Some(Secret::new(post.body.to_owned()));
    let request =
        WebRequest { method: WebMethod::Post, headers, body, ..WebRequest::get(url.clone()) };
    let answer = web.ask(request).await.map_err(|error| asked.unanswered(error))?;
    let answer = asked.answered(answer, fault)?;
    read(&answer).ok_or_else(|| asked.refused("its answer has no password"))
}

fn endpoint<'h>(host: &EcrHost<'h>) -> Endpoint<'h> {
    let (service, target) = ("ecr", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken");
    match *host {
        EcrHost::Public => Endpoint {
            service: "ecr-public",
            target: "SpencerFrontendService.GetAuthorizationToken",
            region: PUBLIC_REGION,
            url: format!("https://api.ecr-public.{PUBLIC_REGION}.amazonaws.com/"),
        },
        EcrHost::Private { region, domain, is_fips } => {
            let fips = if is_fips { "-fips" } else { "" };
            let url = match domain {
                // Those of both IP versions have services of another name.
                "on.aws" => format!("https://ecr{fips}.{region}.api.aws/"),
                "on.amazonwebservices.com.cn" => {
                    format!("https://ecr{fips}.{region}.api.amazonwebservices.com.cn/")
                }
                _ => format!("https://api.ecr{fips}.{region}.{domain}/"),
            };
            Endpoint { service, target, region, url }
        }
    }
}

fn read(answer: &WebAnswer) -> Option<Login> {
    let Answer { authorization_data } = serde_json::from_slice(&answer.body).ok()?;
    let authorization = match authorization_data {
        OneOrMore::One(one) => one,
        OneOrMore::More(more) => more.into_iter().next()?,
    };
    let decoded = STANDARD.decode(authorization.authorization_token.expose()).ok()?;
    let decoded = Zeroizing::new(decoded);
    let (username, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if password.is_empty() {
        return None;
    }
    let end = Duration::try_from_secs_f64(authorization.expires_at).ok()?;
    Some(Login {
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
        by: None,
        life: end.saturating_sub(now),
    })
}

fn fault(answer: &WebAnswer) -> Option<String> {
    let Fault { kind, message } = serde_json::from_slice(&answer.body).ok()?;
    let kind = kind.rsplit('#').next().unwrap_or_default();
    Some(line(&format!("{kind}: {message}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, region: &str, url: &str) {
        let endpoint = endpoint(&ecr_host(host).unwrap());
        assert_eq!((endpoint.region, &*endpoint.url), (region, url));
    }

    #[test]
    fn a_registry_is_asked_for_in_its_own_region_and_partition() {
        check(
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "eu-west-1",
            "https://api.ecr.eu-west-1.amazonaws.com/",
        );
        check(
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "us-gov-west-1",
            "https://api.ecr-fips.us-gov-west-1.amazonaws.com/",
        );
        check(
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "cn-north-1",
            "https://api.ecr.cn-north-1.amazonaws.com.cn/",
        );
        check(
            "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
            "us-iso-east-1",
            "https://api.ecr.us-iso-east-1.c2s.ic.gov/",
        );
        check(
            "123456789012.dkr-ecr.eu-west-1.on.aws",
            "eu-west-1",
            "https://ecr.eu-west-1.api.aws/",
        );
        check(
            "123456789012.dkr-ecr-fips.us-east-1.on.aws",
            "us-east-1",
            "https://ecr-fips.us-east-1.api.aws/",
        );
        check(
            "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
            "cn-north-1",
            "https://ecr.cn-north-1.api.amazonwebservices.com.cn/",
        );
        check("public.ecr.aws", "us-east-1", "https://api.ecr-public.us-east-1.amazonaws.com/");
    }
}
