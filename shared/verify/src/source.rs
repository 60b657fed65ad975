//! Where the trusted root comes from, and why there is none.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the trusted root comes from.
#[derive(Clone, Debug)]
pub enum TrustSource {
    /// A file: the root of a private instance.
    File(PathBuf),
    /// The public-good instance's, by TUF.
    PublicGood {
        /// This program's folder for caches, in which `sigstore` is made; without one that can be
        /// written, what was read is kept in memory.
        cache: Option<PathBuf>,
    },
}

/// Why there is no trusted root. Cheap to clone: all who wait for a root get the same error.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("cannot read the trusted root {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The file is longer than any trusted root.
    #[error("the trusted root {} is longer than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound, in bytes.
        limit: u64,
    },
    /// It is no trusted root.
    #[error("cannot understand the trusted root: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// It is one, and cannot be used.
    #[error("the trusted root cannot be used: {reason}")]
    Root {
        /// Why not.
        reason: String,
    },
    /// What is in the file cannot be used.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Arc<TrustError>,
    },
    /// The repository of trusted roots answered, and what it answered is not to be trusted: refused,
    /// expired, older than what was seen before, or not signed.
    #[error("cannot update the trusted root from {url}")]
    Update {
        /// The repository.
        url: String,
        /// What is wrong.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// This program cannot judge signatures.
    #[error("this program was built without the feature sigstore")]
    Absent,
}
