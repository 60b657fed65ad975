//! SPIFFE: our X.509-SVID from the Workload API, and servers that are known by theirs.
//!
//! Both are read anew at each handshake, so that they rotate while a run goes on. A server's name says
//! nothing here: its certificate is verified by the bundle of the trust domain in its ID, and the ID by
//! what the config wants.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use spiffe::cert::spiffe_id_from_der;
use spiffe::{SpiffeId, WorkloadApiClient, X509Source, X509SourceBuilder};
use tokio::time::{Instant, timeout};

use super::verify::AnyCertificate;
use super::workload::{SpiffeServer, Workload};
use crate::RootCause;
use crate::error::chain;

/// How long the first answer may take, and then the question why there was none: ten seconds together.
const FIRST: Duration = Duration::from_secs(8);
const WHY: Duration = Duration::from_secs(2);
/// How long an error stands for all who ask.
const ERROR_KEPT: Duration = Duration::from_secs(5);

/// What the Workload API says, once it was asked.
pub(super) struct Source {
    endpoint: Option<String>,
    heard: OnceLock<X509Source>,
    /// Held by the one who asks; the last failure, and until when it stands.
    asking: tokio::sync::Mutex<Option<(String, Instant)>>,
}

impl Source {
    pub(super) fn new(endpoint: Option<String>) -> Self {
        let endpoint = endpoint.filter(|endpoint| !endpoint.is_empty());
        Self { endpoint, heard: OnceLock::new(), asking: tokio::sync::Mutex::default() }
    }

    pub(super) async fn ready(&self) -> Result<(), RootCause> {
        if self.heard.get().is_some() {
            return Ok(());
        }
        let mut failed = self.asking.lock().await;
        if self.heard.get().is_some() {
            return Ok(());
        }
        if let Some((reason, until)) = &*failed
            && Instant::now() < *until
        {
            return Err(RootCause::new(reason.clone()));
        }
        match self.begin().await {
            Ok(source) => {
                let _ = self.heard.set(source);
                Ok(())
            }
            Err(reason) => {
                *failed = Some((reason.clone(), Instant::now() + ERROR_KEPT));
                Err(RootCause::new(reason))
            }
        }
    }

    /// Asks for the first time; says why nothing came.
    async fn begin(&self) -> Result<X509Source, String> {
        const CHECK: &str =
            "check that an agent serves it and that this workload is registered there";
        let Some(endpoint) = &self.endpoint else {
            return Err("no Workload API: SPIFFE_ENDPOINT_SOCKET is not set".to_owned());
        };
        let builder = X509SourceBuilder::new().endpoint(endpoint).initial_sync_timeout(FIRST);
        let error = match builder.build().await {
            Ok(source) => return Ok(source),
            Err(error) => error,
        };
        // It tried again and again, and only says that its time is over.
        let why = async {
            match WorkloadApiClient::connect_to(endpoint).await {
                Ok(client) => client.fetch_x509_svid().await.err().map(|error| told(&error)),
                Err(error) => Some(told(&error)),
            }
        };
        let why = timeout(WHY, why).await.ok().flatten().unwrap_or_else(|| told(&error));
        Err(format!("no identity from the Workload API at {endpoint}: {why}; {CHECK}"))
    }

    fn source(&self) -> Result<&X509Source, String> {
        self.heard.get().ok_or_else(|| "the Workload API was not asked yet".to_owned())
    }

    fn certified(&self, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
        let svid = self.source()?.svid().map_err(|error| error.to_string())?;
        let own = |bytes: &[u8]| CertificateDer::from(bytes.to_vec());
        let chain = svid.cert_chain().iter().map(|certificate| own(certificate.as_bytes()));
        let key = PrivatePkcs8KeyDer::from(svid.private_key().as_bytes().to_vec());
        CertifiedKey::from_der(chain.collect(), key.into(), provider)
            .map_err(|error| error.to_string())
    }
}

/// Says what an error says, and what is behind all of it: that there is no such socket.
fn told(error: &(dyn Error + 'static)) -> String {
    let said = error.to_string();
    match chain(error).last().map(ToString::to_string) {
        Some(last) if !said.contains(&last) => format!("{said} ({last})"),
        Some(_) | None => said,
    }
}

/// Shows the SVID that is good now.
pub(super) struct Svid {
    pub(super) workload: Workload,
    /// Signs the handshake.
    pub(super) provider: CryptoProvider,
}

impl ResolvesClientCert for Svid {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.workload.source().certified(&self.provider).ok().map(Arc::new)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Svid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Svid(…)")
    }
}

/// Verifies servers by their SVID.
#[derive(Debug)]
pub(super) struct SpiffeVerifier {
    pub(super) workload: Workload,
    pub(super) wanted: SpiffeServer,
    /// Checks the handshake itself.
    pub(super) handshake: AnyCertificate,
}

/// Why a server is not the one that is wanted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Stranger(String);

impl SpiffeVerifier {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), String> {
        let id = spiffe_id_from_der(end_entity)
            .map_err(|error| format!("the server shows no SPIFFE ID ({error})"))?;
        let source = self.workload.source().source()?;
        self.is_wanted(&id, source)?;
        let domain = id.trust_domain();
        let bundles = source.bundle_set().map_err(|error| error.to_string())?;
        let bundle = bundles.get(domain);
        let bundle = bundle.ok_or_else(|| format!("nobody here vouches for {domain}, of {id}"))?;
        let mut roots = RootCertStore::empty();
        for authority in bundle.authorities() {
            let certificate = CertificateDer::from(authority.as_bytes());
            roots.add(certificate).map_err(|error| format!("the bundle of {domain}: {error}"))?;
        }
        let parsed = ParsedCertificate::try_from(end_entity).map_err(|error| error.to_string())?;
        let algorithms = self.handshake.0.signature_verification_algorithms;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &roots,
            intermediates,
            now,
            algorithms.all,
        )
        .map_err(|error| format!("{id}: {error}"))
    }

    fn is_wanted(&self, id: &SpiffeId, source: &X509Source) -> Result<(), String> {
        let own = || source.svid().map_err(|error| error.to_string());
        let (is_wanted, wanted) = match &self.wanted {
            SpiffeServer::Id(wanted) => (id.to_string() == *wanted, wanted.clone()),
            SpiffeServer::TrustDomain(name) => {
                (id.trust_domain_name() == name, format!("one of {name}"))
            }
            SpiffeServer::OwnTrustDomain => {
                let name = own()?.spiffe_id().trust_domain_name().to_owned();
                (id.trust_domain_name() == name, format!("one of our own, {name}"))
            }
            SpiffeServer::Any => (true, String::new()),
        };
        if is_wanted { Ok(()) } else { Err(format!("the server is {id}, wanted is {wanted}")) }
    }
}

impl ServerCertVerifier for SpiffeVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verify(end_entity, intermediates, now).map_err(|reason| {
            let stranger = OtherError(Arc::new(Stranger(reason)));
            rustls::Error::InvalidCertificate(CertificateError::Other(stranger))
        })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.handshake.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.handshake.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.handshake.supported_verify_schemes()
    }
}
