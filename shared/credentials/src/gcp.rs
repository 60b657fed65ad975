//! Google Cloud: who we are there, by its Application Default Credentials.
//!
//! A file that `GOOGLE_APPLICATION_CREDENTIALS` names, the one that `gcloud auth application-default login`
//! writes, else the metadata server. What Google's own library does of them it does here, over connections of
//! its own, but with the same proxies and authorities; a key of a service account asks for an access token
//! here, as the library would sign one that registries need not take.

mod adc;
mod key;

use std::fmt::Display;
use std::io;
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
use crate::asked::{Asked, chain, line};
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
        let what = format!("asking for a Google ID token for {audience}");
        let (identity, asked) = self.identity(&what).await?;
        let by = Some(identity.to_string());
        let credentials = id_credentials(identity, audience, &asked)?;
        let token = credentials.id_token().await.map_err(|error| failed(&asked, &error))?;
        if token.is_empty() {
            return Err(asked.refused("its answer has no token"));
        }
        let life = jwk::life(&token, SystemTime::now()).unwrap_or(DEFAULT_LIFE);
        Ok(Minted { token: Secret::new(token), by, life })
    }

    /// Asks for an access token: the password to every registry.
    async fn login(&self) -> Result<Login, ProviderError> {
        let (identity, asked) = self.identity("asking for a Google access token").await?;
        let by = Some(identity.to_string());
        let unusable = |error: BuildError| asked.refused(built(&error));
        let scopes = [SCOPE];
        let credentials: AccessTokenCredentials = match identity {
            Identity::Machine => mds::Builder::default()
                .with_scopes(scopes)
                .build_access_token_credentials()
                .map_err(unusable)?,
            Identity::File { kind: Kind::ServiceAccount, content, .. } => {
                let (password, life) = key::access(&self.web, &content, SCOPE, &asked).await?;
                return Ok(Login { username: USER.to_owned(), password, by, life });
            }
            Identity::File { kind: Kind::ExternalAccount, content, .. } => {
                external_account::Builder::new(content)
                    .with_scopes(scopes)
                    .build_access_token_credentials()
                    .map_err(unusable)?
            }
            Identity::File { kind: Kind::Impersonated, content, .. } => {
                impersonated::Builder::new(content)
                    .with_scopes(scopes)
                    .build_access_token_credentials()
                    .map_err(unusable)?
            }
            Identity::File { kind: Kind::User, content, .. } => user_account::Builder::new(content)
                .build_access_token_credentials()
                .map_err(unusable)?,
        };
        let token = credentials.access_token().await.map_err(|error| failed(&asked, &error))?;
        if token.token.is_empty() {
            return Err(asked.refused("its answer has no token"));
        }
        let password = Secret::new(token.token);
        Ok(Login { username: USER.to_owned(), password, by, life: ACCESS_LIFE })
    }

    /// Reads who we are; `what` is asked by it.
    async fn identity(&self, what: &str) -> Result<(Identity, Asked), ProviderError> {
        let asked = |by: &dyn Display| Asked { what: format!("{what}, by {by}"), check: CHECK };
        match self.adc.identity().await {
            Ok(identity) => {
                let asked = asked(&identity);
                Ok((identity, asked))
            }
            Err(reason) => Err(asked(&self.adc).refused(reason)),
        }
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
        Identity::File { kind: Kind::ServiceAccount, content, .. } => {
            key::check(&content).map_err(|reason| asked.refused(reason))?;
            idtoken::service_account::Builder::new(audience, content).build()
        }
        Identity::File { kind: Kind::Impersonated, content, .. } => {
            idtoken::impersonated::Builder::new(audience, content).with_include_email().build()
        }
        Identity::File { kind: Kind::ExternalAccount, content, .. } => {
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

/// Says what happened: the status of an answer, else what kept one from coming. The library's own sentences say
/// neither, and its other causes quote answers.
fn failed(asked: &Asked, error: &CredentialsError) -> ProviderError {
    let status = chain(error).find_map(|cause| status(&cause.to_string()));
    let reason = match (status, silence(error)) {
        (Some(status), _) => format!("it answered {status}"),
        (None, Some(reason)) => reason,
        (None, None) => {
            let said = error.to_string();
            line(said.split(", body=<").next().unwrap_or_default())
        }
    };
    if error.is_transient() { asked.unavailable(reason) } else { asked.refused(reason) }
}

/// Returns the status of an answer, which the library tells in the text of a cause alone.
fn status(text: &str) -> Option<u16> {
    let numbers = text.split(['(', '[']).skip(1).filter_map(|after| after.get(..3)?.parse().ok());
    numbers.into_iter().find(|status| (100..600).contains(status))
}

/// Returns why there is no answer: where one was wanted from, and what the system says.
fn silence(error: &CredentialsError) -> Option<String> {
    let url = chain(error).find_map(|cause| {
        let text = cause.to_string();
        let (_, rest) = text.split_once("error sending request for url (")?;
        Some(rest.split([')', '?']).next().unwrap_or_default().to_owned())
    });
    let system = chain(error).find_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
    let system = system.map(|code| io::Error::from_raw_os_error(code).to_string());
    match (url, system) {
        (Some(url), Some(system)) => Some(format!("no answer from {url} ({system})")),
        (Some(url), None) => Some(format!("no answer from {url}")),
        // A file that the file names, most often.
        (None, system) => Some(format!("what it names cannot be read ({})", system?)),
    }
}
