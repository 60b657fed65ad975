//! How to authenticate at a host: the one question, asked of every source in turn.
//!
//! What the config's `hosts` say of a host wins; a host without a credential there is looked up in
//! the Docker config and Podman's `auth.json`, and is anonymous where nobody knows it. A source
//! that is there and fails is an error, never "anonymous". A credential is for the host it was
//! asked for; to send it nowhere else is left to the caller.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mirror_oci::{RegistryHost, RepositoryName};
use zeroize::Zeroizing;

use crate::{
    ConfinedError, ConfinedFile, Credential, DockerConfig, DockerConfigError, HelperError, Secret,
};

#[cfg(test)]
mod tests;

/// The most that is read of a credential's file: no server takes headers that are larger.
const SECRET_BYTES: usize = 64 * 1024;

/// Every source of credentials of a run.
#[derive(Debug)]
pub struct Credentials {
    hosts: HashMap<RegistryHost, HostCredential>,
    docker: DockerConfig,
}

/// The credential that the config's `hosts` give a host.
#[derive(Clone, Debug)]
pub struct HostCredential {
    /// The user whose password it is; a token that is sent as it is where there is none.
    pub username: Option<String>,
    /// Where the secret comes from.
    pub source: CredentialSource,
}

/// Where a host's secret comes from.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// The config itself, taken as it is.
    Value(Secret),
    /// A file, read anew at each question, without the white space around it.
    File(ConfinedFile),
}

/// Why it is not known how to authenticate at a host.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file of a host's credential cannot be read.
    #[error("no credential for {host}")]
    File {
        /// The host.
        host: RegistryHost,
        /// Why.
        source: ConfinedError,
    },
    /// The file of a host's credential holds nothing.
    #[error("no credential for {host}: file `{path}` is empty")]
    Empty {
        /// The host.
        host: RegistryHost,
        /// The path as the config has it.
        path: String,
    },
    /// The file of a host's credential holds no text.
    #[error("no credential for {host}: file `{path}` is not UTF-8 text")]
    NotText {
        /// The host.
        host: RegistryHost,
        /// The path as the config has it.
        path: String,
    },
    /// A Docker config or `auth.json` is there and of no use.
    #[error("no credential for {host} from {}", path.display())]
    DockerConfig {
        /// The host.
        host: RegistryHost,
        /// The file.
        path: PathBuf,
        /// Why.
        source: DockerConfigError,
    },
    /// A Docker config names a helper, and that fails.
    #[error("no credential for {host} from the helper named in {}", path.display())]
    Helper {
        /// The host.
        host: RegistryHost,
        /// The Docker config.
        path: PathBuf,
        /// Why.
        source: Arc<HelperError>,
    },
}

impl CredentialError {
    /// Returns whether asking again later could help: a file in the middle of its rotation, a
    /// helper whose cloud does not answer. What is misconfigured stays so.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::File { source: ConfinedError::Unreadable { .. }, .. } | Self::Empty { .. } => {
                true
            }
            Self::File { .. } | Self::NotText { .. } | Self::DockerConfig { .. } => false,
            Self::Helper { source, .. } => match &**source {
                HelperError::Run { .. }
                | HelperError::TimedOut { .. }
                | HelperError::Failed { .. } => true,
                HelperError::Name { .. }
                | HelperError::Missing { .. }
                | HelperError::Answer { .. } => false,
            },
        }
    }
}

impl Credentials {
    /// Puts the sources in order: `hosts` by name, and `docker` for all others.
    pub fn new(hosts: HashMap<RegistryHost, HostCredential>, docker: DockerConfig) -> Self {
        Self { hosts, docker }
    }

    /// Returns how to authenticate for `repository` at `host`.
    ///
    /// # Errors
    ///
    /// [`CredentialError`]: a source for the host is configured and cannot be had.
    pub async fn resolve(
        &self,
        host: &RegistryHost,
        repository: &RepositoryName,
    ) -> Result<Credential, CredentialError> {
        if let Some(credential) = self.hosts.get(host) {
            return credential.resolve(host).await;
        }
        let found = self.docker.resolve(host, repository).await?;
        Ok(found.unwrap_or(Credential::Anonymous))
    }
}

impl CredentialSource {
    /// Returns what the source holds now, at most `limit_bytes` of a file. Blocks.
    ///
    /// # Errors
    ///
    /// As of [`ConfinedFile::read`].
    pub fn bytes(&self, limit_bytes: usize) -> Result<Zeroizing<Vec<u8>>, ConfinedError> {
        match self {
            Self::Value(secret) => Ok(Zeroizing::new(secret.expose().as_bytes().to_vec())),
            Self::File(file) => file.read(limit_bytes),
        }
    }
}

impl HostCredential {
    async fn resolve(&self, host: &RegistryHost) -> Result<Credential, CredentialError> {
        let secret = match &self.source {
            CredentialSource::Value(secret) => secret.clone(),
            CredentialSource::File(file) => read(host, file).await?,
        };
        Ok(match &self.username {
            Some(username) => Credential::Basic { username: username.clone(), password: secret },
            None => Credential::Bearer(secret),
        })
    }
}

/// Reads the secret that `file` holds now.
async fn read(host: &RegistryHost, file: &ConfinedFile) -> Result<Secret, CredentialError> {
    let path = || file.path().to_owned();
    let reading = file.clone();
    let reading = tokio::task::spawn_blocking(move || reading.read(SECRET_BYTES)).await;
    // A reader that is lost is one whose runtime ends.
    let bytes = reading
        .unwrap_or_else(|lost| {
            Err(ConfinedError::Unreadable { path: path(), source: io::Error::other(lost) })
        })
        .map_err(|source| CredentialError::File { host: host.clone(), source })?;
    match std::str::from_utf8(&bytes).map(str::trim) {
        Ok("") => Err(CredentialError::Empty { host: host.clone(), path: path() }),
        Ok(text) => Ok(Secret::new(text.to_owned())),
        Err(_) => Err(CredentialError::NotText { host: host.clone(), path: path() }),
    }
}
