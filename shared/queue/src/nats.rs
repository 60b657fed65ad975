//! The connection.

use std::path::PathBuf;

use crate::QueueError;

/// How NATS is reached.
#[derive(Clone, Debug, Default)]
pub struct NatsOptions {
    /// URLs, several of one cluster separated by commas.
    pub servers: String,
    /// A credentials file, read again at each connection.
    pub creds: Option<PathBuf>,
    /// A file with an nkey's seed, read again at each connection.
    pub nkey: Option<PathBuf>,
    /// CA certificates in place of the system's.
    pub ca: Option<PathBuf>,
    /// A client certificate, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Subjects of replies begin with this; permissions may ask for it.
    pub inbox_prefix: Option<String>,
    /// What the connection is called in NATS's own listings.
    pub name: String,
}

/// A connection that is kept up; cheap to clone.
#[derive(Clone, Debug)]
pub struct Nats;

impl Nats {
    /// Connects, or says why not.
    ///
    /// # Errors
    /// TODO by variant
    pub async fn connect(_options: NatsOptions) -> Result<Self, QueueError> {
        std::future::ready(()).await;
        todo!()
    }

    /// Returns whether the connection is up.
    pub fn is_up(&self) -> bool {
        todo!()
    }
}
