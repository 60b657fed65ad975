//! Why a registry did not do what was asked.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use mirror_credentials::CredentialError;
use mirror_oci::{InvalidManifest, Mismatch};
use mirror_transport::{Retry, TransportError};

/// An error code of the distribution specification, or whatever a registry says instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(pub(crate) String);

impl Code {
    /// Returns the code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No answer, or none that could be read.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// No credential could be had.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The token server gave no token.
    #[error("no token for {host} from {realm}")]
    Token {
        /// The registry.
        host: String,
        /// The token server: scheme and host.
        realm: String,
        /// What it said.
        #[source]
        source: Box<RegistryError>,
    },
    /// A realm that must not have our credentials (threat S1).
    #[error("refused to ask {realm} for a token to {host}: {reason}")]
    Realm {
        /// The registry.
        host: String,
        /// The token server as the registry wrote it, without user and query.
        realm: String,
        /// Why not.
        reason: &'static str,
    },
    /// Credentials are wanted and there are none, or they are not good.
    #[error("{host} refuses access to {subject}{}", .answer.suffix())]
    Unauthorized {
        /// The registry.
        host: String,
        /// What was asked for.
        subject: String,
        /// What it said.
        answer: Answer,
    },
    /// The credentials do not allow it.
    #[error("{host} denies access to {subject}{}", .answer.suffix())]
    Denied {
        /// The registry.
        host: String,
        /// What was asked for.
        subject: String,
        /// What it said.
        answer: Answer,
    },
    /// It is not there.
    #[error("{subject} not found on {host}{}", .answer.suffix())]
    NotFound {
        /// The registry.
        host: String,
        /// What was asked for.
        subject: String,
        /// What it said.
        answer: Answer,
    },
    /// A manifest was not taken because the registry lacks what it refers to.
    #[error("{host} lacks what {subject} refers to{}", .answer.suffix())]
    Incomplete {
        /// The registry.
        host: String,
        /// The manifest.
        subject: String,
        /// What it said.
        answer: Answer,
    },
    /// Any other answer that is no success.
    #[error("{host} answered {} for {subject}{}", .answer.status, .answer.suffix())]
    Status {
        /// The registry.
        host: String,
        /// What was asked for.
        subject: String,
        /// What it said.
        answer: Answer,
    },
    /// An answer that the specification does not allow.
    #[error("{host} does not keep to the distribution specification for {subject}: {reason}")]
    Protocol {
        /// The registry.
        host: String,
        /// What was asked for.
        subject: String,
        /// What is wrong.
        reason: String,
    },
    /// More of something than anybody has.
    #[error("{subject} on {host} has more than {most} {what}")]
    TooMany {
        /// The registry.
        host: String,
        /// What was asked for.
        subject: String,
        /// Of what.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// A manifest that cannot be used.
    #[error(transparent)]
    Manifest(#[from] InvalidManifest),
    /// A fallback tag that holds no list of referrers.
    #[error("fallback tag {subject} on {host}")]
    FallbackTag {
        /// The registry.
        host: String,
        /// The tag, with its repository.
        subject: String,
        /// What is wrong with it.
        source: InvalidManifest,
    },
    /// Content that is not what was asked for.
    #[error("{host} sent wrong content")]
    Corrupt {
        /// The registry.
        host: String,
        /// What is wrong with it.
        source: Mismatch,
    },
}

/// What a registry said with a status that is no success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The first error's code, where the body has one.
    pub code: Option<Code>,
    /// The first error's message, or the start of a body that is no error list.
    pub message: String,
    /// When to come again.
    pub retry_after: Option<Duration>,
}

impl Answer {
    fn suffix(&self) -> AnswerSuffix<'_> {
        AnswerSuffix(self)
    }
}

/// `: CODE: message`, as far as there is any.
struct AnswerSuffix<'a>(&'a Answer);

impl fmt::Display for AnswerSuffix<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Code(code)) = &self.0.code {
            write!(formatter, ": {code}")?;
        }
        if !self.0.message.is_empty() {
            write!(formatter, ": {}", self.0.message)?;
        }
        Ok(())
    }
}

