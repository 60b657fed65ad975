//! Tokens that we sign ourselves with the key of a config: anew for each request or, where the config
//! says how long one lives, until half of that is over.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mirror_oci::RegistryHost;

use crate::cache::{Cache, Fresh};
use crate::file::{MAX_SECRET_BYTES, blocking};
use crate::jwk::Claims;
use crate::{ConfinedError, InvalidKey, Secret, SignedToken, SigningKey};

/// How long a token lives where the config does not say.
const LIFE: Duration = Duration::from_secs(60);

/// Signs, and keeps what lives long enough.
#[derive(Debug, Default)]
pub(crate) struct Signer {
    kept: Cache<RegistryHost, Secret, Arc<SigningError>>,
}

/// Why no token was signed. Quotes nothing of the key.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The key's file cannot be read.
    #[error("cannot have the key")]
    File(#[source] ConfinedError),
    /// It holds no key that signs.
    #[error("{key} is of no use")]
    Key {
        /// Where the key was.
        key: String,
        /// What is wrong with it.
        source: InvalidKey,
    },
}

impl SigningError {
    /// Returns whether asking again later could help: a file in the middle of its rotation. The key was
    /// good when the config was loaded.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::File(ConfinedError::Unreadable { .. }) | Self::Key { .. } => true,
            Self::File(_) => false,
        }
    }
}

impl Signer {
    /// Returns a token to be shown at `host`.
    pub(crate) async fn token(
        &self,
        host: &RegistryHost,
        wanted: &SignedToken,
    ) -> Result<Secret, Arc<SigningError>> {
        match wanted.lifetime {
            None => sign(wanted, LIFE).await.map_err(Arc::new),
            Some(lifetime) => {
                let sign = async {
                    let value = sign(wanted, lifetime).await.map_err(Arc::new)?;
                    Ok(Fresh { value, kept: lifetime / 2 })
                };
                self.kept.get(host.clone(), sign).await
            }
        }
    }
}

/// Reads the key as it is now, and signs with it.
async fn sign(wanted: &SignedToken, lifetime: Duration) -> Result<Secret, SigningError> {
    let wanted = wanted.clone();
    let path = wanted.key.to_string();
    let signed = blocking(&path, move || {
        let key = wanted.key.bytes(MAX_SECRET_BYTES)?;
        let SignedToken { issuer, subject, audiences, .. } = &wanted;
        let claims = Claims { issuer, subject, audiences, lifetime };
        Ok(SigningKey::parse(&key).and_then(|key| key.sign(&claims, SystemTime::now())))
    });
    let signed = signed.await.map_err(SigningError::File)?;
    signed.map_err(|source| SigningError::Key { key: path, source })
}
