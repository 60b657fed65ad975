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

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    #[track_caller]
    fn check(names: &[SanType], token: bool, expected: &str) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names.to_vec();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        assert_eq!(Identity::of(Some(certificate.der()), token).as_str(), expected, "{names:?}");
    }

    #[test]
    fn a_caller_is_the_first_uri_or_the_first_name() {
        let uri = |text: &str| SanType::URI(text.try_into().unwrap());
        let dns = |text: &str| SanType::DnsName(text.try_into().unwrap());
        let (eu, us) = (uri("spiffe://mirror.test/eu"), uri("spiffe://mirror.test/us"));
        check(&[dns("a.test"), eu.clone(), us], true, "spiffe://mirror.test/eu");
        check(&[dns("a.test"), dns("b.test")], true, "a.test");
        check(&[], true, "token");
        check(&[], false, "");
        assert_eq!(Identity::of(None, true).as_str(), "token");
        assert_eq!(Identity::of(None, false).as_str(), "");
        let junk = CertificateDer::from(vec![0x30, 0x80, 0xff]);
        assert_eq!(Identity::of(Some(&junk), false).as_str(), "");
    }
}
