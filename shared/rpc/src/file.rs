//! Small files, read whole and within a bound, and wiped from memory when they are done with.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use crate::RpcError;
use crate::limits::MAX_PEM_BYTES;

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(
    path: &Path,
    what: &'static str,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, RpcError> {
    let failed = |source| RpcError::File { what, path: path.to_owned(), source };
    // Room for all of it from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 64));
    let file = File::open(path).map_err(failed)?;
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(failed(io::Error::other(format!("it has more than {limit} bytes"))));
    }
    Ok(bytes)
}

/// Reads a file of certificates; one at least.
pub(crate) fn certificates(
    path: &Path,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, RpcError> {
    parsed(path, what, &read(path, what, MAX_PEM_BYTES)?)
}

/// Reads the same for those who parse it themselves.
pub(crate) fn pem(path: &Path, what: &'static str) -> Result<Zeroizing<Vec<u8>>, RpcError> {
    let pem = read(path, what, MAX_PEM_BYTES)?;
    parsed(path, what, &pem)?;
    Ok(pem)
}

fn parsed(
    path: &Path,
    what: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, RpcError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| RpcError::NoCertificate { what, path: path.to_owned() })
}

/// Reads a certificate and its key.
pub(crate) fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<tonic::transport::Identity, RpcError> {
    let certificate = pem(certificate, "the certificate")?;
    let key = read(key, "the certificate's key", MAX_PEM_BYTES)?;
    Ok(tonic::transport::Identity::from_pem(&*certificate, &*key))
}
