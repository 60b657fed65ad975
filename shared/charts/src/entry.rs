//! Entries of Helm's file, and why there may be none.

use std::fmt;
use std::path::PathBuf;

/// An entry of Helm's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The file.
    pub file: PathBuf,
}

/// Why no entry says anything of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoEntry {
    /// None has its URL.
    Unknown {
        /// The file.
        file: PathBuf,
        /// The URL, as it may be shown.
        repository: String,
    },
    /// There is no file.
    NoFile {
        /// Where it would be.
        file: PathBuf,
    },
    /// Nothing says where the file would be.
    NoPath,
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "repository `{}` in {}", self.name.escape_default(), self.file.display())
    }
}

impl fmt::Display for NoEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { file, repository } => {
                write!(formatter, "no repository of {} has the URL {repository}", file.display())
            }
            Self::NoFile { file } => write!(formatter, "there is no {}", file.display()),
            Self::NoPath => formatter.write_str("nothing says where Helm's repositories.yaml is"),
        }
    }
}
