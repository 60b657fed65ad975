//! Google Cloud: who we are there, by its Application Default Credentials.
//!
//! A file that `GOOGLE_APPLICATION_CREDENTIALS` names, the one that `gcloud auth application-default login`
//! writes, else the metadata server. What Google's own library does of them it does here, over connections of
//! its own, but with the same proxies and authorities; a key of a service account asks for an access token
//! here, as the library would sign one that registries need not take.

mod adc;
mod key;

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use google_cloud_auth::build_errors::Error as BuildError;
use google_cloud_auth::credentials::idtoken::{self, IDTokenCredentials};
use google_cloud_auth::credentials::{
    AccessTokenCredentials, external_account, impersonated, mds, user_account,
};
use google_cloud_auth::errors::CredentialsError;
use mirror_oci::RegistryHost;
use serde_json::Value;

use self::adc::{Adc, Identity, Kind};
use crate::asked::{Asked, line};
use crate::provider::{Answer, Login, Minted, Provider, ProviderError};
use crate::{Secret, Web, jwk};

/// What access tokens are for: registries have no narrower scope for pushes.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The user beside an access token.
const USER: &str = "oauth2accesstoken";
/// How long an ID token is thought to live that does not say; all do.
const DEFAULT_LIFE: Duration = Duration::from_mins(10);
/// The library does not say how long an access token lives. The metadata server renews one four minutes
/// before its end at the latest; half of this is less.
const ACCESS_LIFE: Duration = Duration::from_mins(6);
/// More causes than these are a loop.
const MAX_CAUSES: usize = 8;
/// What lets this process be somebody.
const CHECK: &str = "the file of GOOGLE_APPLICATION_CREDENTIALS, `gcloud auth application-default login`, \
                     or the service account of this machine";

/// Google Cloud, as this process sees it.
#[derive(Debug)]
pub(crate) struct Gcp {
    adc: Adc,
    web: Web,
}

impl Provider<[String], Minted> for Gcp {
    fn ask<'p>(&'p self, audiences: &'p [String]) -> Answer<'p, Minted> {
        Box::pin(self.token(audiences))
    }
}

impl Provider<RegistryHost, Login> for Gcp {
    /// One password is for all of its registries.
    fn ask<'p>(&'p self, _: &'p RegistryHost) -> Answer<'p, Login> {
        Box::pin(self.login())
    }
}

impl Gcp {
    /// Takes from `environment` where the files are; asks nobody.
    pub(crate) fn new(environment: &dyn Fn(&str) -> Option<String>, web: Web) -> Self {
        Self { adc: Adc::new(environment), web }
    }

    /// Asks for an ID token for an audience.
    async fn token(&self, audiences: &[String]) -> Result<Minted, ProviderError> {
        let audience = audiences.first().map(String::as_str).unwrap_or_default();
        let identity = self.adc.identity().await;
        let what = format!("asking for a Google ID token for {audience}, by {}", self.adc);
        let asked = Asked { what, check: CHECK };
        let identity = identity.map_err(|reason| asked.refused(reason))?;
        let credentials = id_credentials(identity, audience, &asked)?;
        let token = credentials.id_token().await.map_err(|error| failed(&asked, &error))?;
        let life = jwk::life(&token, SystemTime::now()).unwrap_or(DEFAULT_LIFE);
        Ok(Minted { token: Secret::new(token), life })
    }

    /// Asks for an access token: the password to every registry.
    async fn login(&self) -> Result<Login, ProviderError> {
        let what = format!("asking for a Google access token, by {}", self.adc);
        let asked = Asked { what, check: CHECK };
        let identity = self.adc.identity().await.map_err(|reason| asked.refused(reason))?;
        let unusable = |error: BuildError| asked.refused(built(&error));
        let scopes = [SCOPE];
        let credentials: AccessTokenCredentials = match identity {
            Identity::Machine => mds::Builder::default()
                .with_scopes(scopes)
                .build_access_token_credentials()
                .map_err(unusable)?,
            Identity::File { kind: Kind::ServiceAccount, content } => {
                let Minted { token, life } =
                    key::access(&self.web, &content, SCOPE, &asked).await?;
                return Ok(Login { username: USER.to_owned(), password: token, life });
            }
            Identity::File { kind: Kind::ExternalAccount, content } => {
                external_account::Builder::new(content)
                    .with_scopes(scopes)
                    .build_access_token_credentials()
                    .map_err(unusable)?
            }
            Identity::File { kind: Kind::Impersonated, content } => {
                impersonated::Builder::new(content)
                    .with_scopes(scopes)
                    .build_access_token_credentials()
                    .map_err(unusable)?
            }
            Identity::File { kind: Kind::User, content } => user_account::Builder::new(content)
                .build_access_token_credentials()
                .map_err(unusable)?,
        };
        let token = credentials.access_token().await.map_err(|error| failed(&asked, &error))?;
        let password = Secret::new(token.token);
        Ok(Login { username: USER.to_owned(), password, life: ACCESS_LIFE })
    }
}

