//! How one registry is convinced: what it asked for, and the tokens it gave.
//!
//! The challenge is learnt from the first 401, never by a ping; until then one request goes ahead and
//! the others wait for what it learns. Where it fails and learns nothing, they all go. A token is fetched once for all who wait for it, kept per set of
//! scopes, and renewed once on a 401.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mirror_credentials::{Credential, Found, Origin, Secret};
use mirror_oci::RepositoryName;
use mirror_transport::header::HeaderValue;
use mirror_transport::{Response, StatusCode};
use tokio::sync::OwnedMutexGuard;

use crate::challenge::{Bearer, Challenge, challenge};
use crate::token::Token;
use crate::{Notice, RegistryError, Repository, token};

/// The right to one repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Scope {
    pub(crate) repository: RepositoryName,
    pub(crate) push: bool,
}

/// Rights to some repositories, each named once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scopes(Vec<Scope>);

impl Scopes {
    pub(crate) fn new(scopes: impl Iterator<Item = Scope>) -> Self {
        let mut merged = BTreeMap::new();
        for Scope { repository, push } in scopes {
            *merged.entry(repository).or_insert(false) |= push;
        }
        let scope = |(repository, push)| Scope { repository, push };
        Self(merged.into_iter().map(scope).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    fn key(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = if self.push { "pull,push" } else { "pull" };
        write!(formatter, "repository:{}:{actions}", self.repository)
    }
}

/// What a registry asks for.
#[derive(Clone, Debug, Default)]
enum Wants {
    /// Not known yet.
    #[default]
    Unknown,
    /// Nothing so far.
    Nothing,
    /// User and password with each request.
    Basic,
    /// A token.
    Token {
        challenge: Bearer,
        /// Whoever gave it did not, when last asked: the registry may name somebody else by now.
        doubted: bool,
    },
}

/// How one registry is convinced.
#[derive(Default)]
pub(crate) struct Auth {
    wants: Mutex<Wants>,
    first: Arc<tokio::sync::Mutex<()>>,
    tokens: Mutex<HashMap<String, Arc<Cell>>>,
    /// Where its credential was last said to come from.
    told: Mutex<Option<Origin>>,
}

/// A place for one token; whoever holds the lock fetches it.
#[derive(Default)]
struct Cell {
    token: tokio::sync::Mutex<Option<Token>>,
}

/// What a request may show.
pub(crate) struct Admitted {
    pub(crate) authorization: Option<HeaderValue>,
    /// The first request to a registry holds back the others until it is answered.
    first: Option<OwnedMutexGuard<()>>,
}

impl Auth {
    /// Returns what a request for `scopes` should show, as far as it is known what is wanted. One that can be
    /// sent `again` may show nothing, and hear what is wanted by now.
    pub(crate) async fn admit(
        &self,
        repository: &Repository,
        scopes: &Scopes,
        again: bool,
    ) -> Result<Admitted, RegistryError> {
        let credential = resolve(repository).await?;
        if let Credential::Bearer(secret) | Credential::RegistryToken(secret) = &credential {
            return Ok(Admitted { authorization: Some(bearer(secret)), first: None });
        }
        let mut first = None;
        if matches!(*self.wants(), Wants::Unknown) {
            match Arc::clone(&self.first).try_lock_owned() {
                Ok(ahead) => first = Some(ahead),
                // To go ahead one by one would be to run into the same silence one by one.
                Err(_) => {
                    let _waiting = repository.budget.wait();
                    drop(self.first.lock().await);
                }
            }
        }
        let wants = self.wants().clone();
        if matches!(wants, Wants::Unknown) {
            return Ok(Admitted { authorization: None, first });
        }
        drop(first);
        let authorization = match wants {
            Wants::Unknown | Wants::Nothing => None,
            Wants::Basic => basic(&credential),
            Wants::Token { doubted: true, .. } if again => {
                kept(self.cell(scopes).lock(repository).await.as_ref(), None)
            }
            Wants::Token { challenge, .. } => {
                match self.token(repository, scopes, &challenge, &credential, None).await {
                    Ok(token) => Some(token),
                    Err(error) => {
                        self.doubt(&challenge, &error);
                        if !(again && error.is_no_realm()) {
                            return Err(error);
                        }
                        None
                    }
                }
            }
        };
        Ok(Admitted { authorization, first: None })
    }

    /// Takes note of how a request fared with what it showed. A proxy's error says nothing.
    pub(crate) fn learn(&self, admitted: &Admitted, status: StatusCode) {
        let is_telling = !status.is_server_error()
            && status != StatusCode::TOO_MANY_REQUESTS
            && status != StatusCode::UNAUTHORIZED;
        let mut wants = self.wants();
        let is_open = matches!(*wants, Wants::Unknown | Wants::Token { doubted: true, .. });
        if admitted.authorization.is_none() && is_telling && is_open {
            *wants = Wants::Nothing;
        }
    }

    /// Takes note that no token was had by `challenge`, where it is still what is known.
    fn doubt(&self, challenge: &Bearer, error: &RegistryError) {
        if let Wants::Token { challenge: known, doubted } = &mut *self.wants() {
            *doubted |= known == challenge && (error.is_no_realm() || error.is_dead_realm());
        }
    }

    /// Meets the challenge of a 401; returns `None` where it cannot be met.
    pub(crate) async fn renew(
        &self,
        repository: &Repository,
        scopes: &Scopes,
        admitted: Admitted,
        response: &Response,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let credential = resolve(repository).await?;
        let shown = admitted.authorization.as_ref();
        match (&credential, challenge(&response.headers)) {
            // A file with the token may have been renewed meanwhile.
            (Credential::Bearer(secret) | Credential::RegistryToken(secret), _) => {
                Ok(Some(bearer(secret)).filter(|value| Some(value) != shown))
            }
            (_, None) => Ok(None),
            (_, Some(Challenge::Basic)) => {
                *self.wants() = Wants::Basic;
                Ok(basic(&credential).filter(|value| Some(value) != shown))
            }
            (_, Some(Challenge::Bearer(challenge))) => {
                *self.wants() = Wants::Token { challenge: challenge.for_all(), doubted: false };
                drop(admitted.first);
                let value = self.token(repository, scopes, &challenge, &credential, shown).await?;
                Ok(Some(value))
            }
        }
    }

    /// Returns a token for `scopes` that is not the one that was `refused`.
    async fn token(
        &self,
        repository: &Repository,
        scopes: &Scopes,
        challenge: &Bearer,
        credential: &Credential,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, RegistryError> {
        let cell = self.cell(scopes);
        let mut token = cell.lock(repository).await;
        if let Some(kept) = kept(token.as_ref(), refused) {
            return Ok(kept);
        }
        *token = None;
        let fetched = token::fetch(repository, challenge, scopes, credential).await?;
        let value = bearer(&fetched.secret);
        *token = Some(fetched);
        Ok(value)
    }

    fn cell(&self, scopes: &Scopes) -> Arc<Cell> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry(scopes.key()).or_default())
    }

    fn wants(&self) -> MutexGuard<'_, Wants> {
        self.wants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cell {
    /// Waits for whoever fetches the token.
    async fn lock(&self, repository: &Repository) -> tokio::sync::MutexGuard<'_, Option<Token>> {
        if let Ok(token) = self.token.try_lock() {
            return token;
        }
        let _waiting = repository.budget.wait();
        self.token.lock().await
    }
}

/// Returns a token that lives on and is not the one that was `refused`.
fn kept(token: Option<&Token>, refused: Option<&HeaderValue>) -> Option<HeaderValue> {
    let value = bearer(&token.filter(|token| token.is_fresh())?.secret);
    Some(value).filter(|value| Some(value) != refused)
}

async fn resolve(repository: &Repository) -> Result<Credential, RegistryError> {
    let Repository { registries, registry, .. } = repository;
    let Found { credential, origin } =
        registries.credentials().resolve(&registry.host, &repository.name).await?;
    let mut told = registry.auth.told.lock().unwrap_or_else(PoisonError::into_inner);
    if told.as_ref() != Some(&origin) {
        let host = registry.host.to_string();
        registries.tell(Notice::Credential { host, source: origin.to_string() });
        *told = Some(origin);
    }
    Ok(credential)
}

fn bearer(secret: &Secret) -> HeaderValue {
    sensitive(&format!("Bearer {}", secret.expose()))
}

/// Returns the header of a Basic challenge; `None` where there is nothing to show.
pub(crate) fn basic(credential: &Credential) -> Option<HeaderValue> {
    let (username, password) = match credential {
        Credential::Basic { username, password } => (username, password),
        Credential::IdentityToken { username, token } => (username, token),
        Credential::Anonymous | Credential::Bearer(_) | Credential::RegistryToken(_) => {
            return None;
        }
    };
    let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
    Some(sensitive(&format!("Basic {pair}")))
}

/// A header that no debug output shows. What could be none was refused where it came from; were it not, it
/// would go as none, and be refused by the registry.
fn sensitive(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}
