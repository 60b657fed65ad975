//! TLS of those who call: who a coordinator must be, and who we are to it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tracing::warn;

use crate::limits::MAX_PEM_BYTES;
use crate::{RpcError, file};

/// What gRPC speaks, by its name in RFC 7301.
pub(crate) const HTTP_2: &[u8] = b"h2";

/// The files that say so.
#[derive(Debug)]
pub(crate) struct Trust {
    /// CA certificates in place of the system's.
    ca: Option<PathBuf>,
    /// A client certificate, and its key.
    certificate: Option<(PathBuf, PathBuf)>,
    system: OnceLock<Arc<RootCertStore>>,
}

impl Trust {
    pub(crate) fn new(ca: Option<PathBuf>, certificate: Option<(PathBuf, PathBuf)>) -> Self {
        Self { ca, certificate, system: OnceLock::new() }
    }

    /// Reads the files as they are now.
    ///
    /// # Errors
    /// A file that cannot be read, or is of no use.
    pub(crate) fn read(&self) -> Result<ClientConfig, RpcError> {
        let roots = match &self.ca {
            Some(ca) => Arc::new(authorities(ca)?),
            None => Arc::clone(self.system.get_or_init(|| Arc::new(system_roots()))),
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&[], error))?
            .with_root_certificates(roots);
        let mut config = match &self.certificate {
            Some((certificate, key)) => {
                let chain = file::certificates(certificate, "the certificate")?;
                let signer = private_key(key)?;
                builder
                    .with_client_auth_cert(chain, signer)
                    .map_err(|error| unusable(&[certificate, key], error))?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![HTTP_2.to_vec()];
        Ok(config)
    }
}

fn unusable(files: &[&PathBuf], source: impl Error + Send + Sync + 'static) -> RpcError {
    let files = files.iter().map(|&file| file.clone()).collect();
    RpcError::Tls { files, source: Box::new(source) }
}

/// The parser's own words could quote a key.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, RpcError> {
    let pem = file::read(path, "the certificate's key", MAX_PEM_BYTES)?;
    let key = PrivateKeyDer::from_pem_slice(&pem);
    key.map_err(|_quoting| RpcError::NoKey { path: path.to_owned() })
}

/// Reads a bundle, in which one that cannot be used is passed over; one at least can.
fn authorities(path: &PathBuf) -> Result<RootCertStore, RpcError> {
    let mut store = RootCertStore::empty();
    let mut failed = None;
    for certificate in file::certificates(path, "the CA")? {
        failed = store.add(certificate).err().or(failed);
    }
    match failed {
        Some(error) if store.is_empty() => Err(unusable(&[path], error)),
        Some(_) | None => Ok(store),
    }
}

/// Reads the system's roots; Mozilla's where there are none, as in a container image without any.
fn system_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        warn!("no CA certificates on this system, using Mozilla's built in");
        let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        store.add_parsable_certificates(mozilla.iter().cloned());
    }
    store
}
