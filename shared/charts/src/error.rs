//! Why a chart could not be found, fetched or packed.

use std::error::Error;
use std::time::Duration;

use mirror_oci::{Digest, InvalidManifest};
use mirror_transport::{Retry, TransportError};

use crate::index::MAX_URLS;
use crate::pull::PullError;
use crate::{ArchiveError, Heeded, IndexError, Login, MetadataError, RepositoriesError};

/// Why a chart could not be found, fetched or packed. URLs are shown without user, password and query.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// What should be a repository's URL is none.
    #[error("`{}` is no URL of a chart repository", text.escape_default())]
    Repository {
        /// The start of it.
        text: String,
    },
    /// Helm's own file, or one that it names, cannot be used.
    #[error(transparent)]
    Repositories(#[from] RepositoriesError),
    /// No answer, or none that could be read.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// No TLS session, which may be for want of something that Helm's file could say.
    #[error("{url} was asked for {heeded}")]
    Tls {
        /// What was asked for.
        url: String,
        /// What held for the session.
        heeded: Heeded,
        /// What TLS said.
        source: TransportError,
    },
    /// Somebody has to be shown, or somebody else.
    #[error("{url} answered {status}: {login}")]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Who was shown.
        login: Login,
    },
    /// Somebody has to be shown to whom a redirect leads, and nobody is.
    #[error(
        "{url} was redirected to {host}, which answered {status}: credentials of {repository} go \
         across no redirect to another host"
    )]
    Redirected {
        /// What was asked for.
        url: String,
        /// Who answered.
        host: String,
        /// 401 or 403.
        status: u16,
        /// The repository.
        repository: String,
    },
    /// Any other answer that is no success.
    #[error("{url} answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// More of something than anybody has.
    #[error("{url} is larger than {} MiB", limit >> 20)]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The bound, in bytes.
        limit: u64,
    },
    /// It came packed in a way that was not asked for, or broken.
    #[error("{url} cannot be unpacked: {reason}")]
    Encoding {
        /// What was asked for.
        url: String,
        /// Why not.
        reason: String,
    },
    /// An index that cannot be used.
    #[error("cannot read index {url}")]
    Index {
        /// The index.
        url: String,
        /// What is wrong with it.
        source: IndexError,
    },
    /// The index knows no such chart.
    #[error("chart \"{chart}\" not found in index {url}{}", nearest_names(nearest))]
    NoChart {
        /// The chart.
        chart: String,
        /// The index.
        url: String,
        /// The names that are most like it.
        nearest: Vec<String>,
    },
    /// The index does not say where a version is.
    #[error("the index has no usable URL for version {version} of chart {chart}")]
    NoUrl {
        /// The chart.
        chart: String,
        /// The version.
        version: String,
    },
    /// The index names a place that is none, or none that may be gone to.
    #[error("the index names `{url}`, {reason}")]
    Url {
        /// The start of it, escaped.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is not what the index says.
    #[error("{url} has digest {found} where {expected} was expected")]
    Digest {
        /// The archive.
        url: String,
        /// What the index says.
        expected: Digest,
        /// What it has.
        found: Digest,
    },
    /// It is no archive of a chart.
    #[error("{url} is no chart")]
    Archive {
        /// The archive.
        url: String,
        /// What is wrong with it.
        source: ArchiveError,
    },
    /// Its Chart.yaml is none.
    #[error("{url} is no chart")]
    Metadata {
        /// The archive.
        url: String,
        /// What is wrong with it.
        source: MetadataError,
    },
    /// It is another chart, or another version of it.
    #[error("{url} has {what} `{}` in its Chart.yaml where `{expected}` was expected", found.escape_default())]
    Another {
        /// The archive.
        url: String,
        /// Name or version.
        what: &'static str,
        /// What the index says.
        expected: String,
        /// The start of what Chart.yaml says.
        found: String,
    },
    /// Its manifest would be none.
    #[error("{url} makes no manifest")]
    Manifest {
        /// The archive.
        url: String,
        /// Why not.
        source: InvalidManifest,
    },
    /// A registry did not give it.
    #[error("cannot pull {reference}")]
    Pull {
        /// What was asked for.
        reference: String,
        /// Why not.
        source: PullError,
    },
    /// None of several URLs worked.
    #[error("none of {} of {chart} {version} works: {}", urls(failures.len()), each(failures))]
    NoneWorks {
        /// The chart.
        chart: String,
        /// The version.
        version: String,
        /// Why not, for each.
        failures: Vec<ChartError>,
    },
    /// What was asked for is not in the chart.
    #[error("the packed chart has no {digest}")]
    NotPacked {
        /// What was asked for.
        digest: Digest,
    },
    /// The thread that did it is gone.
    #[error("reading {url} was broken off")]
    Lost {
        /// What was read.
        url: String,
    },
}

impl ChartError {
    /// Returns whether trying again could help.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Transport(error) | Self::Tls { source: error, .. } => error.retry(),
            Self::Status { status, retry_after, .. } => match (status, retry_after) {
                (429 | 503, Some(wait)) => Retry::After(*wait),
                (408 | 425 | 429 | 500..=599, _) => Retry::Backoff,
                _ => Retry::Never,
            },
            Self::Pull { source, .. } => source.retry(),
            // What is cut off or not itself may have been broken on its way.
            Self::Digest { .. }
            | Self::Encoding { .. }
            | Self::Archive {
                source: ArchiveError::Truncated | ArchiveError::Corrupt(_), ..
            } => Retry::Backoff,
            Self::NoneWorks { failures, .. } => {
                let retries = || failures.iter().map(Self::retry);
                retries().find(|retry| *retry != Retry::Never).unwrap_or(Retry::Never)
            }
            Self::Lost { .. } => Retry::Backoff,
            Self::Repository { .. }
            | Self::Repositories(_)
            | Self::Unauthorized { .. }
            | Self::Redirected { .. }
            | Self::TooLarge { .. }
            | Self::Index { .. }
            | Self::NoChart { .. }
            | Self::NoUrl { .. }
            | Self::Url { .. }
            | Self::Archive { .. }
            | Self::Metadata { .. }
            | Self::Another { .. }
            | Self::Manifest { .. }
            | Self::NotPacked { .. } => Retry::Never,
        }
    }
}

/// `; the nearest are "a", "b"`, where there are some.
fn nearest_names(names: &[String]) -> String {
    let shown: Vec<String> =
        names.iter().map(|name| format!("\"{}\"", name.escape_default())).collect();
    match shown.len() {
        0 => String::new(),
        1 => format!("; the nearest is {}", shown.join(", ")),
        _ => format!("; the nearest are {}", shown.join(", ")),
    }
}

/// So many URLs; an index may have more than are tried.
fn urls(count: usize) -> String {
    if count < MAX_URLS { format!("{count} URLs") } else { format!("the first {count} URLs") }
}

/// Each failure with its causes: an edge that prints one cause would lose the others.
fn each(failures: &[ChartError]) -> String {
    let text = |failure: &ChartError| {
        let mut text = failure.to_string();
        let mut cause = failure.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    };
    failures.iter().map(text).collect::<Vec<_>>().join("; ")
}
