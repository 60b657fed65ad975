//! Who may speak to a coordinator.
//!
//! A [`Guard`] refuses to start what everybody could command or overhear: beyond loopback there is TLS
//! (or explicit leave to do without), and callers show a certificate, a token, or both when both are
//! asked for. What an identity may do is for whoever serves.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio::net::TcpListener;
use tonic::Status;
use tonic::metadata::MetadataValue;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Server, ServerTlsConfig};

use crate::client::LEADER_TRAILER;
use crate::identity::Identity;
use crate::limits::{
    CONNECT_TIMEOUT, CONNECTION_WINDOW, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, MAX_FRAME_BYTES,
    MAX_HEADER_BYTES, MAX_STREAMS, STREAM_WINDOW,
};
use crate::token::TokenFile;
use crate::{RpcError, file};

/// How a coordinator is served.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The address that is listened on.
    pub listen: SocketAddr,
    /// A certificate, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Clients must have a certificate of these.
    pub client_ca: Option<PathBuf>,
    /// Clients must have this bearer token; read again when the file changes.
    pub token: Option<PathBuf>,
    /// Plaintext on other addresses than loopback.
    pub plaintext: bool,
}

/// Checks who calls; an interceptor of each service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Guard {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    listen: SocketAddr,
    certificate: Option<(PathBuf, PathBuf)>,
    client_ca: Option<PathBuf>,
    token: Option<TokenFile>,
}

impl Guard {
    /// Checks the options, and reads the files.
    ///
    /// # Errors
    /// Plaintext off loopback without leave; nobody is asked who he is off loopback; a file that cannot be read.
    pub fn new(options: ServerOptions) -> Result<Self, RpcError> {
        let ServerOptions { listen, certificate, client_ca, token, plaintext } = options;
        if client_ca.is_some() && certificate.is_none() {
            return Err(RpcError::ClientCaAlone);
        }
        if !listen.ip().is_loopback() {
            if certificate.is_none() && !plaintext {
                return Err(RpcError::PlaintextServer { address: listen });
            }
            if client_ca.is_none() && token.is_none() {
                return Err(RpcError::Unguarded { address: listen });
            }
        }
        let token = token.map(TokenFile::open).transpose()?;
        let guard = Self { shared: Arc::new(Shared { listen, certificate, client_ca, token }) };
        guard.server()?;
        Ok(guard)
    }

    /// Returns a server with TLS, keepalive 20 s / 10 s, limits on frames and streams.
    ///
    /// The certificate is read now; one that is replaced later is served after a restart.
    ///
    /// # Errors
    /// A certificate or key that is none.
    pub fn server(&self) -> Result<Server, RpcError> {
        let server = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .max_concurrent_streams(MAX_STREAMS)
            .max_frame_size(MAX_FRAME_BYTES)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let Some((certificate, key)) = &self.shared.certificate else { return Ok(server) };
        let mut files = vec![certificate.clone(), key.clone()];
        let mut tls = ServerTlsConfig::new()
            .timeout(CONNECT_TIMEOUT)
            .identity(file::identity(certificate, key)?);
        if let Some(ca) = &self.shared.client_ca {
            let pem = file::pem(ca, "the client CA")?;
            tls = tls.client_ca_root(Certificate::from_pem(&*pem));
            files.push(ca.clone());
        }
        // The server's TLS takes the process's cryptography, and finds it by itself only while one alone
        // is linked in.
        if CryptoProvider::get_default().is_none() {
            aws_lc_rs::default_provider().install_default().ok();
        }
        server.tls_config(tls).map_err(|source| RpcError::Tls { files, source: source.into() })
    }

    /// Binds the address.
    ///
    /// # Errors
    /// It cannot be had.
    pub async fn bind(&self) -> Result<TcpListener, RpcError> {
        let address = self.shared.listen;
        let bound = TcpListener::bind(address).await;
        bound.map_err(|source| RpcError::Bind { address, source })
    }

    /// Returns the listener's connections, for `serve_with_incoming`: small messages go out at once.
    pub fn incoming(listener: TcpListener) -> TcpIncoming {
        TcpIncoming::from(listener)
            .with_nodelay(Some(true))
            .with_keepalive(Some(KEEPALIVE_INTERVAL))
    }
}

