//! Who calls, as a coordinator knows it.

use std::fmt;

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// Who calls; a request's extension, put there by the guard.
///
/// The first URI of the client's certificate (a SPIFFE id), else its first DNS name, else `token` for
/// whoever has a token alone, else empty: somebody on this machine, whom nobody asked. A certificate
/// without either name is `token` or empty like none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity(pub String);

impl Identity {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes it of what the caller showed; both were checked before.
    pub(crate) fn of(certificate: Option<&CertificateDer<'_>>, token: bool) -> Self {
        let other = || if token { "token".to_owned() } else { String::new() };
        Self(certificate.and_then(name).unwrap_or_else(other))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn name(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let mut names = certificate.valid_uri_names().chain(certificate.valid_dns_names());
    names.next().map(str::to_owned)
}
