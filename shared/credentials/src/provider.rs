//! Providers of tokens and passwords: each is asked once however many wait, and has a time-out.
//!
//! A token is kept for half its life, a cloud's password until it nears its end, an error for some seconds. Every failure says who was asked for
//! what, and what to check; which host it was for is said by whoever wanted it.

use std::collections::HashMap;
use std::fmt;
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
#[cfg(feature = "spiffe")]
use crate::spiffe::Agent;
use crate::{Cloud, Secret, TokenProvider, Web};

/// How long a provider may take: its own retries included, and a cloud's metadata service is not fast.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A cloud's password is asked for anew so long before its end: the longest upload of a layer.
const ENDING: Duration = Duration::from_mins(15);

/// Every provider that this program was built with, and what they gave.
#[derive(Debug)]
pub struct Providers {
    issuers: HashMap<TokenProvider, Arc<dyn Provider<[String], Minted>>>,
    clouds: HashMap<Cloud, Arc<dyn Provider<RegistryHost, Login>>>,
    minted: Cache<Question, Minted, Arc<ProviderError>>,
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
#[derive(Clone, Debug)]
pub(crate) struct Minted {
    pub(crate) token: Secret,
    /// Which of a provider's sources gave it, where it has several.
    pub(crate) by: Option<String>,
    pub(crate) life: Duration,
}

/// A cloud's password, and how long it lives.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    /// Which of the cloud's sources said who we are.
    pub(crate) by: Option<String>,
    pub(crate) username: String,
    pub(crate) password: Secret,
    pub(crate) life: Duration,
}

/// Somebody who knows who we are, in a file of its own: a cloud, the runner of a job, an agent.
///
/// It is asked with a `Q` for an `A`: with audiences for a token, with a registry for a password.
pub(crate) trait Provider<Q: ?Sized, A>: fmt::Debug + Send + Sync {
    /// Asks. The error says who was asked for what, and what to check.
    fn ask<'p>(&'p self, question: &'p Q) -> Answer<'p, A>;
}

/// What is to come of a question. What is waited for is hidden: every request is made of it, and the
/// compiler would look through all that the providers are made of.
pub(crate) type Answer<'p, A> = Pin<Box<dyn Future<Output = Result<A, ProviderError>> + Send + 'p>>;

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
    /// This program was built without it: who reads configs says so before anybody is asked.
    #[error("{asked}: this program was built without that")]
    Absent {
        /// What was to be asked, of whom.
        asked: String,
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
        let mut all = Self {
            issuers: HashMap::new(),
            clouds: HashMap::new(),
            minted: Cache::default(),
            logins: Cache::default(),
        };
        #[cfg(feature = "aws")]
        all.add(TokenProvider::Aws, Cloud::Ecr, Aws::new(web.clone()));
        #[cfg(feature = "azure")]
        all.add(TokenProvider::Azure, Cloud::Acr, Azure::new(environment, web.clone()));
        #[cfg(feature = "gcp")]
        all.add(TokenProvider::Gcp, Cloud::Gar, Gcp::new(environment, web.clone()));
        #[cfg(feature = "spiffe")]
        all.issuers.insert(TokenProvider::Spiffe, Arc::new(Agent::new(environment)));
        let github = Actions::new(Forge::GitHub, environment, web.clone());
        all.issuers.insert(TokenProvider::GitHub, Arc::new(github));
        let forgejo = Actions::new(Forge::Forgejo, environment, web);
        all.issuers.insert(TokenProvider::Forgejo, Arc::new(forgejo));
        all
    }

    /// Adds a cloud, which gives tokens and the passwords of its registries.
    #[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
    fn add<P>(&mut self, name: TokenProvider, cloud: Cloud, provider: P)
    where
        P: Provider<[String], Minted> + Provider<RegistryHost, Login> + 'static,
    {
        let provider = Arc::new(provider);
        self.issuers.insert(name, Arc::<P>::clone(&provider));
        self.clouds.insert(cloud, provider);
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
    ) -> Result<Minted, Arc<ProviderError>> {
        let question = Question { host: host.clone(), provider, audiences: audiences.to_vec() };
        let ask = async {
            let issuer = self.issuers.get(&provider);
            let asked = || {
                let audiences = audiences.join(", ");
                format!("asking {} for a token for {audiences}", issuer_name(provider))
            };
            let minted = ask(issuer, audiences, asked).await?;
            Ok(Fresh { kept: minted.life / 2, value: minted })
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
            let asked = || format!("asking {} for a password to {host}", cloud_name(cloud));
            let login = ask(self.clouds.get(&cloud), host, asked).await?;
            let kept = login.life.saturating_sub(ENDING).max(login.life / 2);
            Ok(Fresh { value: login, kept })
        };
        self.logins.get((host.clone(), cloud), ask).await
    }
}

/// Puts a question to a provider that is there, and gives it its time; `asked` says who is asked for what.
async fn ask<Q: ?Sized, A>(
    provider: Option<&Arc<dyn Provider<Q, A>>>,
    question: &Q,
    asked: impl Fn() -> String,
) -> Result<A, Arc<ProviderError>> {
    let Some(provider) = provider else {
        return Err(Arc::new(ProviderError::Absent { asked: asked() }));
    };
    let timeout = ANSWER_TIMEOUT;
    match tokio::time::timeout(timeout, provider.ask(question)).await {
        Ok(answer) => answer.map_err(Arc::new),
        Err(_elapsed) => Err(Arc::new(ProviderError::TimedOut { asked: asked(), timeout })),
    }
}

/// Who gives tokens.
fn issuer_name(provider: TokenProvider) -> &'static str {
    match provider {
        TokenProvider::GitHub | TokenProvider::Forgejo => "the runner",
        TokenProvider::Gcp => "Google",
        TokenProvider::Azure => "Microsoft Entra",
        TokenProvider::Aws => "AWS",
        TokenProvider::Spiffe => "the Workload API",
    }
}

/// Who gives passwords.
fn cloud_name(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Ecr => "AWS",
        Cloud::Acr => "Microsoft Entra and the registry",
        Cloud::Gar => "Google",
    }
}
