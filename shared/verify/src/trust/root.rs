//! The trusted root as a value: the keys and certificates that everything is verified by.

use sigstore_trust_root::SigstoreInstance;
use sigstore_verify::crypto::{SigningScheme, VerificationKey};

use crate::TrustError;
use crate::shown::shown;

/// The keys and certificates of a Sigstore instance.
#[derive(Clone, Debug)]
pub struct TrustedRoot(sigstore_trust_root::TrustedRoot);

impl TrustedRoot {
    /// Reads a `trusted_root.json`. Logs with keys that cannot be read are left out: the first with a
    /// new algorithm must not end the use of all others.
    ///
    /// # Errors
    ///
    /// [`TrustError::Malformed`].
    pub fn from_json(json: &str) -> Result<Self, TrustError> {
        let mut root = sigstore_trust_root::TrustedRoot::from_json(json)
            .map_err(|error| TrustError::Malformed { reason: shown(&error.to_string()) })?;
        root.tlogs.retain(|log| VerificationKey::from_spki(&log.public_key.raw_bytes).is_ok());
        root.ctlogs.retain(|log| {
            let key = &log.public_key.raw_bytes;
            let rsa = || VerificationKey::from_der(key, SigningScheme::RsaPkcs1Sha256);
            VerificationKey::from_spki(key).or_else(|_| rsa()).is_ok()
        });
        Ok(Self(root))
    }

    /// Returns the public-good instance's as it was when the library was released.
    ///
    /// # Errors
    ///
    /// [`TrustError::Malformed`], which a release does not have.
    pub fn embedded() -> Result<Self, TrustError> {
        Self::from_json(SigstoreInstance::PublicGood.embedded_trusted_root_json())
    }

    /// Returns the root if it has what every signature needs; by one without, each would be refused,
    /// and for reasons that name the signature.
    pub(crate) fn usable(&self) -> Result<&sigstore_trust_root::TrustedRoot, TrustError> {
        let needed = [
            ("certificate authority", self.0.certificate_authorities.is_empty()),
            ("certificate transparency log", self.0.ctlogs.is_empty()),
            ("transparency log", self.0.tlogs.is_empty()),
        ];
        match needed.iter().find(|(_, is_empty)| *is_empty) {
            Some((what, _)) => Err(TrustError::Root { reason: format!("it has no {what}") }),
            None => Ok(&self.0),
        }
    }
}
