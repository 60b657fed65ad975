//! Commits: asked directly before each name is written.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use mirror_model::{Outcome, Seen};
use mirror_oci::TagRef;
use mirror_transport::Validity;

use crate::Engine;

/// What whoever keeps order among writers says.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Write it.
    Go {
        /// What was seen first, by whoever looked first: the row follows from it.
        seen: Seen,
        /// The destination is to be looked at again first.
        look: bool,
        /// How long this holds; for good where it is not given.
        validity: Option<Validity>,
    },
    /// A newer run writes this name: leave it.
    Superseded,
    /// The job has been done by somebody else.
    Done(Box<Outcome>),
    /// The job is not wanted any more.
    Drop,
}

/// Keeps order among those who write names.
pub trait Commits: Send + Sync {
    /// Asks whether `name`, which held `seen` when the run first looked, may be written now. Asked
    /// directly before each PUT of a name, each try of it anew.
    fn commit<'c>(&'c self, name: &'c TagRef, seen: Seen) -> BoxFuture<'c, Verdict>;
}

/// Order within one process: every name may be written, by a look that is fresh.
pub struct LocalCommits {
    engine: Arc<Engine>,
}

impl LocalCommits {
    /// Keeps order among the jobs of `engine`.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

impl Commits for LocalCommits {
    fn commit<'c>(&'c self, name: &'c TagRef, seen: Seen) -> BoxFuture<'c, Verdict> {
        let look = self.engine.looks.is_stale(name);
        Box::pin(std::future::ready(Verdict::Go { seen, look, validity: None }))
    }
}
