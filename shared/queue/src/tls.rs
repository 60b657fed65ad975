//! TLS to NATS: which authorities are believed, and the certificate that we show.
//!
//! The certificate is read anew at each handshake, because it lives shorter than the connection's
//! owner; where that fails, the last one that could be read is shown.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use tracing::warn;

use crate::{NatsOptions, QueueError};

/// Makes the configuration of all handshakes.
pub(crate) fn client_config(options: &NatsOptions) -> Result<ClientConfig, QueueError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| QueueError::Server {
            server: options.servers.clone(),
            reason: error.to_string(),
        })?
        .with_root_certificates(roots(options.ca.as_deref())?);
    Ok(match &options.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let files = Files { certificate: certificate.clone(), key: key.clone(), provider };
            let last = Mutex::new(Arc::new(files.read()?));
            builder.with_client_cert_resolver(Arc::new(Certificate { files, last }))
        }
    })
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, QueueError> {
    let mut store = RootCertStore::empty();
    match ca {
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(path) => {
            for certificate in certificates(path)? {
                store.add(certificate).map_err(|error| no(path, &error))?;
            }
        }
    }
    Ok(store)
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
}

impl Files {
    fn read(&self) -> Result<CertifiedKey, QueueError> {
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| no(&self.key, &error))?;
        CertifiedKey::from_der(chain, key, &self.provider)
            .map_err(|error| no(&self.certificate, &error))
    }
}

/// Our certificate.
#[derive(Debug)]
struct Certificate {
    files: Files,
    last: Mutex<Arc<CertifiedKey>>,
}

impl ResolvesClientCert for Certificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match self.files.read() {
            Ok(read) => *last = Arc::new(read),
            Err(error) => warn!(%error, "showing NATS the certificate that was read before"),
        }
        Some(Arc::clone(&last))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, QueueError> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| no(path, &error))?.collect();
    let found = found.map_err(|error| no(path, &error))?;
    if found.is_empty() { Err(no(path, &"it has no certificate")) } else { Ok(found) }
}

fn no(path: &Path, reason: &dyn std::fmt::Display) -> QueueError {
    QueueError::File { path: path.to_owned(), reason: reason.to_string() }
}
