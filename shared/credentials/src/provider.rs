//! Providers of tokens: each is asked once however many wait, and has a time-out.
//!
//! A token is kept for half its life, an error for some seconds. Every failure says who was asked for
//! what, and what to check; which host it was for is said by whoever wanted it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mirror_oci::RegistryHost;

use crate::actions::{Actions, Forge};
use crate::cache::{Cache, Fresh};
use crate::{Secret, TokenProvider, Web};

/// How long a provider may take: its own retries included, and a cloud's metadata service is not fast.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Every provider of tokens, and what they gave.
#[derive(Debug)]
pub struct Providers {
    actions: Actions,
    /// Where the SPIFFE Workload API is.
    #[cfg(feature = "spiffe")]
    endpoint: Option<String>,
    minted: Cache<Question, Secret, Arc<ProviderError>>,
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
    #[error("no answer within {} s; check that it can be reached from here", timeout.as_secs())]
    TimedOut {
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
            actions: Actions::new(environment, web),
            #[cfg(feature = "spiffe")]
            endpoint: environment("SPIFFE_ENDPOINT_SOCKET").filter(|socket| !socket.is_empty()),
            minted: Cache::default(),
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
            let minted = within(self.mint(provider, audiences)).await?;
            Ok(Fresh { value: minted.token, kept: minted.life / 2 })
        };
        self.minted.get(question, ask).await
    }

    /// Asks a provider. What is waited for is hidden: every request is made of it, and the compiler would
    /// look through all that the providers are made of.
    fn mint<'p>(
        &'p self,
        provider: TokenProvider,
        audiences: &'p [String],
    ) -> Pin<Box<dyn Future<Output = Result<Minted, ProviderError>> + Send + 'p>> {
        let absent = |feature| Box::pin(std::future::ready(Err(ProviderError::Absent { feature })));
        match provider {
            TokenProvider::GitHub => Box::pin(self.actions.token(Forge::GitHub, audiences)),
            TokenProvider::Forgejo => Box::pin(self.actions.token(Forge::Forgejo, audiences)),
            TokenProvider::Gcp => absent("gcp"),
            TokenProvider::Azure => absent("azure"),
            TokenProvider::Aws => absent("aws"),
            #[cfg(feature = "spiffe")]
            TokenProvider::Spiffe => {
                Box::pin(crate::spiffe::token(self.endpoint.as_deref(), audiences))
            }
            #[cfg(not(feature = "spiffe"))]
            TokenProvider::Spiffe => absent("spiffe"),
        }
    }
}

/// Gives a provider its time.
async fn within<T>(
    asked: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, Arc<ProviderError>> {
    let timeout = ANSWER_TIMEOUT;
    match tokio::time::timeout(timeout, asked).await {
        Ok(answer) => answer.map_err(Arc::new),
        Err(_) => Err(Arc::new(ProviderError::TimedOut { timeout })),
    }
}