/// Makes of an identity what gives ID tokens.
fn id_credentials(
    identity: Identity,
    audience: &str,
    asked: &Asked,
) -> Result<IDTokenCredentials, ProviderError> {
    let built = match identity {
        Identity::Machine => {
            idtoken::mds::Builder::new(audience).with_format(idtoken::mds::Format::Full).build()
        }
        Identity::File { kind: Kind::ServiceAccount, content } => {
            idtoken::service_account::Builder::new(audience, content).build()
        }
        Identity::File { kind: Kind::Impersonated, content } => {
            idtoken::impersonated::Builder::new(audience, content).with_include_email().build()
        }
        Identity::File { kind: Kind::ExternalAccount, content } => {
            return by_federation(content, audience, asked);
        }
        Identity::File { kind: Kind::User, .. } => {
            let reason = "a user who has logged in (`authorized_user`) has no ID tokens for an \
                          audience; impersonate a service account";
            return Err(asked.refused(reason));
        }
    };
    built.map_err(|error| asked.refused(self::built(&error)))
}

/// Workload identity federation: the account that the file impersonates gives the ID token.
fn by_federation(
    mut content: Value,
    audience: &str,
    asked: &Asked,
) -> Result<IDTokenCredentials, ProviderError> {
    let url = content.as_object_mut().and_then(|it| it.remove("service_account_impersonation_url"));
    let account = url.as_ref().and_then(Value::as_str).and_then(|url| {
        let (_, account) = url.rsplit_once("/serviceAccounts/")?;
        account.strip_suffix(":generateAccessToken")
    });
    let Some(account) = account else {
        let reason = "the file (`external_account`) impersonates no service account, and ID tokens are \
                      had of those alone: it needs a service_account_impersonation_url";
        return Err(asked.refused(reason));
    };
    let account = account.to_owned();
    let source = external_account::Builder::new(content).with_scopes([SCOPE]).build();
    let source = source.map_err(|error| asked.refused(built(&error)))?;
    idtoken::impersonated::Builder::from_source_credentials(audience, account, source)
        .with_include_email()
        .build()
        .map_err(|error| asked.refused(built(&error)))
}

/// Says what is wrong with a file, and quotes nothing of it: a parser shows what it met.
fn built(error: &BuildError) -> String {
    let what = if error.is_missing_field() {
        "misses a field"
    } else if error.is_unknown_type() || error.is_not_supported() {
        "is of a type that has no such tokens"
    } else {
        "is not as Google writes it"
    };
    format!("the file {what}")
}

/// Says what the library says, without the answers that it quotes.
fn failed(asked: &Asked, error: &CredentialsError) -> ProviderError {
    let said = error.to_string();
    let said = said.split(", body=<").next().unwrap_or_default();
    let status = status(error).map(|status| format!(" (it answered {status})")).unwrap_or_default();
    let reason = format!("{}{status}", line(said));
    if error.is_transient() { asked.unavailable(reason) } else { asked.refused(reason) }
}

/// Returns the status of the answer, which the library tells in the text of a cause alone.
fn status(error: &CredentialsError) -> Option<u16> {
    let mut next = error.source();
    for _ in 0..MAX_CAUSES {
        let cause = next?;
        let text = cause.to_string();
        let numbers =
            text.split(['(', '[']).skip(1).filter_map(|after| after.get(..3)?.parse().ok());
        if let Some(status) = numbers.into_iter().find(|status| (100..600).contains(status)) {
            return Some(status);
        }
        next = cause.source();
    }
    None
}
