//! AWS: who we are there, by the chain of its SDK: environment, profiles, single sign-on, web identity,
//! containers, metadata service.
//!
//! What the SDK asks goes through [`Web`] like everything else. What is then made of an identity, a
//! signed question to STS or a password of ECR, is in a file each.

mod connector;
mod ecr;
mod sign;
mod sts;

use std::time::SystemTime;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use mirror_oci::RegistryHost;
use tokio::sync::OnceCell;

use crate::Web;
use crate::asked::{Asked, causes};
use crate::provider::{Answer, Login, Minted, Provider, ProviderError};

/// Where STS is asked when nothing names a region.
const DEFAULT_REGION: &str = "us-east-1";
/// What lets this process be somebody.
const CHECK: &str = "that `aws sts get-caller-identity` knows this process: AWS_ACCESS_KEY_ID, AWS_PROFILE, \
                     a web identity, a role of the container or machine";

/// AWS, as this process sees it.
#[derive(Debug)]
pub(crate) struct Aws {
    web: Web,
    config: OnceCell<SdkConfig>,
}

impl Provider<[String], Minted> for Aws {
    fn ask<'p>(&'p self, audiences: &'p [String]) -> Answer<'p, Minted> {
        Box::pin(self.token(audiences))
    }
}

impl Provider<RegistryHost, Login> for Aws {
    fn ask<'p>(&'p self, host: &'p RegistryHost) -> Answer<'p, Login> {
        Box::pin(self.login(host))
    }
}

impl Aws {
    /// Asks nobody yet.
    pub(crate) fn new(web: Web) -> Self {
        Self { web, config: OnceCell::new() }
    }

    /// Signs a question to STS for whoever is to know who we are.
    async fn token(&self, audiences: &[String]) -> Result<Minted, ProviderError> {
        let audience = audiences.first().map(String::as_str).unwrap_or_default();
        let what = format!("signing a question to STS for {audience}");
        let asked = Asked { what, check: CHECK };
        let credentials = self.credentials(&asked).await?;
        let region = self.config().await.region().map_or(DEFAULT_REGION, |region| region.as_ref());
        let minted = sts::token(&credentials, region, audience, SystemTime::now())
            .map_err(|error| asked.refused(error.to_string()))?;
        Ok(Minted { by: source(&credentials), ..minted })
    }

    /// Asks ECR for a password to one of its registries.
    async fn login(&self, host: &RegistryHost) -> Result<Login, ProviderError> {
        let asked = Asked { what: format!("asking ECR for a password to {host}"), check: CHECK };
        let credentials = self.credentials(&asked).await?;
        let login = ecr::login(&self.web, &credentials, host).await?;
        Ok(Login { by: source(&credentials), ..login })
    }

    async fn credentials(&self, asked: &Asked) -> Result<Credentials, ProviderError> {
        let Some(provider) = self.config().await.credentials_provider() else {
            return Err(asked.refused("the AWS config has no credentials"));
        };
        provider.provide_credentials().await.map_err(|error| {
            let said = said(&error);
            match error {
                CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => {
                    asked.unavailable(said)
                }
                CredentialsError::CredentialsNotLoaded(_) => {
                    asked.refused("no source of the AWS chain has credentials")
                }
                CredentialsError::InvalidConfiguration(_) | CredentialsError::Unhandled(_) | _ => {
                    asked.refused(said)
                }
            }
        })
    }

    /// Reads the config once: files, environment, and the metadata service for a region.
    async fn config(&self) -> &SdkConfig {
        let load = || {
            aws_config::defaults(BehaviorVersion::v2026_01_12())
                .http_client(connector::Client::new(self.web.clone()))
                .load()
        };
        self.config.get_or_init(load).await
    }
}

/// Says what the SDK says, with its causes; not what a `credential_process` has printed, which may be secret.
fn said(error: &CredentialsError) -> String {
    let said = causes(error);
    match said.split_once("Stderr:") {
        Some((begin, _)) => {
            format!("{}: run it by hand to see why", begin.trim_end_matches([' ', '.', ':']))
        }
        None => said,
    }
}

/// Which source of the chain has given credentials, as the SDK notes it.
#[expect(clippy::wildcard_enum_match_arm, reason = "what the SDK notes may grow")]
fn source(credentials: &Credentials) -> Option<String> {
    let noted = credentials.get_property::<Vec<AwsCredentialFeature>>()?;
    let named = noted.iter().find_map(|source| match source {
        AwsCredentialFeature::CredentialsEnvVars => Some("environment"),
        AwsCredentialFeature::CredentialsEnvVarsStsWebIdToken
        | AwsCredentialFeature::CredentialsProfileStsWebIdToken => Some("web identity"),
        AwsCredentialFeature::CredentialsProfile
        | AwsCredentialFeature::CredentialsProfileSourceProfile
        | AwsCredentialFeature::CredentialsProfileNamedProvider => Some("profile"),
        AwsCredentialFeature::CredentialsProfileSso | AwsCredentialFeature::CredentialsSso => {
            Some("single sign-on")
        }
        AwsCredentialFeature::CredentialsProfileProcess
        | AwsCredentialFeature::CredentialsProcess => Some("credential_process"),
        AwsCredentialFeature::CredentialsHttp => Some("role of the container"),
        AwsCredentialFeature::CredentialsImds => Some("role of the machine"),
        _ => None,
    });
    named.map(str::to_owned)
}
