//! What went wrong at a stage: whether it can pass, and what a row says of it.

use mirror_charts::ChartError;
use mirror_layout::LayoutError;
use mirror_model::{Failure, FailureKind, GoDuration, Stage};
use mirror_oci::{Descriptor, Digest, Tag};
use mirror_registry::RegistryError;
use mirror_transport::{Retry, TransportError};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// What was pinned is not at the source any more.
    #[error("{digest} was moved or deleted at the source since it was planned")]
    Gone { digest: Digest, source: Box<Cause> },
    /// The tag has no content at the source.
    #[error("tag {tag} is listed at the source, and not there")]
    NoTag { tag: String },
    /// A manifest is not as long as what refers to it says.
    #[error("manifest {} has {found} bytes where {} were expected", of.digest, of.size)]
    Size { of: Descriptor, found: u64 },
    /// A tree of manifests beyond its bounds.
    #[error("{root} has more than {most} {what} below it")]
    Tree { root: Digest, most: u64, what: &'static str },
    /// What is attached is beyond its bounds.
    #[error("{root} has more than {most} {what}")]
    Attachments { root: Digest, most: usize, what: &'static str },
    /// Something that is attached could not be brought.
    #[error("referrer {name}")]
    Referrer { name: String, source: Box<Cause> },
    /// What is listed for a subject is attached to another, or to none.
    #[error("it is listed for {subject}, and its manifest is not attached to that")]
    Stranger { subject: Digest },
    /// Somebody else keeps writing the same fallback tag.
    #[error(
        "others write the fallback tag {tag} at the same time, and what was added does not stay"
    )]
    Overtaken { tag: Tag },
    /// Each permission to write the tag was over before it could be used.
    #[error("the tag could not be written in time")]
    Late,
    /// The registry will not move the tag, which points elsewhere.
    #[error("the destination does not let the tag be overwritten")]
    Immutable { source: Box<Cause> },
}

impl Cause {
    /// Returns whether trying again could help.
    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::Registry(error) => error.retry(),
            Self::Chart(error) => error.retry(),
            Self::Referrer { source, .. } => source.retry(),
            Self::Layout(LayoutError::Busy { .. } | LayoutError::Io { .. })
            | Self::Late
            | Self::Overtaken { .. } => Retry::Backoff,
            Self::Layout(_)
            | Self::Gone { .. }
            | Self::NoTag { .. }
            | Self::Tree { .. }
            | Self::Attachments { .. }
            | Self::Stranger { .. }
            | Self::Immutable { .. } => Retry::Never,
            Self::Size { .. } => Retry::Never,
        }
    }

    /// Returns whether content came that was not what it should be.
    pub(crate) fn is_corrupt(&self) -> bool {
        if let Self::Referrer { source, .. } = self {
            return source.is_corrupt();
        }
        matches!(self, Self::Registry(RegistryError::Corrupt { .. }))
    }

    /// Returns whether a manifest was refused because the destination lacks what it refers to.
    pub(crate) fn is_missing_content(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_missing_content())
    }

    /// Returns whether what is there is no manifest that could be compared.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::Registry(RegistryError::Manifest(_))
                | Self::Layout(LayoutError::Manifest { .. } | LayoutError::Damaged { .. })
        )
    }

    /// Names the referrer that this is about.
    pub(crate) fn of_referrer(self, name: String) -> Self {
        Self::Referrer { name, source: Box::new(self) }
    }

    /// Returns whether there was no answer at all.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Self::Registry(RegistryError::Transport(_)))
    }

    /// Returns whether what was asked for is not there.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::Registry(error) => matches!(error, RegistryError::NotFound { .. }),
            Self::Layout(error) => error.is_missing(),
            Self::Gone { .. } | Self::NoTag { .. } => true,
            Self::Referrer { source, .. } => source.is_missing(),
            // A chart that is not where its index says is told as such.
            Self::Chart(_)
            | Self::Size { .. }
            | Self::Tree { .. }
            | Self::Attachments { .. }
            | Self::Stranger { .. }
            | Self::Overtaken { .. }
            | Self::Late
            | Self::Immutable { .. } => false,
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Registry(error) => registry_kind(error),
            Self::Layout(error) => layout_kind(error),
            Self::Chart(error) => chart_kind(error),
            Self::Gone { .. } | Self::NoTag { .. } => FailureKind::NotFound,
            Self::Referrer { source, .. } => source.kind(),
            Self::Size { .. } | Self::Stranger { .. } => FailureKind::Corrupt,
            Self::Late => FailureKind::TimedOut,
            Self::Overtaken { .. } => FailureKind::Unavailable,
            Self::Tree { .. } | Self::Attachments { .. } => FailureKind::TooLarge,
            Self::Immutable { .. } => FailureKind::Rejected,
        }
    }
}

