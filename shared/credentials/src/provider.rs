//! Providers of tokens and passwords: each is asked once however many wait, and has a time-out.
//!
//! A token is kept for half its life, a cloud's password until it nears its end, an error for some seconds. Every failure says who was asked for
//! what, and what to check; which host it was for is said by whoever wanted it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mirror_oci::RegistryHost;

use crate::actions::{Actions, Forge};
#[cfg(feature = "aws")]
use crate::aws::Aws;
#[cfg(feature = "azure")]
use crate::azure::Azure;
use crate::cache::{Cache, Fresh};
#[cfg(feature = "gcp")]
use crate::gcp::Gcp;
use crate::{Cloud, Secret, TokenProvider, Web};

/// How long a provider may take: its own retries included, and a cloud's metadata service is not fast.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A cloud's password is asked for anew so long before its end: the longest upload of a layer.
const ENDING: Duration = Duration::from_mins(15);

/// Every provider, and what they gave.
#[derive(Debug)]
pub struct Providers {
    actions: Actions,
    #[cfg(feature = "aws")]
    aws: Aws,
    #[cfg(feature = "azure")]
    azure: Azure,
    #[cfg(feature = "gcp")]
    gcp: Gcp,
    /// Where the SPIFFE Workload API is.
    #[cfg(feature = "spiffe")]
    endpoint: Option<String>,
    minted: Cache<Question, Secret, Arc<ProviderError>>,
    logins: Cache<(RegistryHost, Cloud), Login, Arc<ProviderError>>,
}

/// Who is asked for what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    host: RegistryHost,
    provider: TokenProvider,
    audiences: Vec<String>,
}

/// A token, and how long it lives.
pub(crate) struct Minted {
    pub(crate) token: Secret,
    pub(crate) life: Duration,
}

/// A cloud's password, and how long it lives.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: Secret,
    pub(crate) life: Duration,
}

/// What is to come of a question. What is waited for is hidden: every request is made of it, and the
/// compiler would look through all that the providers are made of.
type Answer<'p, T> = Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send + 'p>>;

/// Why a provider gave nothing. No part of it is secret.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// What it needs is not there, or it said no: asking again would not help.
    #[error("{asked}: {reason}; check {check}")]
    Refused {
        /// What was asked, of whom.
        asked: String,
        /// What came.
        reason: String,
        /// What to check.
        check: &'static str,
    },
    /// It could not be asked, or had trouble of its own.
    #[error("{asked}: {reason}; check {check}")]
    Unavailable {
        /// What was asked, of whom.
        asked: String,
        /// What came.
        reason: String,
        /// What to check.
        check: &'static str,
    },
    /// It took too long.
    #[error("{asked}: no answer within {} s; check that it can be reached from here", timeout.as_secs())]
    TimedOut {
        /// What was asked, of whom.
        asked: String,
        /// How long it had.
        timeout: Duration,
    },
    /// This program was built without it.
    #[error("this program was built without the feature {feature}")]
    Absent {
        /// The feature.
        feature: &'static str,
    },
}

impl ProviderError {
    /// Returns whether asking again later could help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::TimedOut { .. } => true,
            Self::Refused { .. } | Self::Absent { .. } => false,
        }
    }
}

impl Providers {
    /// Takes from `environment` what tells providers apart from nothing; asks nobody.
    pub fn new(environment: &dyn Fn(&str) -> Option<String>, web: Web) -> Self {
        Self {
            #[cfg(feature = "aws")]
            aws: Aws::new(web.clone()),
            #[cfg(feature = "azure")]
            azure: Azure::new(environment, web.clone()),
            #[cfg(feature = "gcp")]
            gcp: Gcp::new(environment, web.clone()),
            actions: Actions::new(environment, web),
            #[cfg(feature = "spiffe")]
            endpoint: environment("SPIFFE_ENDPOINT_SOCKET").filter(|socket| !socket.is_empty()),
            minted: Cache::default(),
            logins: Cache::default(),
        }
    }

    /// For whoever has no provider.
    pub fn none() -> Self {
        Self::new(&|_| None, Web::none())
    }

    /// Returns a token of `provider` for `audiences`, to be shown at `host`.
    pub(crate) async fn token(
        &self,
        host: &RegistryHost,
        provider: TokenProvider,
        audiences: &[String],
    ) -> Result<Secret, Arc<ProviderError>> {
        let question = Question { host: host.clone(), provider, audiences: audiences.to_vec() };
        let ask = async {
            let asked = || format!("asking {} for a token", issuer(provider));
            let minted = within(self.mint(provider, audiences), asked).await?;
            Ok(Fresh { value: minted.token, kept: minted.life / 2 })
        };
        self.minted.get(question, ask).await
    }

