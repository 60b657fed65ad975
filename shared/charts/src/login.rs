//! Who was shown to a chart repository, and what to do where that was not enough.

use std::fmt;

use crate::NoEntry;

/// What let us in, or should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// The user of an entry.
    Used {
        /// The entry.
        name: String,
    },
    /// An entry without a user or without a password.
    NoUser {
        /// The entry.
        name: String,
    },
    /// An entry whose user is for its own origin.
    Elsewhere {
        /// The entry.
        name: String,
        /// Its repository.
        repository: String,
    },
    /// Nobody: there is no entry.
    Nobody(NoEntry),
}

impl fmt::Display for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Used { name } => write!(
                formatter,
                "the user of repository `{}` was shown; helm repo update says whether it is still good",
                name.escape_default()
            ),
            Self::NoUser { name } => write!(
                formatter,
                "repository `{}` has no username with a password; helm repo add --force-update adds them",
                name.escape_default()
            ),
            Self::Elsewhere { name, repository } => write!(
                formatter,
                "the user of repository `{}` is for {repository} alone; helm repo add \
                 --pass-credentials shows it elsewhere",
                name.escape_default()
            ),
            Self::Nobody(none) => {
                let remedy = match none {
                    NoEntry::Unknown { .. } => "; helm repo add adds it",
                    NoEntry::NoFile { .. } => " to find a user in; helm repo add makes it",
                    NoEntry::NoPath => ": HELM_REPOSITORY_CONFIG and HOME are not set",
                };
                write!(formatter, "{none}{remedy}")
            }
        }
    }
}
