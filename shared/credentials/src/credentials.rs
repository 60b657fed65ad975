//! How to authenticate at a host: the one question, asked of every source in turn.
//!
//! What the config's `hosts` say of a host wins; a host without a credential there is looked up in
//! the Docker config and Podman's `auth.json`, and is anonymous where nobody knows it. A source
//! that is there and fails is an error, never "anonymous". A credential is for the host it was
//! asked for; to send it nowhere else is left to the caller.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use mirror_oci::{RegistryHost, RepositoryName};

use crate::provider::{Login, Minted};
use crate::signer::Signer;
use crate::{
    Cloud, ConfinedError, Credential, CredentialSource, DockerConfig, DockerConfigError, Found,
    HelperError, HostCredential, HostLogin, Origin, ProviderError, Providers, SigningError,
    TokenProvider, TokenSource, file,
};

#[cfg(test)]
mod tests;

/// Every source of credentials of a run.
#[derive(Debug)]
pub struct Credentials {
    hosts: HashMap<RegistryHost, HostLogin>,
    docker: DockerConfig,
    providers: Providers,
    signer: Signer,
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
    /// What there is for a host cannot be sent: a token with a line break, most often.
    #[error(
        "no credential for {host}: {origin} holds a line break, or what else no header can carry"
    )]
    Unfit {
        /// The host.
        host: RegistryHost,
        /// Where it came from.
        origin: Origin,
    },
    /// No token for a host was signed.
    #[error("no credential for {host}: nothing is signed")]
    Signing {
        /// The host.
        host: RegistryHost,
        /// Why.
        source: Arc<SigningError>,
    },
    /// A provider gave no token for a host.
    #[error("no credential for {host} from {provider}")]
    Provider {
        /// The host.
        host: RegistryHost,
        /// The provider.
        provider: TokenProvider,
        /// Why.
        source: Arc<ProviderError>,
    },
    /// A cloud gave no password for a host.
    #[error("no credential for {host} from {cloud}")]
    Cloud {
        /// The host.
        host: RegistryHost,
        /// The cloud.
        cloud: Cloud,
        /// Why.
        source: Arc<ProviderError>,
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
            Self::File { .. }
            | Self::NotText { .. }
            | Self::Unfit { .. }
            | Self::DockerConfig { .. } => false,
            Self::Signing { source, .. } => source.may_pass(),
            Self::Provider { source, .. } | Self::Cloud { source, .. } => source.may_pass(),
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
    pub fn new(
        hosts: HashMap<RegistryHost, HostLogin>,
        docker: DockerConfig,
        providers: Providers,
    ) -> Self {
        Self { hosts, docker, providers, signer: Signer::default() }
    }

    /// Returns how to authenticate for `repository` at `host`, and who says so.
    ///
    /// # Errors
    ///
    /// [`CredentialError`]: a source for the host is configured and cannot be had.
    pub async fn resolve(
        &self,
        host: &RegistryHost,
        repository: &RepositoryName,
    ) -> Result<Found, CredentialError> {
        let found = match self.hosts.get(host) {
            Some(HostLogin::Credential(credential)) => self.given(host, credential).await?,
            Some(HostLogin::Cloud(cloud)) => self.login(host, *cloud).await?,
            None => {
                let found = self.docker.resolve(host, repository).await?;
                found.unwrap_or_else(Found::nothing)
            }
        };
        let is_fit = match &found.credential {
            Credential::Bearer(secret) | Credential::RegistryToken(secret) => secret.fits_header(),
            // What is encoded or posted may hold anything.
            Credential::Anonymous | Credential::Basic { .. } | Credential::IdentityToken { .. } => {
                true
            }
        };
        if is_fit {
            Ok(found)
        } else {
            Err(CredentialError::Unfit { host: host.clone(), origin: found.origin })
        }
    }

    async fn login(&self, host: &RegistryHost, cloud: Cloud) -> Result<Found, CredentialError> {
        let login = self.providers.login(host, cloud).await;
        let fault = |source| CredentialError::Cloud { host: host.clone(), cloud, source };
        let Login { username, password, by, .. } = login.map_err(fault)?;
        let credential = Credential::Basic { username, password };
        Ok(Found { credential, origin: Origin::Cloud { cloud, by } })
    }

    async fn given(
        &self,
        host: &RegistryHost,
        credential: &HostCredential,
    ) -> Result<Found, CredentialError> {
        let HostCredential { username, source, envelope } = credential;
        let (secret, origin) = match source {
            TokenSource::Given(CredentialSource::Value(secret)) => (secret.clone(), Origin::Value),
            TokenSource::Given(CredentialSource::File(file)) => {
                let path = file.path().to_owned();
                (file::read(host, file).await?, Origin::File { path })
            }
            TokenSource::Signed(wanted) => {
                let signed = self.signer.token(host, wanted).await;
                let fault = |source| CredentialError::Signing { host: host.clone(), source };
                (signed.map_err(fault)?, Origin::Signed)
            }
            TokenSource::Issued { provider, audiences } => {
                let provider = *provider;
                let token = self.providers.token(host, provider, audiences).await;
                let fault =
                    |source| CredentialError::Provider { host: host.clone(), provider, source };
                let Minted { token, by, .. } = token.map_err(fault)?;
                (token, Origin::Issued { provider, by })
            }
        };
        let secret = match envelope {
            Some(envelope) => envelope.wrap(&secret),
            None => secret,
        };
        let credential = match username.clone() {
            Some(username) => Credential::Basic { username, password: secret },
            None => Credential::Bearer(secret),
        };
        Ok(Found { credential, origin })
    }
}