impl tonic::service::Interceptor for Guard {
    /// Refuses with `Unauthenticated` whoever has no token where one is asked for; puts an
    /// `Identity(String)` into the request's extensions (the certificate's first URI or DNS name, else
    /// `token`, else empty).
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        if let Some(expected) = &self.shared.token {
            let given = request.metadata().get("authorization");
            let given = given.and_then(|value| value.to_str().ok()).and_then(bearer);
            let given = given.ok_or_else(|| Status::unauthenticated("a bearer token is needed"))?;
            if !expected.accepts(given) {
                return Err(Status::unauthenticated("the bearer token is not accepted"));
            }
        }
        let certificates = request.peer_certs();
        let certificate = certificates.as_ref().and_then(|chain| chain.first());
        let identity = Identity::of(certificate, self.shared.token.is_some());
        // Runs of nobody are everybody's: on loopback alone.
        if identity.as_str().is_empty() && !self.shared.listen.ip().is_loopback() {
            let text = "the client certificate names nobody: it needs a URI or DNS name";
            return Err(Status::unauthenticated(text));
        }
        request.extensions_mut().insert(identity);
        Ok(request)
    }
}

/// The token of an `authorization` header.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Returns what a coordinator that does not lead answers: `Unavailable`, with the leader's address in the
/// trailer where it is known.
pub fn not_leading(leader: Option<&str>) -> Status {
    let mut status = Status::unavailable("this coordinator does not lead");
    if let Some(value) = leader.and_then(|leader| MetadataValue::try_from(leader).ok()) {
        status.metadata_mut().insert(LEADER_TRAILER, value);
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, options: impl FnOnce(&mut ServerOptions), expected: Option<&str>) {
        let mut given = ServerOptions {
            listen: listen.parse().unwrap(),
            certificate: None,
            client_ca: None,
            token: None,
            plaintext: false,
        };
        options(&mut given);
        let found = Guard::new(given).err().map(|error| error.to_string());
        assert_eq!(found.as_deref(), expected, "{listen}");
    }

    #[tokio::test]
    async fn nobody_commands_or_overhears_a_coordinator_beyond_loopback() {
        let pki = mirror_tests::pki::Pki::new();
        let token = pki.folder().join("token");
        std::fs::write(&token, "abc").unwrap();
        let plaintext = "0.0.0.0:1 would be in plaintext, \
                         give a certificate and its key or allow plaintext";
        let unguarded = "0.0.0.0:1 could be commanded by anybody, \
                         give a client CA or a token file, or listen on loopback";
        check("127.0.0.1:1", |_| (), None);
        check("[::1]:1", |_| (), None);
        check("0.0.0.0:1", |_| (), Some(plaintext));
        check("0.0.0.0:1", |options| options.token = Some(token.clone()), Some(plaintext));
        check("0.0.0.0:1", |options| options.plaintext = true, Some(unguarded));
        check("0.0.0.0:1", |options| options.certificate = Some(pki.server()), Some(unguarded));
        let guarded = |options: &mut ServerOptions| {
            options.plaintext = true;
            options.token = Some(token.clone());
        };
        check("0.0.0.0:1", guarded, None);
        let guarded = |options: &mut ServerOptions| {
            options.certificate = Some(pki.server());
            options.client_ca = Some(pki.ca());
        };
        check("0.0.0.0:1", guarded, None);
        let alone = "client certificates need TLS, give the server a certificate and its key";
        check("127.0.0.1:1", |options| options.client_ca = Some(pki.ca()), Some(alone));
        let (certificate, key) = pki.server();
        let swapped = format!("the certificate {} holds no certificate in PEM", key.display());
        let swap = |options: &mut ServerOptions| options.certificate = Some((key, certificate));
        check("127.0.0.1:1", swap, Some(&swapped));
        let (certificate, _) = pki.server();
        let (_, key) = pki.client();
        let other = format!("TLS cannot use {}, {}", certificate.display(), key.display());
        let mismatch = |options: &mut ServerOptions| options.certificate = Some((certificate, key));
        check("127.0.0.1:1", mismatch, Some(&other));
    }

    #[test]
    fn a_token_stands_after_the_word_bearer() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer"), None);
        assert_eq!(bearer(""), None);
    }
}