fn registry_kind(error: &RegistryError) -> FailureKind {
    match error {
        RegistryError::Transport(error) => transport_kind(error),
        RegistryError::Token { source, .. } => registry_kind(source),
        RegistryError::Credential(_)
        | RegistryError::Realm { .. }
        | RegistryError::Unauthorized { .. }
        | RegistryError::Denied { .. } => FailureKind::Refused,
        RegistryError::NotFound { .. } => FailureKind::NotFound,
        RegistryError::TooMany { .. } => FailureKind::TooLarge,
        RegistryError::Manifest(_)
        | RegistryError::FallbackTag { .. }
        | RegistryError::Corrupt { .. } => FailureKind::Corrupt,
        RegistryError::Incomplete { .. } => FailureKind::Rejected,
        RegistryError::Protocol { .. } => FailureKind::Unavailable,
        RegistryError::Status { answer, .. } => status_kind(answer.status),
    }
}

fn transport_kind(error: &TransportError) -> FailureKind {
    match error {
        TransportError::RateLimited { .. } => FailureKind::RateLimited,
        TransportError::Forbidden { .. } => FailureKind::Refused,
        TransportError::TooLarge { .. } => FailureKind::TooLarge,
        TransportError::Dns { .. }
        | TransportError::Connect { .. }
        | TransportError::Tls { .. }
        | TransportError::NotTls { .. }
        | TransportError::Broken { .. }
        | TransportError::Silent { .. }
        | TransportError::Slow { .. }
        | TransportError::Unreachable { .. }
        | TransportError::Redirects { .. }
        | TransportError::Expired { .. }
        | TransportError::Identity { .. }
        | TransportError::Unusable { .. } => FailureKind::Unavailable,
    }
}

fn status_kind(status: u16) -> FailureKind {
    match status {
        429 => FailureKind::RateLimited,
        408 | 425 | 500..=599 => FailureKind::Unavailable,
        _ => FailureKind::Rejected,
    }
}

fn chart_kind(error: &ChartError) -> FailureKind {
    match error {
        ChartError::Transport(error) | ChartError::Tls { source: error, .. } => {
            transport_kind(error)
        }
        ChartError::Status { status: 404 | 410, .. }
        | ChartError::NoChart { .. }
        | ChartError::NoUrl { .. } => FailureKind::NotFound,
        ChartError::Status { status, .. } => status_kind(*status),
        ChartError::Repository { .. }
        | ChartError::Repositories(_)
        | ChartError::Unauthorized { .. }
        | ChartError::Redirected { .. }
        | ChartError::Url { .. } => FailureKind::Refused,
        ChartError::TooLarge { .. } => FailureKind::TooLarge,
        ChartError::Encoding { .. }
        | ChartError::Index { .. }
        | ChartError::Digest { .. }
        | ChartError::Archive { .. }
        | ChartError::Metadata { .. }
        | ChartError::Another { .. }
        | ChartError::Manifest { .. } => FailureKind::Corrupt,
        ChartError::Pull { .. } | ChartError::NoneWorks { .. } => FailureKind::Unavailable,
        ChartError::NotPacked { .. } | ChartError::Lost { .. } => FailureKind::Internal,
    }
}

fn layout_kind(error: &LayoutError) -> FailureKind {
    match error {
        LayoutError::NoLayout { .. } | LayoutError::Missing { .. } => FailureKind::NotFound,
        LayoutError::TooLarge { .. } | LayoutError::TooMany { .. } => FailureKind::TooLarge,
        LayoutError::Version { .. }
        | LayoutError::Irregular { .. }
        | LayoutError::Json { .. }
        | LayoutError::Ambiguous { .. }
        | LayoutError::NoDigest { .. }
        | LayoutError::Damaged { .. }
        | LayoutError::Manifest { .. } => FailureKind::Corrupt,
        LayoutError::Busy { .. } | LayoutError::Io { .. } => FailureKind::Unavailable,
    }
}

/// What a row says of a registry that asked for peace.
const RATE_LIMITED: &str = "rate limited";

/// What went wrong, and where.
#[derive(Debug)]
pub(crate) struct StageError {
    pub(crate) stage: Stage,
    pub(crate) cause: Cause,
}

impl StageError {
    pub(crate) fn failure(&self) -> Failure {
        let mut failure = Failure::new(self.stage, self.cause.kind(), &self.cause);
        // Whoever reads the row need not know what a 429 is.
        if failure.kind == FailureKind::RateLimited && !failure.message.contains(RATE_LIMITED) {
            failure.message = format!("{RATE_LIMITED}: {}", failure.message);
        }
        failure
    }
}

/// Names the stage in any error.
pub(crate) trait At<T> {
    fn at(self, stage: Stage) -> Result<T, StageError>;
}

impl<T, E: Into<Cause>> At<T> for Result<T, E> {
    fn at(self, stage: Stage) -> Result<T, StageError> {
        self.map_err(|cause| StageError { stage, cause: cause.into() })
    }
}

/// The failure of work whose budget was used up; it names the last thing that went wrong before.
pub(crate) fn timed_out(
    stage: Stage,
    budget: std::time::Duration,
    last: Option<&StageError>,
) -> Failure {
    let budget = GoDuration(budget);
    match last.map(StageError::failure) {
        None => {
            let message = format!("timed out after {budget}");
            Failure::text(stage, FailureKind::TimedOut, message)
        }
        Some(Failure { stage, message, .. }) => {
            let message = format!("timed out after {budget}, last error: {message}");
            Failure::text(stage, FailureKind::TimedOut, message)
        }
    }
}
