//! Who we are to a server that asks: a certificate, and the proof that its key is ours.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::{TlsError, Workload, authorities};
use crate::RootCause;

/// Who we are to a server that asks.
#[derive(Clone)]
pub struct Identity(Kind);

#[derive(Clone)]
enum Kind {
    Resolver(Arc<dyn ResolvesClientCert>),
    Svid(Workload),
}

impl Identity {
    /// Takes a certificate with those up to its authority, and its private key (PKCS #8, PKCS #1 or
    /// SEC 1), both in PEM.
    ///
    /// # Errors
    /// [`TlsError::NotPem`], [`TlsError::NoCertificate`], [`TlsError::NoKey`], [`TlsError::Key`].
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let certified = certified(certificate, key)?;
        Ok(Self::from_resolver(Arc::new(SingleCertAndKey::from(certified))))
    }

    /// Takes a pair as of [`Self::from_pem`] and who reads it anew at each handshake, since pairs are
    /// renewed while a run goes on. One that cannot be read or is of no use, as in the middle of a
    /// renewal, leaves the last good one in place. `read` holds up the handshake: two small files.
    ///
    /// # Errors
    /// As of [`Self::from_pem`], about the `first` pair.
    pub fn reloading<B, E>(
        first: [B; 2],
        read: impl Fn() -> Result<[B; 2], E> + Send + Sync + 'static,
    ) -> Result<Self, TlsError>
    where
        B: AsRef<[u8]> + Send + Sync + 'static,
    {
        let certified = Arc::new(certified(first[0].as_ref(), first[1].as_ref())?);
        let last = Mutex::new((first, certified));
        Ok(Self::from_resolver(Arc::new(Reloading { read, last })))
    }

    /// Takes who answers at each handshake; it must not block.
    pub fn from_resolver(resolver: Arc<dyn ResolvesClientCert>) -> Self {
        Self(Kind::Resolver(resolver))
    }

    /// Takes the X.509-SVID of the Workload API, as it is at each handshake.
    pub fn from_workload(workload: Workload) -> Self {
        Self(Kind::Svid(workload))
    }

    /// Returns the Workload API that must have said who we are.
    pub(super) fn workload(&self) -> Option<&Workload> {
        match &self.0 {
            Kind::Resolver(_) => None,
            Kind::Svid(workload) => Some(workload),
        }
    }

    #[cfg_attr(
        feature = "spiffe",
        expect(clippy::unnecessary_wraps, reason = "without the feature there may be none")
    )]
    pub(super) fn resolver(&self) -> Result<Arc<dyn ResolvesClientCert>, RootCause> {
        match &self.0 {
            Kind::Resolver(resolver) => Ok(Arc::clone(resolver)),
            #[cfg(feature = "spiffe")]
            Kind::Svid(workload) => {
                let (workload, provider) = (workload.clone(), aws_lc_rs::default_provider());
                Ok(Arc::new(super::spiffe::Svid { workload, provider }))
            }
            #[cfg(not(feature = "spiffe"))]
            Kind::Svid(_) => Err(RootCause::new(super::NO_SPIFFE.to_owned())),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identity(…)")
    }
}

/// A pair that is read anew at each handshake, with the last good one.
struct Reloading<B, F> {
    read: F,
    last: Mutex<([B; 2], Arc<CertifiedKey>)>,
}

impl<B, E, F> ResolvesClientCert for Reloading<B, F>
where
    B: AsRef<[u8]> + Send + Sync,
    F: Fn() -> Result<[B; 2], E> + Send + Sync,
{
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let read = (self.read)();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(pair) = read
            && !pair.iter().zip(&last.0).all(|(new, old)| new.as_ref() == old.as_ref())
            && let Ok(certified) = certified(pair[0].as_ref(), pair[1].as_ref())
        {
            *last = (pair, Arc::new(certified));
        }
        Some(Arc::clone(&last.1))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl<B, F> fmt::Debug for Reloading<B, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reloading(…)")
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
