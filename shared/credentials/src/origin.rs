//! Which source a credential came from: what a user needs to know, and no part of it is secret.

use std::fmt;
use std::path::PathBuf;

use crate::{Cloud, Credential, TokenProvider};

/// A credential and where it came from.
#[derive(Clone, Debug)]
pub struct Found {
    /// The credential.
    pub credential: Credential,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a credential came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: nobody knows the host.
    Nobody,
    /// The config's `value`.
    Value,
    /// A file that the config names.
    File {
        /// The path as the config has it.
        path: String,
    },
    /// Signed with the config's JWK.
    Signed,
    /// A provider of tokens.
    Issued {
        /// The provider.
        provider: TokenProvider,
        /// Which of its sources, where it has several: `managed identity`.
        by: Option<String>,
    },
    /// A cloud's own login.
    Cloud {
        /// The cloud.
        cloud: Cloud,
        /// Which of its sources said who we are.
        by: Option<String>,
    },
    /// A Docker config or `auth.json`.
    Login {
        /// The file.
        path: PathBuf,
    },
    /// A credential helper.
    Helper {
        /// Its name, without `docker-credential-`.
        name: String,
        /// The file that names it.
        path: PathBuf,
    },
}

impl Found {
    /// Nothing was found.
    pub(crate) fn nothing() -> Self {
        Self { credential: Credential::Anonymous, origin: Origin::Nobody }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => formatter.write_str("none, anonymous"),
            Self::Value => formatter.write_str("the config's value"),
            Self::File { path } => write!(formatter, "the config's file {path}"),
            Self::Signed => formatter.write_str("the config's JWK"),
            Self::Issued { provider, by } => provided(formatter, provider, by.as_deref()),
            Self::Cloud { cloud, by } => provided(formatter, cloud, by.as_deref()),
            Self::Login { path } => path.display().fmt(formatter),
            Self::Helper { name, path } => {
                write!(formatter, "docker-credential-{name}, named in {}", path.display())
            }
        }
    }
}

fn provided(
    formatter: &mut fmt::Formatter<'_>,
    provider: &dyn fmt::Display,
    by: Option<&str>,
) -> fmt::Result {
    write!(formatter, "the provider {provider}")?;
    match by {
        Some(by) => write!(formatter, ", by {by}"),
        None => Ok(()),
    }
}
