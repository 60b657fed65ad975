//! The trusted root: read when it is first needed, by one for all, and again after a day.
//!
//! A private instance's is a file. The public-good instance's comes by TUF, from the network or, where
//! that cannot be reached, from what was cached and has not expired; failing that, it is the one that
//! this program was built with, and the user is told. An answer that is refused, expired or older
//! than one seen before is an error: it is never worked around.

mod remote;
mod root;
mod update;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::io::AsyncReadExt as _;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{TrustError, TrustSource, Verifier};
pub use root::TrustedRoot;
use update::{Instance, Repository};

/// How long a trusted root is used: a coordinator lives for months, and keys change within them.
const FRESH: Duration = Duration::from_hours(24);

/// How long one is used that may be out of date, before the network is asked again.
const STALE: Duration = Duration::from_mins(10);

/// How long a failure stands: as long as those take who wait for the same answer.
const FAILED: Duration = Duration::from_secs(10);

/// The longest file of a trusted root, in bytes: the public-good one has 7 KiB.
const MAX_ROOT_BYTES: u64 = 1 << 20;

/// The trusted root, and the verifier over it. Cheap to share by `Arc`; nothing is read before
/// [`Trust::verifier`].
pub struct Trust {
    source: Source,
    clock: fn() -> SystemTime,
    state: Mutex<State>,
    warning: RwLock<Option<String>>,
}

enum Source {
    File(PathBuf),
    Repository(Repository),
}

enum State {
    Unread,
    Read { verifier: Arc<Verifier>, until: Instant },
    Failed { error: TrustError, until: Instant },
}

/// What was read.
struct Reading {
    root: TrustedRoot,
    /// What the user should know.
    warning: Option<String>,
}

impl Trust {
    /// Remembers where to read from. `client` is used for TUF alone: it should have the proxies and
    /// roots of the environment, and needs no time limits. `clock` says when metadata has expired.
    pub fn new(source: TrustSource, client: reqwest::Client, clock: fn() -> SystemTime) -> Self {
        match source {
            TrustSource::File(path) => Self::over(Source::File(path), clock),
            TrustSource::PublicGood { cache } => {
                let repository = Repository::new(Instance::public_good(), cache, client);
                Self::over(Source::Repository(repository), clock)
            }
        }
    }

    fn over(source: Source, clock: fn() -> SystemTime) -> Self {
        Self { source, clock, state: Mutex::new(State::Unread), warning: RwLock::default() }
    }

    /// Returns the verifier, reading the trusted root if that was not done in the last day. Whoever
    /// asks meanwhile waits for the same answer.
    ///
    /// # Errors
    ///
    /// [`TrustError::Read`], [`TrustError::TooLarge`] and [`TrustError::File`] of a file,
    /// [`TrustError::Update`] where TUF refuses, [`TrustError::Root`] where the root cannot be used.
    /// Asked again after some seconds, it is tried again.
    pub async fn verifier(&self) -> Result<Arc<Verifier>, TrustError> {
        let mut state = self.state.lock().await;
        let now = Instant::now();
        match &*state {
            State::Read { verifier, until } if *until > now => return Ok(Arc::clone(verifier)),
            State::Failed { error, until } if *until > now => return Err(error.clone()),
            State::Unread | State::Read { .. } | State::Failed { .. } => (),
        }
        match self.read().await {
            Ok((verifier, warning)) => {
                let age = if warning.is_some() { STALE } else { FRESH };
                *self.warning.write().unwrap_or_else(PoisonError::into_inner) = warning;
                let until = Instant::now() + age;
                *state = State::Read { verifier: Arc::clone(&verifier), until };
                Ok(verifier)
            }
            Err(error) => {
                *state = State::Failed { error: error.clone(), until: Instant::now() + FAILED };
                Err(error)
            }
        }
    }

    /// Returns what the user should know about the root that [`Trust::verifier`] gave: a line without
    /// a mark before it.
    pub fn warning(&self) -> Option<String> {
        self.warning.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(&self) -> Result<(Arc<Verifier>, Option<String>), TrustError> {
        match &self.source {
            Source::File(path) => {
                let json = read_file(path).await?;
                let verifier = TrustedRoot::from_json(&json).and_then(|root| Verifier::new(&root));
                let named =
                    |error| TrustError::File { path: path.clone(), source: Arc::new(error) };
                Ok((Arc::new(verifier.map_err(named)?), None))
            }
            Source::Repository(repository) => {
                let Reading { root, warning } = repository.read((self.clock)()).await?;
                Ok((Arc::new(Verifier::new(&root)?), warning))
            }
        }
    }
}

async fn read_file(path: &Path) -> Result<String, TrustError> {
    let failed = |source| TrustError::Read { path: path.to_owned(), source: Arc::new(source) };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut json = String::new();
    let read = file.take(MAX_ROOT_BYTES + 1).read_to_string(&mut json).await.map_err(failed)?;
    if read as u64 > MAX_ROOT_BYTES {
        return Err(TrustError::TooLarge { path: path.to_owned(), limit: MAX_ROOT_BYTES });
    }
    Ok(json)
}

#[cfg(test)]
mod tests;
