//! Storing a login, as `docker login` does: with the helper that the Docker config names, else in the
//! config itself.
//!
//! Before the config is replaced it is locked and read again, so that of two who store at once neither
//! loses the other's login. A bearer token is in the config always: no helper can hold one.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirror_oci::RegistryHost;

use super::edit::{Audience, ColonInUsername, Entry, with_entry};
use super::{CONFIG_BYTES, DockerConfigError, load, read_bytes};
use crate::helper::Helpers;
use crate::write::{LockError, Locked, blocking_io};
use crate::{Credential, HelperError, Secret};

/// How long another login may hold the config: a write takes milliseconds, on a busy disk a second.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Stores logins in one Docker config.
#[derive(Debug)]
pub struct DockerStore {
    file: PathBuf,
    helpers: Helpers,
    patience: Duration,
}

/// Where a password goes for whose host the config names a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// To the helper.
    Helper,
    /// Into the config, as its base64.
    Plaintext,
}

/// What is to be known of a login that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The program that was passed over, and that most who read the config ask first.
    pub passed_over: Option<String>,
}

/// Why a login was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is nothing to be stored.
    #[error("{host} has no credential")]
    Nothing {
        /// The host.
        host: RegistryHost,
    },
    /// A config cannot say the username.
    #[error(transparent)]
    Username(#[from] ColonInUsername),
    /// The config that is there is of no use: it is left as it is.
    #[error("cannot add the credential of {host} to {}", path.display())]
    Config {
        /// The host.
        host: RegistryHost,
        /// The file.
        path: PathBuf,
        /// Why.
        source: DockerConfigError,
    },
    /// The helper does not take it.
    #[error("the helper named in {} does not store the credential of {host}", path.display())]
    Helper {
        /// The host.
        host: RegistryHost,
        /// The Docker config.
        path: PathBuf,
        /// Why.
        source: HelperError,
    },
    /// Somebody else writes the config, and does not end.
    #[error(
        "cannot add the credential of {host} to {}: another login has locked it, for {waited:?} by now",
        path.display()
    )]
    Locked {
        /// The host.
        host: RegistryHost,
        /// The file.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The config cannot be written.
    #[error("cannot write the credential of {host} into {}", path.display())]
    Write {
        /// The host.
        host: RegistryHost,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DockerStore {
    /// Stores in the config of `folder`; helpers are looked for in `path`, the value of `PATH`.
    pub fn new(folder: &Path, path: &str) -> Self {
        let (file, helpers) = (folder.join("config.json"), Helpers::new(path));
        Self { file, helpers, patience: LOCK_WAIT }
    }

    /// Returns the config.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Stores `credential` for `host`, in place of what is stored for it.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the config is then as it was.
    pub async fn store(
        &self,
        host: &RegistryHost,
        credential: &Credential,
        keeper: Keeper,
    ) -> Result<Stored, StoreError> {
        let (of, path) = (|| host.clone(), || self.file.clone());
        let fault = |source| StoreError::Config { host: of(), path: path(), source };
        let login = match credential {
            Credential::Anonymous => return Err(StoreError::Nothing { host: host.clone() }),
            Credential::Bearer(_) | Credential::RegistryToken(_) => None,
            Credential::Basic { username, password } => Some((username.as_str(), password)),
            Credential::IdentityToken { token, .. } => Some((crate::helper::TOKEN_USER, token)),
        };
        let config = load(self.file.clone()).await.map_err(fault)?;
        let named = login.and_then(|login| Some((login, config?.helper(host)?)));
        match (named, keeper) {
            (Some(((username, secret), question)), Keeper::Helper) => {
                let stored = self.helpers.store(&question, username, secret).await;
                let fault = |source| StoreError::Helper { host: of(), path: path(), source };
                stored.map_err(fault)?;
                self.write(host, Credential::Anonymous).await?;
                Ok(Stored { passed_over: None })
            }
            (named, _) => {
                self.write(host, credential.clone()).await?;
                let passed_over = named.map(|(_, question)| question.program());
                Ok(Stored { passed_over })
            }
        }
    }

    /// Gives the config this entry for `host`: none that says anything where it is anonymous.
    async fn write(&self, host: &RegistryHost, credential: Credential) -> Result<(), StoreError> {
        // Before anything is made.
        Entry::new(host, &credential, Audience::Docker)?;
        let (of, path) = (|| host.clone(), || self.file.clone());
        let write = |source| StoreError::Write { host: of(), path: path(), source };
        let locked = Locked::open(path(), self.patience).await.map_err(|error| match error {
            LockError::Io(source) => write(source),
            LockError::Held { waited } => StoreError::Locked { host: of(), path: path(), waited },
        })?;
        let owned = host.clone();
        let replaced = blocking_io(move || Ok(replace(&locked, &owned, &credential)));
        replaced.await.map_err(write)?.map_err(|error| match error {
            Unwritten::Config(source) => StoreError::Config { host: of(), path: path(), source },
            Unwritten::Io(source) => write(source),
        })
    }
}

enum Unwritten {
    Config(DockerConfigError),
    Io(io::Error),
}

fn replace(locked: &Locked, host: &RegistryHost, login: &Credential) -> Result<(), Unwritten> {
    let there = read_bytes(locked.file()).map_err(Unwritten::Config)?;
    let text = there.as_deref().map_or(&[][..], |bytes| bytes);
    // Its name was looked at before.
    let entry = Entry::new(host, login, Audience::Docker).unwrap_or_default();
    let text = with_entry(text, host, &entry).map_err(Unwritten::Config)?;
    if text.len() > CONFIG_BYTES {
        return Err(Unwritten::Config(DockerConfigError::TooLarge { limit_bytes: CONFIG_BYTES }));
    }
    locked.replace(&text).map_err(Unwritten::Io)
}

/// Returns a Docker config of these logins and nothing else, as a Kubernetes Secret holds it.
///
/// # Errors
///
/// [`ColonInUsername`].
pub fn docker_config(logins: &[(RegistryHost, Credential)]) -> Result<Secret, ColonInUsername> {
    let mut text = zeroize::Zeroizing::new(Vec::new());
    for (host, credential) in logins {
        let entry = Entry::new(host, credential, Audience::Kubernetes)?;
        // What it is added to was just written.
        if let Ok(longer) = with_entry(&text, host, &entry) {
            text = longer;
        }
    }
    Ok(Secret::new(String::from_utf8_lossy(&text).into_owned()))
}

#[cfg(test)]
mod tests;
