//! Why no answer came, or none that could be read.

use std::error::Error;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, OtherError};

use crate::Expired;

/// Whether trying again could help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It would come out the same.
    Never,
    /// It could, after a while.
    Backoff,
    /// The other side said when.
    After(Duration),
}

/// What the lowest layer said; the layers between add nothing that a user could act on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RootCause(String);

/// More layers than this are a loop.
const MAX_LAYERS: usize = 16;

impl RootCause {
    /// Returns whether the text speaks of `word`.
    pub(crate) fn is_about(&self, word: &str) -> bool {
        self.0.contains(word)
    }

    /// Takes a text of ours.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Takes the innermost cause of `error`.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut innermost = error;
        for _ in 0..MAX_LAYERS {
            let Some(source) = innermost.source() else { break };
            innermost = source;
        }
        Self(innermost.to_string())
    }
}

/// What a server says of our certificate, or of none, that it would say again. One that has expired is
/// about to be renewed.
const OURS_REFUSED: [AlertDescription; 7] = [
    AlertDescription::CertificateRequired,
    AlertDescription::BadCertificate,
    AlertDescription::UnknownCA,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::AccessDenied,
];

/// Why no answer came, or none that could be read.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The host's name has no address.
    #[error("cannot resolve {host}")]
    Dns {
        /// The host.
        host: String,
        /// What the resolver said.
        source: RootCause,
    },
    /// No connection.
    #[error("cannot reach {host}")]
    Connect {
        /// The host.
        host: String,
        /// What the socket said.
        source: RootCause,
    },
    /// No TLS session.
    #[error("no TLS session with {host}")]
    Tls {
        /// The host.
        host: String,
        /// Whether a certificate was refused, the host's or ours: that does not pass.
        certificate: bool,
        /// What TLS said.
        source: RootCause,
    },
    /// It answered, and not by TLS.
    #[error("{host} does not speak TLS")]
    NotTls {
        /// The host.
        host: String,
        /// What TLS said.
        source: RootCause,
    },
    /// The connection broke before all was said.
    #[error("connection to {host} broke")]
    Broken {
        /// The host.
        host: String,
        /// What broke it.
        source: RootCause,
    },
    /// Nothing went or came for too long.
    #[error("{host} was silent for {} s", silence.as_secs())]
    Silent {
        /// The host.
        host: String,
        /// How long.
        silence: Duration,
    },
    /// Bytes came, but too few for a transfer that should end.
    #[error("{host} sent or took less than 16 KiB/s for {} s", window.as_secs())]
    Slow {
        /// The host.
        host: String,
        /// Over how long.
        window: Duration,
    },
    /// The host asked for a pause that does not fit the budget.
    #[error("rate limited by {host}, which asks to wait {} s", wait.as_secs_f64().ceil())]
    RateLimited {
        /// The host.
        host: String,
        /// What is left of the pause.
        wait: Duration,
    },
    /// The host was unreachable a moment ago, and asking again so soon does not help.
    #[error("{host} is unreachable")]
    Unreachable {
        /// The host.
        host: String,
        /// How it was found.
        #[source]
        source: RootCause,
    },
    /// A registry sent us somewhere that a registry may not send us.
    #[error("refused to follow {host} to {target}: {reason}")]
    Forbidden {
        /// Who sent us.
        host: String,
        /// Where to: scheme and host.
        target: String,
        /// Why not.
        reason: &'static str,
    },
    /// More redirects than anybody needs.
    #[error("{host} redirects more than {most} times")]
    Redirects {
        /// Who was asked.
        host: String,
        /// The bound.
        most: usize,
    },
    /// Headers or a body over their bound.
    #[error("{host} answered with more than {limit} bytes of {what}")]
    TooLarge {
        /// The host.
        host: String,
        /// Of what.
        what: &'static str,
        /// The bound, in bytes.
        limit: u64,
    },
    /// The permission under which the request was to be sent is over.
    #[error("too late to write to {host}")]
    Expired {
        /// The host.
        host: String,
        /// What is over.
        source: Expired,
    },
    /// It is not known who we are to the host, or who vouches for it.
    #[error("cannot prepare for {host}")]
    Identity {
        /// The host.
        host: String,
        /// Why.
        source: RootCause,
    },
    /// A URL, header or TLS setting that cannot be used.
    #[error("cannot prepare a request to {host}")]
    Unusable {
        /// The host.
        host: String,
        /// Why.
        source: RootCause,
    },
}

