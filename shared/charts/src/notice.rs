//! What is to be known of a chart repository beside its answers.

use std::sync::Arc;

/// Something that a user may want to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// Who is shown to it, when that is first known: once for each host and source.
    Credential {
        /// The repository's host.
        host: String,
        /// Where its user comes from; nothing of it is secret.
        source: String,
    },
}

/// Takes notices; returns at once.
pub type Notices = Arc<dyn Fn(Notice) + Send + Sync>;