    /// Returns the user and password of `cloud` for one of its registries.
    pub(crate) async fn login(
        &self,
        host: &RegistryHost,
        cloud: Cloud,
    ) -> Result<Login, Arc<ProviderError>> {
        let ask = async {
            let asked = || format!("asking {} for a password", keeper(cloud));
            let login = within(self.log_in(host, cloud), asked).await?;
            let kept = login.life.saturating_sub(ENDING).max(login.life / 2);
            Ok(Fresh { value: login, kept })
        };
        self.logins.get((host.clone(), cloud), ask).await
    }

    fn mint<'p>(&'p self, provider: TokenProvider, audiences: &'p [String]) -> Answer<'p, Minted> {
        match provider {
            TokenProvider::GitHub => Box::pin(self.actions.token(Forge::GitHub, audiences)),
            TokenProvider::Forgejo => Box::pin(self.actions.token(Forge::Forgejo, audiences)),
            #[cfg(feature = "gcp")]
            TokenProvider::Gcp => Box::pin(self.gcp.token(audiences)),
            #[cfg(not(feature = "gcp"))]
            TokenProvider::Gcp => absent("gcp"),
            #[cfg(feature = "azure")]
            TokenProvider::Azure => Box::pin(self.azure.token(audiences)),
            #[cfg(not(feature = "azure"))]
            TokenProvider::Azure => absent("azure"),
            #[cfg(feature = "aws")]
            TokenProvider::Aws => Box::pin(self.aws.token(audiences)),
            #[cfg(not(feature = "aws"))]
            TokenProvider::Aws => absent("aws"),
            #[cfg(feature = "spiffe")]
            TokenProvider::Spiffe => {
                Box::pin(crate::spiffe::token(self.endpoint.as_deref(), audiences))
            }
            #[cfg(not(feature = "spiffe"))]
            TokenProvider::Spiffe => absent("spiffe"),
        }
    }

    #[cfg_attr(
        not(any(feature = "aws", feature = "azure")),
        expect(unused_variables, reason = "Google's password is for all of its hosts")
    )]
    #[cfg_attr(
        not(any(feature = "aws", feature = "azure", feature = "gcp")),
        expect(clippy::unused_self, reason = "there is no cloud to be asked")
    )]
    fn log_in<'p>(&'p self, host: &'p RegistryHost, cloud: Cloud) -> Answer<'p, Login> {
        match cloud {
            #[cfg(feature = "aws")]
            Cloud::Ecr => Box::pin(self.aws.login(host)),
            #[cfg(not(feature = "aws"))]
            Cloud::Ecr => absent("aws"),
            #[cfg(feature = "azure")]
            Cloud::Acr => Box::pin(self.azure.login(host)),
            #[cfg(not(feature = "azure"))]
            Cloud::Acr => absent("azure"),
            #[cfg(feature = "gcp")]
            Cloud::Gar => Box::pin(self.gcp.login()),
            #[cfg(not(feature = "gcp"))]
            Cloud::Gar => absent("gcp"),
        }
    }
}

#[cfg(not(all(feature = "aws", feature = "azure", feature = "gcp", feature = "spiffe")))]
fn absent<'p, T: Send + 'p>(feature: &'static str) -> Answer<'p, T> {
    Box::pin(std::future::ready(Err(ProviderError::Absent { feature })))
}

/// Gives a provider its time; `asked` says what it was asked.
async fn within<T>(
    answer: impl Future<Output = Result<T, ProviderError>>,
    asked: impl FnOnce() -> String,
) -> Result<T, Arc<ProviderError>> {
    let timeout = ANSWER_TIMEOUT;
    match tokio::time::timeout(timeout, answer).await {
        Ok(answer) => answer.map_err(Arc::new),
        Err(_) => Err(Arc::new(ProviderError::TimedOut { asked: asked(), timeout })),
    }
}

/// Who gives tokens.
fn issuer(provider: TokenProvider) -> &'static str {
    match provider {
        TokenProvider::GitHub | TokenProvider::Forgejo => "the runner",
        TokenProvider::Gcp => "Google",
        TokenProvider::Azure => "Microsoft Entra",
        TokenProvider::Aws => "AWS",
        TokenProvider::Spiffe => "the Workload API",
    }
}

/// Who gives passwords.
fn keeper(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Ecr => "AWS",
        Cloud::Acr => "Microsoft Entra and the registry",
        Cloud::Gar => "Google",
    }
}
