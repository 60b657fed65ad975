//! What lies at the root of a failure, and what to do about it where TLS says so.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// Links of a chain of causes that are looked at: chains are five or six long, and must end.
const MAX_LINKS: usize = 16;

/// Why the other side and we do not understand each other, in words that say what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Objection(&'static str);

impl Objection {
    /// We speak plaintext and hear an alert of TLS.
    pub(crate) const PLAINTEXT: Self = Self("it does not speak plaintext, use https");

    /// We speak plaintext and hear the words of an ordinary web server, or a proxy's.
    pub(crate) const HTTP_1: Self = Self("it speaks HTTP/1 there, use https or name a coordinator");

    /// TLS stands, and nothing was agreed on that could be spoken over it.
    pub(crate) const NO_HTTP_2: Self =
        Self("it does not offer HTTP/2, name a coordinator or let the proxy before it offer it");
}

/// Returns the text of the innermost cause.
pub(crate) fn root(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

/// Returns why nothing can be said over a connection; nothing for what may be gone with the next.
pub(crate) fn objection(error: &(dyn Error + 'static)) -> Option<Objection> {
    chain(error).find_map(|link| match link.downcast_ref() {
        Some(objection) => Some(*objection),
        None => tls(link).and_then(in_words),
    })
}

/// Returns what a connection was closed for that TLS stood on. What else goes wrong with TLS by then says
/// nothing of the other side: something on the way may have spoken.
pub(crate) fn last_word(error: &(dyn Error + 'static)) -> Option<Objection> {
    let rustls::Error::AlertReceived(description) = chain(error).find_map(tls)? else {
        return None;
    };
    alert(&format!("{description:?}"))
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).take(MAX_LINKS)
}

/// An error of TLS travels inside of one of I/O, which does not show it as its source.
fn tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let inner = inner.and_then(|inner| inner.downcast_ref());
    inner.or_else(|| error.downcast_ref())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enums are those of rustls, and grow")]
fn in_words(error: &rustls::Error) -> Option<Objection> {
    let words = match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer => {
                "its certificate is of an authority that is not trusted, \
                 give that authority's certificate"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name, use a name that it holds"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired, renew it"
            }
            _ => "its certificate cannot be trusted",
        },
        rustls::Error::AlertReceived(description) => return alert(&format!("{description:?}")),
        rustls::Error::InvalidMessage(_) => "it does not speak TLS, use http or give it TLS",
        _ => return None,
    };
    Some(Objection(words))
}

/// What the other side objected to, by the alert's name in RFC 8446.
fn alert(name: &str) -> Option<Objection> {
    let words = match name {
        "CertificateRequired" => "it asks for a client certificate, give one and its key",
        "CertificateExpired" => "it finds the client certificate expired, renew it",
        "UnknownCA"
        | "DecryptError"
        | "BadCertificate"
        | "UnsupportedCertificate"
        | "CertificateRevoked"
        | "CertificateUnknown"
        | "AccessDenied" => {
            "it does not accept the client certificate, give one of an authority that it trusts"
        }
        "NoApplicationProtocol" => return Some(Objection::NO_HTTP_2),
        _ => return None,
    };
    Some(Objection(words))
}
