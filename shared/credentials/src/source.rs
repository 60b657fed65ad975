//! Where a host's credential comes from, as a config says it: values, and nothing that asks anybody.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::{Cloud, ConfinedError, ConfinedFile, Envelope, Secret};

/// How the config's `hosts` authenticate at a host.
#[derive(Clone, Debug)]
pub enum HostLogin {
    /// By a password or token.
    Credential(HostCredential),
    /// By a cloud's own login.
    Cloud(Cloud),
}

/// The password or token that the config's `hosts` give a host.
#[derive(Clone, Debug)]
pub struct HostCredential {
    /// The user whose password it is; a token that is sent as it is where there is none.
    pub username: Option<String>,
    /// Where it comes from.
    pub source: TokenSource,
    /// What is sent in its place, made of it (v1beta2).
    pub envelope: Option<Envelope>,
}

/// Where a password or token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// It is given as it is.
    Given(CredentialSource),
    /// It is signed with a JWK.
    Signed(SignedToken),
    /// A provider of identities issues it.
    Issued {
        /// The provider.
        provider: TokenProvider,
        /// Whom it is for; by default the host.
        audiences: Vec<String>,
    },
}

/// A token that we sign.
#[derive(Clone, Debug)]
pub struct SignedToken {
    /// The private JWK.
    pub key: CredentialSource,
    /// The claim `iss`.
    pub issuer: String,
    /// The claim `sub`.
    pub subject: String,
    /// The claim `aud`; by default the host.
    pub audiences: Vec<String>,
    /// How long a token lives; without it 60 s, and each request has its own.
    pub lifetime: Option<Duration>,
}

/// A secret of the config, or a file of it.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// The config itself, taken as it is.
    Value(Secret),
    /// A file, read anew at each question.
    File(ConfinedFile),
}

/// A provider of identity tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenProvider {
    /// GitHub Actions.
    GitHub,
    /// Forgejo Actions.
    Forgejo,
    /// Google Cloud.
    Gcp,
    /// Microsoft Entra.
    Azure,
    /// AWS: a signed question to its STS.
    Aws,
    /// The SPIFFE Workload API: `jwt-svid`, in v1beta2 `spiffe`.
    Spiffe,
}

impl TokenProvider {
    /// Returns the feature that it needs and that this program was built without.
    pub fn missing_feature(self) -> Option<&'static str> {
        let (feature, is_there) = match self {
            Self::GitHub | Self::Forgejo => return None,
            Self::Gcp => ("gcp", cfg!(feature = "gcp")),
            Self::Azure => ("azure", cfg!(feature = "azure")),
            Self::Aws => ("aws", cfg!(feature = "aws")),
            Self::Spiffe => ("spiffe", cfg!(feature = "spiffe")),
        };
        (!is_there).then_some(feature)
    }
}

impl CredentialSource {
    /// Returns what the source holds now, at most `limit_bytes` of a file. Blocks.
    ///
    /// # Errors
    ///
    /// As of [`ConfinedFile::read`].
    pub fn bytes(&self, limit_bytes: usize) -> Result<Zeroizing<Vec<u8>>, ConfinedError> {
        match self {
            Self::Value(secret) => Ok(Zeroizing::new(secret.expose().as_bytes().to_vec())),
            Self::File(file) => file.read(limit_bytes),
        }
    }
}

/// Says where it is, and nothing of what is there.
impl fmt::Display for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => formatter.write_str("the config's value"),
            Self::File(file) => write!(formatter, "file `{}`", file.path()),
        }
    }
}

impl TokenProvider {
    /// Every provider there is.
    pub const ALL: [Self; 6] =
        [Self::GitHub, Self::Forgejo, Self::Gcp, Self::Azure, Self::Aws, Self::Spiffe];

    /// Returns the provider as v1beta1 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::Forgejo => "forgejo",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
            Self::Aws => "aws",
            Self::Spiffe => "jwt-svid",
        }
    }
}

impl fmt::Display for TokenProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
