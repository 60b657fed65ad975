//! What of Helm's file held for a TLS session that did not come about, and what would have.

use std::fmt;

use crate::{Entry, NoEntry};

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
    /// Nothing: there is no entry.
    None(NoEntry),
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
            Self::None(none) => {
                let remedy = match none {
                    NoEntry::Unknown { .. } => "helm repo add --ca-file adds it",
                    NoEntry::NoFile { .. } => "helm repo add --ca-file makes it",
                    NoEntry::NoPath => "HELM_REPOSITORY_CONFIG and HOME are not set",
                };
                write!(formatter, "{none} ({remedy})")
            }
        }
    }
}
