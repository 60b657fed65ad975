//! Who we are to a server that asks: a certificate, and the proof that its key is ours.

use std::fmt;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::{TlsError, authorities};
use crate::RootCause;

/// Who we are to a server that asks.
#[derive(Clone)]
pub struct Identity(Arc<dyn ResolvesClientCert>);

impl Identity {
    /// Takes a certificate with those up to its authority, and its private key (PKCS #8, PKCS #1 or
    /// SEC 1), both in PEM.
    ///
    /// # Errors
    /// [`TlsError::NotPem`], [`TlsError::NoCertificate`], [`TlsError::NoKey`], [`TlsError::Key`].
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let certified = certified(certificate, key)?;
        Ok(Self(Arc::new(SingleCertAndKey::from(certified))))
    }

    /// Takes who answers at each handshake; it must not block.
    pub fn from_resolver(resolver: Arc<dyn ResolvesClientCert>) -> Self {
        Self(resolver)
    }

    pub(super) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identity(…)")
    }
}

/// Joins a certificate and its key.
fn certified(certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let chain = authorities::certificates(certificate)?;
    // What the parser says could quote the key.
    let key = PrivateKeyDer::from_pem_slice(key).ok().ok_or(TlsError::NoKey)?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| TlsError::Key(RootCause::of(&error)))
}