impl TransportError {
    /// Returns whether trying again could help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Dns { .. }
            | Self::Connect { .. }
            | Self::Tls { certificate: false, .. }
            | Self::Broken { .. }
            | Self::Silent { .. }
            | Self::Unreachable { .. }
            | Self::Slow { .. }
            | Self::Identity { .. }
            | Self::Expired { .. } => Retry::Backoff,
            Self::RateLimited { wait, .. } => Retry::After(*wait),
            Self::Tls { certificate: true, .. }
            | Self::NotTls { .. }
            | Self::Forbidden { .. }
            | Self::Redirects { .. }
            | Self::TooLarge { .. }
            | Self::Unusable { .. } => Retry::Never,
        }
    }

    /// Returns whether `authority` as a whole could not be reached, whatever was asked of it. Where it
    /// sent us on, and to whom that happened, says nothing of itself.
    pub(crate) fn is_unreachable(&self, authority: &str) -> bool {
        match self {
            Self::Dns { host, .. }
            | Self::Connect { host, .. }
            | Self::Tls { host, certificate: false, .. } => host == authority,
            Self::Tls { .. }
            | Self::NotTls { .. }
            | Self::Broken { .. }
            | Self::Silent { .. }
            | Self::Slow { .. }
            | Self::RateLimited { .. }
            | Self::Unreachable { .. }
            | Self::Forbidden { .. }
            | Self::Redirects { .. }
            | Self::TooLarge { .. }
            | Self::Expired { .. }
            | Self::Identity { .. }
            | Self::Unusable { .. } => false,
        }
    }

    /// Makes an error of what reqwest says about `host`; its URL is never kept.
    pub(crate) fn from_reqwest(host: &str, error: &reqwest::Error) -> Self {
        let host = host.to_owned();
        // reqwest's own text has the URL, which may be signed.
        let source = match error.source() {
            Some(cause) => RootCause::of(cause),
            None => RootCause("the request cannot be sent".to_owned()),
        };
        if error.is_builder() {
            return Self::Unusable { host, source };
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            let is_ours =
                matches!(tls, rustls::Error::AlertReceived(alert) if OURS_REFUSED.contains(alert));
            let is_theirs = matches!(
                tls,
                rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented
            );
            let certificate = is_ours || is_theirs;
            // What a verifier of ours says is the whole reason; rustls would show how it is held.
            let source = if let rustls::Error::InvalidCertificate(CertificateError::Other(
                OtherError(reason),
            )) = tls
            {
                RootCause(reason.to_string())
            } else {
                source
            };
            if matches!(tls, rustls::Error::InvalidMessage(_)) && error.is_connect() {
                return Self::NotTls { host, source };
            }
            return Self::Tls { host, certificate, source };
        }
        if !error.is_connect() {
            return Self::Broken { host, source };
        }
        // hyper-util names the step that failed in a private error type, by text alone.
        let is_dns = chain(error).any(|layer| layer.to_string().contains("dns error"));
        if is_dns { Self::Dns { host, source } } else { Self::Connect { host, source } }
    }
}

/// The layers of an error, outermost first, with those that hide inside an `io::Error`.
pub(crate) fn chain<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let next = |layer: &&'e (dyn Error + 'static)| -> Option<&'e (dyn Error + 'static)> {
        let layer: &'e (dyn Error + 'static) = *layer;
        match layer.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => layer.source(),
        }
    };
    std::iter::successors(Some(error), next).take(MAX_LAYERS)
}

/// The first layer of the given type.
pub(crate) fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(|layer| layer.downcast_ref::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "a.example";

    /// What is to be tried again, and what says that the host as a whole is away.
    #[track_caller]
    fn check(error: &TransportError, tries_again: bool, is_host: bool) {
        assert_eq!(error.retry() != Retry::Never, tries_again, "{error}");
        assert_eq!(error.is_unreachable(HOST), is_host, "{error}");
        assert!(!error.is_unreachable("b.example"), "{error}");
    }

    #[test]
    fn a_host_is_told_from_a_request() {
        let host = || HOST.to_owned();
        let source = || RootCause("cause".to_owned());
        let tls = |certificate| TransportError::Tls { host: host(), certificate, source: source() };
        let silence = Duration::from_secs(30);
        check(&TransportError::Dns { host: host(), source: source() }, true, true);
        check(&TransportError::Connect { host: host(), source: source() }, true, true);
        check(&tls(false), true, true);
        // It would be refused again, by every job.
        check(&tls(true), false, false);
        check(&TransportError::NotTls { host: host(), source: source() }, false, false);
        // A server that is there, and has trouble with one thing.
        check(&TransportError::Broken { host: host(), source: source() }, true, false);
        check(&TransportError::Silent { host: host(), silence }, true, false);
        check(&TransportError::Slow { host: host(), window: silence }, true, false);
        // Known of the host already.
        check(&TransportError::RateLimited { host: host(), wait: silence }, true, false);
        check(&TransportError::Unreachable { host: host(), source: source() }, true, false);
    }
}