impl RegistryError {
    /// Returns whether trying again could help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Transport(error) => error.retry(),
            Self::Credential(error) if error.may_pass() => Retry::Backoff,
            Self::Token { source, .. } => source.retry(),
            Self::Status { answer, .. } => match (answer.status, answer.retry_after) {
                (429 | 503, Some(wait)) => Retry::After(wait),
                (408 | 425 | 429 | 500..=599, _) => Retry::Backoff,
                _ if self.is_passing_code() => Retry::Backoff,
                _ => Retry::Never,
            },
            Self::NotFound { .. } if self.is_passing_code() => Retry::Backoff,
            Self::Incomplete { .. } | Self::Corrupt { .. } | Self::Protocol { .. } => {
                Retry::Backoff
            }
            Self::Credential(_)
            | Self::Realm { .. }
            | Self::Unauthorized { .. }
            | Self::Denied { .. }
            | Self::NotFound { .. }
            | Self::TooMany { .. }
            | Self::Manifest(_)
            | Self::FallbackTag { .. } => Retry::Never,
        }
    }

    /// Returns whether whoever is known to give tokens gives none at all, to anybody, or cannot be asked.
    pub(crate) fn is_no_realm(&self) -> bool {
        let Self::Token { source, .. } = self else { return matches!(self, Self::Realm { .. }) };
        if let Self::Transport(error) = &**source {
            return matches!(error.retry(), Retry::Never);
        }
        matches!(**source, Self::NotFound { .. } | Self::Protocol { .. })
    }

    /// Returns whether nobody was found who gives tokens, for now at least.
    pub(crate) fn is_dead_realm(&self) -> bool {
        let Self::Token { source, .. } = self else { return false };
        let Self::Transport(error) = &**source else { return false };
        matches!(
            error,
            TransportError::Dns { .. }
                | TransportError::Connect { .. }
                | TransportError::Tls { .. }
        )
    }

    /// Returns whether the registry has forgotten an upload.
    pub(crate) fn is_lost_upload(&self) -> bool {
        self.is_code(&["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"])
    }

    /// A lost upload begins again; Quay says `MANIFEST_INVALID` of blobs that it shows a moment later.
    fn is_passing_code(&self) -> bool {
        self.is_lost_upload() || self.is_code(&["MANIFEST_INVALID"])
    }

    /// Returns whether a manifest was refused because the registry lacks what it refers to.
    pub fn is_missing_content(&self) -> bool {
        matches!(self, Self::Incomplete { .. })
    }

    /// Takes a refusal as that of a manifest that was put: the same codes say of anything else that it
    /// is not there itself.
    pub(crate) fn of_put(self) -> Self {
        let codes =
            ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "MANIFEST_UNVERIFIED"];
        if !self.is_code(&codes) {
            return self;
        }
        let (Self::NotFound { host, subject, answer } | Self::Status { host, subject, answer }) =
            self
        else {
            return self;
        };
        Self::Incomplete { host, subject, answer }
    }

    /// Returns whether a tag was refused because it is immutable: ECR's `TAG_INVALID` and
    /// `ImageTagAlreadyExistsException`, Harbor's 412, `DENIED` of others.
    pub fn is_immutable_tag(&self) -> bool {
        match self {
            Self::Status { answer, .. } => {
                matches!(answer.status, 409 | 412) || self.is_code(&["TAG_INVALID"])
            }
            Self::Denied { .. } => self.is_code(&["DENIED"]),
            Self::Transport(_)
            | Self::Credential(_)
            | Self::Token { .. }
            | Self::Realm { .. }
            | Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::Incomplete { .. }
            | Self::Protocol { .. }
            | Self::TooMany { .. }
            | Self::Manifest(_)
            | Self::FallbackTag { .. }
            | Self::Corrupt { .. } => false,
        }
    }

    /// Returns whether the repository itself is not there.
    pub fn is_repository_unknown(&self) -> bool {
        matches!(self, Self::NotFound { .. }) && self.is_code(&["NAME_UNKNOWN"])
    }

    /// Returns whether the repository is there, and what was asked for is not in it.
    pub(crate) fn is_manifest_unknown(&self) -> bool {
        matches!(self, Self::NotFound { .. }) && self.is_code(&["MANIFEST_UNKNOWN"])
    }

    /// Returns what the registry answered, if it is what went wrong.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Unauthorized { answer, .. }
            | Self::Denied { answer, .. }
            | Self::NotFound { answer, .. }
            | Self::Incomplete { answer, .. }
            | Self::Status { answer, .. } => Some(answer),
            Self::Token { source, .. } => source.answer(),
            Self::Transport(_)
            | Self::Credential(_)
            | Self::Realm { .. }
            | Self::Protocol { .. }
            | Self::TooMany { .. }
            | Self::Manifest(_)
            | Self::FallbackTag { .. }
            | Self::Corrupt { .. } => None,
        }
    }

    fn is_code(&self, codes: &[&str]) -> bool {
        let code = self.answer().and_then(|answer| answer.code.as_ref());
        code.is_some_and(|code| codes.contains(&code.as_str()))
    }
}

/// Why a blob did not get from a source into a repository.
#[derive(Debug)]
pub enum PutError<E> {
    /// The source could not be read.
    Source(E),
    /// The destination did not take it.
    Destination(RegistryError),
}

impl<E: Error> fmt::Display for PutError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => fmt::Display::fmt(error, formatter),
            Self::Destination(error) => fmt::Display::fmt(error, formatter),
        }
    }
}

impl<E: Error + 'static> Error for PutError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Source(error) => error.source(),
            Self::Destination(error) => error.source(),
        }
    }
}

impl<E> From<RegistryError> for PutError<E> {
    fn from(error: RegistryError) -> Self {
        Self::Destination(error)
    }
}
