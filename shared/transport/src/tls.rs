//! TLS: who a server must be, who we are to it, and what is offered.
//!
//! TLS 1.2 and up, by aws-lc-rs. What a [`Tls`] says holds for the host that it is given to, and for
//! nobody that host sends us to.

mod authorities;
mod identity;
#[cfg(feature = "spiffe")]
mod spiffe;
mod verify;
mod workload;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;

use crate::RootCause;
pub use authorities::Authorities;
pub(crate) use authorities::{Roots, system_roots};
pub use identity::Identity;
use verify::AnyCertificate;
pub use workload::{SpiffeServer, Workload};

/// The TLS settings of a host, where they are not everybody's.
///
/// A clone is the same settings and shares their connections; settings that were made anew never do,
/// however alike they are.
#[derive(Clone)]
pub struct Tls(Arc<Settings>);

struct Settings {
    trust: Trust,
    identity: Option<Identity>,
}

/// Who a server must be.
#[derive(Clone, Debug)]
pub enum Trust {
    /// One that the system's authorities vouch for.
    System,
    /// One that these authorities vouch for, whatever the system trusts.
    Authorities(Authorities),
    /// One with such a SPIFFE ID, by what the Workload API says.
    Spiffe(SpiffeServer, Workload),
    /// One that this verifier accepts.
    Verifier(Arc<dyn ServerCertVerifier>),
    /// Anybody: only for what says itself that it must not be checked.
    Anybody,
}

/// Why TLS settings are of no use. Shows nothing of a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// What should hold certificates is no PEM. The parser's own words would quote it.
    #[error("it is not PEM")]
    NotPem,
    /// There is no certificate in it.
    #[error("it holds no certificate")]
    NoCertificate,
    /// A certificate that cannot be read as an authority's.
    #[error("certificate {number} of it is of no use as an authority")]
    Authority {
        /// Which one, from 1.
        number: usize,
        /// Why.
        source: RootCause,
    },
    /// There is no private key in it, or more than PEM around one.
    #[error("it holds no private key in PEM")]
    NoKey,
    /// A key that cannot sign, or one of another certificate.
    #[error("the private key does not go with the certificate")]
    Key(#[source] RootCause),
}

impl Tls {
    /// Puts settings together: who the server must be, and who we are where it asks.
    pub fn new(trust: Trust, identity: Option<Identity>) -> Self {
        Self(Arc::new(Settings { trust, identity }))
    }
}

/// The same settings, by where they are.
impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Tls {}

impl Hash for Tls {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { trust, identity } = &*self.0;
        formatter.debug_struct("Tls").field("trust", trust).field("identity", identity).finish()
    }
}

/// Makes a client's TLS settings; `alpn` in order of preference. Who is `insecure` trusts anybody,
/// and is still who he is.
pub(crate) fn client_config(
    roots: &Roots,
    insecure: bool,
    tls: Option<&Tls>,
    alpn: &[&[u8]],
) -> Result<ClientConfig, RootCause> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| RootCause::of(&error))?;
    let trust = if insecure { &Trust::Anybody } else { tls.map_or(&Trust::System, Tls::trust) };
    let builder = match trust {
        Trust::System => builder.with_root_certificates(Arc::clone(&roots.store)),
        Trust::Authorities(authorities) => builder.with_root_certificates(authorities.store()),
        #[cfg(feature = "spiffe")]
        Trust::Spiffe(wanted, workload) => {
            let handshake = AnyCertificate(provider);
            let (wanted, workload) = (wanted.clone(), workload.clone());
            let verifier = spiffe::SpiffeVerifier { workload, wanted, handshake };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
        #[cfg(not(feature = "spiffe"))]
        Trust::Spiffe(..) => return Err(RootCause::new(NO_SPIFFE.to_owned())),
        Trust::Verifier(verifier) => {
            builder.dangerous().with_custom_certificate_verifier(Arc::clone(verifier))
        }
        Trust::Anybody => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        }
    };
    let mut config = match tls.and_then(|tls| tls.0.identity.as_ref()) {
        Some(identity) => builder.with_client_cert_resolver(identity.resolver()?),
        None => builder.with_no_client_auth(),
    };
    if tls.is_some() {
        // A session that is resumed is neither verified anew nor shown a new certificate.
        config.resumption = Resumption::disabled();
    }
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// What is said of a host that needs what is not there.
#[cfg(not(feature = "spiffe"))]
const NO_SPIFFE: &str = "this program was built without the feature spiffe";

impl Tls {
    /// Waits for what handshakes need: the Workload API, where that is asked who somebody is.
    pub(crate) async fn ready(&self) -> Result<(), RootCause> {
        let Settings { trust, identity } = &*self.0;
        if let Trust::Spiffe(_, workload) = trust {
            workload.ready().await?;
        }
        match identity.as_ref().and_then(Identity::workload) {
            Some(workload) => workload.ready().await,
            None => Ok(()),
        }
    }

    fn trust(&self) -> &Trust {
        &self.0.trust
    }
}
