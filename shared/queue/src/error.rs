//! What may go wrong with NATS: a variant per way to act.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::call::codes;

/// Why NATS did not do it.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The list of servers cannot be used.
    #[error("cannot use the NATS server `{server}`: {reason}")]
    Server {
        /// The server, without user and password.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of credentials or certificates cannot be used.
    #[error("cannot use {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server knows no such identity, or asks for one.
    #[error("NATS at {servers} does not accept our identity")]
    Identity {
        /// The servers.
        servers: String,
        /// What was said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Nobody could be connected to in time.
    #[error("cannot connect to NATS at {servers} in {patience:?}")]
    Connect {
        /// The servers.
        servers: String,
        /// How long it was tried.
        patience: Duration,
        /// The last reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server is too old.
    #[error("NATS {found} is too old: {needed} or newer is needed{}", if *clustered { " in a cluster" } else { "" })]
    Version {
        /// What it says of itself.
        found: String,
        /// What is needed.
        needed: &'static str,
        /// Whether it is one of a cluster.
        clustered: bool,
    },
    /// The server runs without `JetStream`.
    #[error("NATS at {servers} runs without JetStream")]
    NoJetStream {
        /// The servers.
        servers: String,
    },
    /// A permission is missing.
    #[error("no permission to {right} `{subject}`")]
    Denied {
        /// What may not be done.
        right: Right,
        /// The subject.
        subject: String,
    },
    /// A stream or consumer is there, and is not kept as it should be. Nothing was changed.
    #[error("{asset} has {field} = {found}, but {expected} is expected")]
    Differs {
        /// The stream or consumer.
        asset: String,
        /// The field.
        field: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// There is no such stream or consumer.
    #[error("there is no {asset}")]
    Absent {
        /// The stream or consumer.
        asset: String,
    },
    /// There is no room: it was not stored.
    #[error("{asset} has no room: {reason}")]
    Full {
        /// The stream.
        asset: String,
        /// What NATS says.
        reason: String,
    },
    /// The message is longer than the server takes.
    #[error("{size_bytes} bytes are more than the {most_bytes} that NATS takes")]
    TooLarge {
        /// The message.
        size_bytes: usize,
        /// The server's limit.
        most_bytes: usize,
    },
    /// The connection is down, or broke while the answer was awaited.
    #[error("the connection to NATS is down")]
    Disconnected,
    /// No answer came in time: it may have been done or not.
    #[error("NATS did not answer `{subject}` in {patience:?}")]
    Silent {
        /// What was asked.
        subject: String,
        /// How long was waited.
        patience: Duration,
    },
    /// Nobody listens: JetStream is not up yet, or not for this account.
    #[error("nobody answers `{subject}`: is JetStream up, and enabled for this account?")]
    Unavailable {
        /// What was asked.
        subject: String,
    },
    /// A pull was ended by the server; the next may fare better.
    #[error("the pull of {asset} was ended: {status} {reason}")]
    Ended {
        /// The stream.
        asset: String,
        /// NATS's code.
        status: u16,
        /// What NATS says.
        reason: String,
    },
    /// The server said no.
    #[error("NATS refuses `{subject}`: {reason} ({code})")]
    Refused {
        /// What was asked.
        subject: String,
        /// NATS's code of the error.
        code: u64,
        /// What NATS says.
        reason: String,
    },
    /// What is stored or was answered cannot be understood.
    #[error("{asset} holds something else at {sequence}: {reason}")]
    Corrupt {
        /// The stream.
        asset: String,
        /// The message's sequence.
        sequence: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An answer cannot be understood.
    #[error("NATS's answer to `{subject}` cannot be understood")]
    Answer {
        /// What was asked.
        subject: String,
        /// Where it stopped to make sense.
        source: serde_json::Error,
    },
    /// The client could not send.
    #[error("cannot send `{subject}`")]
    Client {
        /// What was to be sent.
        subject: String,
        /// What the client says.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What a permission is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To publish to a subject.
    Publish,
    /// To subscribe to a subject: where answers come, the inbox.
    Subscribe,
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Publish => "publish to",
            Self::Subscribe => "subscribe to",
        })
    }
}

impl QueueError {
    /// Returns whether the same may go well later, with nobody changing a configuration.
    pub fn retry(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Absent { .. }
            | Self::Full { .. }
            | Self::Disconnected
            | Self::Silent { .. }
            | Self::Unavailable { .. }
            | Self::Ended { .. }
            | Self::Client { .. } => true,
            Self::Refused { code, .. } => !codes::FINAL.contains(code),
            Self::Server { .. }
            | Self::File { .. }
            | Self::Identity { .. }
            | Self::Version { .. }
            | Self::NoJetStream { .. }
            | Self::Denied { .. }
            | Self::Differs { .. }
            | Self::TooLarge { .. }
            | Self::Corrupt { .. }
            | Self::Answer { .. } => false,
        }
    }
}
