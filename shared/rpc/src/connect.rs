//! TCP to one coordinator, TLS where its address asks for it, and HTTP/2 over it.

use std::error::Error;
use std::sync::Arc;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use tonic::body::Body;
use tonic::transport::Endpoint;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt as _, service_fn};

use crate::RpcError;
use crate::address::Address;
use crate::cause::{self, Objection};
use crate::limits::{
    CONNECT_TIMEOUT, CONNECTION_WINDOW, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, MAX_FRAME_BYTES,
    MAX_HEADER_BYTES, STREAM_WINDOW,
};
use crate::trust::{HTTP_2, Trust};
use crate::wire::{LastWord, Wire};

/// What tonic takes for the address. To it `https` means TLS of its own, so it hears of a coordinator's
/// as the origin of what is asked, and has it dialled by us.
const DIALLED_BY_US: &str = "http://coordinator";

const NOT_DIALLED: &str = "it cannot be dialled";

type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

type BoxError = Box<dyn Error + Send + Sync>;

/// A connection that calls are made over.
pub type Connection =
    BoxCloneSyncService<http::Request<Body>, http::Response<Body>, ConnectionError>;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The other side does not speak to us, and said why.
    #[error("nothing can be said over the connection")]
    Refused(#[source] Objection),
    /// The connection broke, for whatever reason.
    #[error("the connection broke")]
    Broken(#[source] tonic::transport::Error),
}

/// How one coordinator is connected to.
#[derive(Clone)]
pub(crate) struct Connector {
    /// The address, whatever HTTP/2 is told.
    target: Uri,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Connector {
    /// Reads the files that `address` needs; dials nothing.
    ///
    /// # Errors
    /// A file that cannot be read or used, an address that cannot be dialled.
    pub(crate) fn new(address: &Address, trust: &Trust) -> Result<Self, RpcError> {
        let refused = |reason| RpcError::Address { url: address.url.clone(), reason };
        let target: Uri = address.url.parse().map_err(|_no_uri| refused(NOT_DIALLED))?;
        let tls = if address.secure {
            let host = target.host().unwrap_or_default();
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(host).map_err(|_no_name| refused(NOT_DIALLED))?;
            Some((TlsConnector::from(Arc::new(trust.read()?)), name))
        } else {
            None
        };
        Ok(Self { target, tls })
    }

    /// Connects, or says why not and whether trying again could help.
    pub(crate) async fn connect(self) -> Result<Connection, (String, bool)> {
        let last_word = LastWord::default();
        let heard = last_word.clone();
        let endpoint = Endpoint::from_static(DIALLED_BY_US)
            .origin(self.target.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME_BYTES)
            .http2_max_header_list_size(MAX_HEADER_BYTES);
        let dial = service_fn(move |_: Uri| self.clone().dial(last_word.clone()));
        let connected = timeout(CONNECT_TIMEOUT, endpoint.connect_with_connector(dial));
        let channel = match connected.await {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => {
                return Err(match cause::objection(&error) {
                    Some(objection) => (objection.to_string(), false),
                    None => (cause::root(&error), true),
                });
            }
            Err(_elapsed) => {
                return Err((format!("no connection within {CONNECT_TIMEOUT:?}"), true));
            }
        };
        let explained = channel.map_err(move |error| match heard.objection() {
            Some(objection) => ConnectionError::Refused(objection),
            None => ConnectionError::Broken(error),
        });
        Ok(BoxCloneSyncService::new(explained))
    }

    /// Dials, again where a connection is gone; why nobody speaks to us is in `last_word`.
    async fn dial(self, last_word: LastWord) -> Result<TokioIo<Wire<Stream>>, BoxError> {
        let secure = self.tls.is_some();
        match self.reach().await {
            Ok(stream) => Ok(TokioIo::new(Wire::new(stream, secure, last_word))),
            Err(error) => {
                last_word.set(cause::objection(&*error));
                Err(error)
            }
        }
    }

    async fn reach(self) -> Result<Stream, BoxError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared by the addresses of a name: one that swallows packets leaves time for the next.
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let stream = tcp.oneshot(self.target).await?.into_inner();
        let Some((tls, name)) = self.tls else { return Ok(Either::Left(stream)) };
        let stream = tls.connect(name, stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(HTTP_2) {
            return Err(Objection::NO_HTTP_2.into());
        }
        Ok(Either::Right(Box::new(stream)))
    }
}
