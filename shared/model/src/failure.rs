//! Why a row failed, and the one place that renders a chain of causes.

use std::error::Error;
use std::fmt;

/// Where in a job's life something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Listing and selecting tags.
    List,
    /// Finding the digest of a tag at the source.
    Resolve,
    /// Judging signatures.
    Verify,
    /// Asking what the destination holds.
    Compare,
    /// Reading manifests and sending blobs and children.
    Copy,
    /// Writing the tag.
    Tag,
    /// Copying what is attached.
    Referrers,
    /// Anything about the run itself: cancelled, lost.
    Run,
}

/// What kind of failure it was; what can be done about it follows from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The network, or a registry that may be well again later.
    Unavailable,
    /// The registry wants us to slow down, for longer than the job may take.
    RateLimited,
    /// The registry refused us: credentials or rights.
    Refused,
    /// What was asked for is not there.
    NotFound,
    /// Content that is not what it should be.
    Corrupt,
    /// The registry will not take what we write: an immutable tag, an unknown media type.
    Rejected,
    /// The job's budget was used up.
    TimedOut,
    /// A signature is bad or missing.
    Unverified,
    /// A bound of ours was exceeded.
    TooLarge,
    /// The run was cancelled.
    Cancelled,
    /// Two entries write the same tag.
    Conflict,
    /// Our own mistake: a panic, a broken promise.
    Internal,
}

/// Why a row or an entry failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// What kind.
    pub kind: FailureKind,
    /// One line for people: the error and its causes.
    pub message: String,
}

/// More causes than this are a loop.
const MAX_CAUSES: usize = 16;

impl Failure {
    /// Renders `error` and its causes into one line.
    pub fn new(stage: Stage, kind: FailureKind, error: &(dyn Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        for _ in 0..MAX_CAUSES {
            let Some(error) = cause else { break };
            let text = error.to_string();
            // Some libraries print their cause in their own text: once is enough.
            if !message.ends_with(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        Self { stage, kind, message }
    }

    /// Says something that has no error of its own.
    pub fn text(stage: Stage, kind: FailureKind, message: impl Into<String>) -> Self {
        Self { stage, kind, message: message.into() }
    }

    /// Returns the failure of whatever had not ended when the run was cancelled.
    pub fn cancelled() -> Self {
        Self::text(Stage::Run, FailureKind::Cancelled, "cancelled")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_chain_of_causes_is_one_line() {
        let error = Outer(std::io::Error::other("inner"));
        let failure = Failure::new(Stage::Copy, FailureKind::Unavailable, &error);
        assert_eq!(failure.message, "outer: inner");
    }
}
