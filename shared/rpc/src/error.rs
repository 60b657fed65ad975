//! Why a coordinator could not be reached or served, and what to do about it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a coordinator could not be reached or served.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// No address was given, or far too many.
    #[error("{count} coordinators are given, name one at least and {most} at most")]
    Count {
        /// How many.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// Not the URL of a coordinator.
    #[error("{url} is no coordinator's URL: {reason}")]
    Address {
        /// What was given, without a password.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What is said would be seen on the way.
    #[error("{url} is in plaintext and on another machine, use https or allow plaintext")]
    Plaintext {
        /// The address.
        url: String,
    },
    /// A coordinator reached by TLS named a leader without.
    #[error(
        "the leader {url} is in plaintext, while all coordinators given have TLS: let it advertise https"
    )]
    Downgrade {
        /// The address.
        url: String,
    },
    /// A file cannot be read.
    #[error("cannot read {what} {}", path.display())]
    File {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file without what it is for.
    #[error("{what} {} holds no certificate in PEM", path.display())]
    NoCertificate {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A key's file without one.
    #[error("the certificate's key {} holds no private key in PEM", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A token file without a token.
    #[error("{} {reason}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A certificate, key or authority that TLS cannot use.
    #[error("TLS cannot use {}", Files(files))]
    Tls {
        /// The files it was given.
        files: Vec<PathBuf>,
        /// What it objected to.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody answered at any address.
    #[error("no coordinator can be reached at {}", Urls(&attempts.0))]
    Unreachable {
        /// What came of each.
        #[source]
        attempts: Attempts,
    },
    /// A coordinator that will not speak to us, however often it is asked.
    #[error("{url} refuses us: {reason}")]
    Refused {
        /// The address.
        url: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A coordinator would speak in plaintext to other machines.
    #[error("{address} would be in plaintext, give a certificate and its key or allow plaintext")]
    PlaintextServer {
        /// The address.
        address: SocketAddr,
    },
    /// A coordinator would obey anybody.
    #[error(
        "{address} could be commanded by anybody, give a client CA or a token file, or listen on loopback"
    )]
    Unguarded {
        /// The address.
        address: SocketAddr,
    },
    /// Client certificates without TLS.
    #[error("client certificates need TLS, give the server a certificate and its key")]
    ClientCaAlone,
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl RpcError {
    /// Returns whether trying again could help, with nothing changed but time.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { attempts } => attempts.0.iter().any(|attempt| attempt.temporary),
            // A token or certificate that is just being replaced.
            Self::File { .. }
            | Self::Token { .. }
            | Self::NoCertificate { .. }
            | Self::NoKey { .. } => true,
            Self::Count { .. }
            | Self::Address { .. }
            | Self::Plaintext { .. }
            | Self::Downgrade { .. }
            | Self::Tls { .. }
            | Self::Refused { .. }
            | Self::PlaintextServer { .. }
            | Self::Unguarded { .. }
            | Self::ClientCaAlone
            | Self::Bind { .. } => false,
        }
    }
}

/// What came of trying one address.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The address.
    pub url: String,
    /// Why there is no connection, and what to do where that is known.
    pub reason: String,
    /// Whether trying again could help.
    pub temporary: bool,
}

/// What came of trying each address; the cause of [`RpcError::Unreachable`].
#[derive(Clone, Debug)]
pub struct Attempts(pub Vec<Attempt>);

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attempt) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "; " };
            write!(f, "{comma}{}: {}", attempt.url, attempt.reason)?;
        }
        Ok(())
    }
}

impl std::error::Error for Attempts {}

struct Urls<'a>(&'a [Attempt]);

impl fmt::Display for Urls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attempt) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", attempt.url)?;
        }
        Ok(())
    }
}

struct Files<'a>(&'a [PathBuf]);

impl fmt::Display for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("the system's certificates")?;
        }
        for (index, file) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", file.display())?;
        }
        Ok(())
    }
}
