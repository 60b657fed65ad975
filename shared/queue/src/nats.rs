//! The connection.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_nats::Client;
use async_nats::connection::State;

use crate::link::Link;
use crate::{QueueError, connect};

/// How NATS is reached.
#[derive(Clone, Debug, Default)]
pub struct NatsOptions {
    /// URLs, several of one cluster separated by commas: `tls://HOST[:PORT]` asks for TLS, `nats://` for
    /// plaintext, unless the server, a CA or a certificate asks for TLS; a host alone means TLS, except
    /// on loopback. Where one of them wants TLS, all do. Users and passwords have no place here.
    pub servers: String,
    /// A credentials file, read again at each connection.
    pub creds: Option<PathBuf>,
    /// A file with an nkey's seed, read again at each connection.
    pub nkey: Option<PathBuf>,
    /// CA certificates in place of the system's.
    pub ca: Option<PathBuf>,
    /// A client certificate, and its key, read again at each connection.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Subjects of replies begin with this; permissions may ask for it.
    pub inbox_prefix: Option<String>,
    /// What the connection is called in NATS's own listings.
    pub name: String,
}

/// A connection that is kept up; cheap to clone.
#[derive(Clone)]
pub struct Nats {
    pub(crate) client: Client,
    pub(crate) link: Arc<Link>,
}

impl Nats {
    /// Connects, or says why not: tries for 30 s, then gives up. Once connected, it connects again for
    /// ever, with jittered waits, whenever the connection is lost.
    ///
    /// # Errors
    /// [`QueueError::Server`] and [`QueueError::File`] for options that cannot be used,
    /// [`QueueError::Identity`] where the server refuses who we are, [`QueueError::Connect`] where nobody
    /// was reached, [`QueueError::Version`] where the server is older than 2.9.10, or 2.12 in a cluster,
    /// [`QueueError::NoJetStream`].
    pub async fn connect(options: NatsOptions) -> Result<Self, QueueError> {
        connect::connect(options).await
    }

    /// Returns whether the connection is up.
    pub fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Nats").field("up", &self.is_up()).finish_non_exhaustive()
    }
}
