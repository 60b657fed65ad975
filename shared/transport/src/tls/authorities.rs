//! Which authorities vouch for servers: the system's, or those that somebody names.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::TlsError;
use crate::RootCause;

/// The roots that are trusted, and a word to the user where there is one.
pub(crate) struct Roots {
    pub(crate) store: Arc<RootCertStore>,
    pub(crate) warning: Option<String>,
}

/// Reads the system's roots (`SSL_CERT_FILE` and `SSL_CERT_DIR` are heeded); Mozilla's where there are
/// none, as in a container image without any.
pub(crate) fn system_roots() -> Roots {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(found.certs);
    if !store.is_empty() {
        return Roots { store: Arc::new(store), warning: None };
    }
    let reason = found.errors.first().map_or(String::new(), |error| format!(" ({error})"));
    store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    let warning = format!("no CA certificates on this system{reason}, using Mozilla's built in");
    Roots { store: Arc::new(store), warning: Some(warning) }
}

/// Authorities that vouch for a server.
#[derive(Clone)]
pub struct Authorities(Arc<RootCertStore>);

impl Authorities {
    /// Reads the certificates of authorities, all that are in `pem`.
    ///
    /// # Errors
    /// [`TlsError::NotPem`], [`TlsError::NoCertificate`], [`TlsError::Authority`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for (index, certificate) in certificates(pem)?.into_iter().enumerate() {
            store.add(certificate).map_err(|error| TlsError::Authority {
                number: index + 1,
                source: RootCause::of(&error),
            })?;
        }
        Ok(Self(Arc::new(store)))
    }

    pub(super) fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Authorities({})", self.0.len())
    }
}

/// Reads the certificates in `pem`, of which there is at least one; keys among them are passed over.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Option<Vec<_>> = CertificateDer::pem_slice_iter(pem).map(Result::ok).collect();
    let found = found.ok_or(TlsError::NotPem)?;
    if found.is_empty() { Err(TlsError::NoCertificate) } else { Ok(found) }
}
