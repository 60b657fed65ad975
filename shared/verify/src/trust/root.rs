//! The trusted root as a value: the keys and certificates that everything is verified by.

use sigstore_trust_root::SigstoreInstance;

use crate::TrustError;
use crate::shown::shown;

/// The keys and certificates of a Sigstore instance.
#[derive(Clone, Debug)]
pub struct TrustedRoot(sigstore_trust_root::TrustedRoot);

impl TrustedRoot {
    /// Reads a `trusted_root.json`.
    ///
    /// # Errors
    ///
    /// [`TrustError::Malformed`].
    pub fn from_json(json: &str) -> Result<Self, TrustError> {
        let root = sigstore_trust_root::TrustedRoot::from_json(json);
        root.map(Self).map_err(|error| TrustError::Malformed { reason: shown(&error.to_string()) })
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
