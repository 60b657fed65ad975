//! Finding the coordinator that leads.

use std::path::PathBuf;

use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::RpcError;

/// The trailer in which a coordinator that does not lead names the one that does.
pub const LEADER_TRAILER: &str = "fm-leader";

/// How coordinators are reached.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// URLs, `http://` or `https://`.
    pub coordinators: Vec<String>,
    /// CA certificates in place of the system's.
    pub ca: Option<PathBuf>,
    /// A client certificate, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// A file with a bearer token, read again at each connection.
    pub token: Option<PathBuf>,
    /// Plaintext may go to other hosts than loopback.
    pub plaintext: bool,
}

/// Dials coordinators in turn, and follows the leader; cheap to clone.
#[derive(Clone, Debug)]
pub struct Dialer;

/// Puts the bearer token on each request.
#[derive(Clone, Debug)]
pub struct Bearer;

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        Ok(request)
    }
}

impl Dialer {
    /// Checks the options; dials nothing.
    ///
    /// # Errors
    /// An URL that is none, plaintext to another host without leave, a file that cannot be read.
    pub fn new(_options: ClientOptions) -> Result<Self, RpcError> {
        todo!()
    }

    /// Returns a channel to whoever is thought to lead; keepalive 20 s / 10 s. Connects.
    ///
    /// # Errors
    /// Nobody answered there; the next call goes to the next address.
    pub async fn channel(&self) -> Result<InterceptedService<Channel, Bearer>, RpcError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Learns from an answer that the coordinator does not lead, or is gone: the next call goes to the
    /// leader that it named, else to the next address. Returns whether trying again may help
    /// (`Unavailable`, a broken connection), which is not so for a refusal.
    pub fn learn(&self, _status: &Status) -> bool {
        todo!()
    }

    /// Where the next call goes, for messages.
    pub fn target(&self) -> String {
        todo!()
    }
}
