//! What of Helm's file held for a TLS session that did not come about, and what would have.

use std::fmt;
use std::path::PathBuf;

/// What of Helm's file held for a TLS session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heeded {
    /// Fields of an entry.
    Entry {
        /// The entry.
        entry: Entry,
        /// The fields.
        fields: Vec<&'static str>,
    },
    /// Nothing: the entry has no such field.
    NoField {
        /// The entry.
        entry: Entry,
    },
    /// Nothing: what the entry has is for its own origin.
    Elsewhere {
        /// The entry.
        entry: Entry,
        /// What it has.
        fields: Vec<&'static str>,
        /// Its repository.
        repository: String,
        /// Whether `pass_credentials_all` would let it hold elsewhere.
        may_pass: bool,
    },
    /// Nothing: who sent us on says nothing of where that is.
    Redirected,
    /// Nothing: no entry has the URL.
    Unknown {
        /// The file.
        path: PathBuf,
        /// The URL.
        repository: String,
    },
    /// Nothing: there is no file.
    NoFile {
        /// Where it would be.
        path: PathBuf,
    },
    /// Nothing: nothing says where the file would be.
    NoPath,
}

/// An entry of Helm's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The file.
    pub file: PathBuf,
}

impl fmt::Display for Heeded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Entry { entry, fields } = self {
            return write!(formatter, "by {} of {entry}", fields.join(" and "));
        }
        formatter.write_str("by the system's authorities alone, since ")?;
        match self {
            Self::Entry { .. } => Ok(()),
            Self::NoField { entry } => write!(formatter, "{entry} has no caFile and no certFile"),
            Self::Elsewhere { entry, fields, repository, may_pass } => {
                let unless = if *may_pass { ", without pass_credentials_all" } else { "" };
                let fields = fields.join(" and ");
                write!(formatter, "{fields} of {entry} is for {repository} alone{unless}")
            }
            Self::Redirected => formatter.write_str("a redirect leads elsewhere"),
            Self::Unknown { path, repository } => write!(
                formatter,
                "no repository of {} has the URL {repository} (helm repo add --ca-file adds it)",
                path.display()
            ),
            Self::NoFile { path } => write!(
                formatter,
                "there is no {} (helm repo add --ca-file makes it)",
                path.display()
            ),
            Self::NoPath => formatter.write_str(
                "nothing says where Helm's repositories.yaml is (HELM_REPOSITORY_CONFIG and HOME are not set)",
            ),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "repository `{}` in {}", self.name.escape_default(), self.file.display())
    }
}
