//! Plans: what a run found to do, as values.

use crate::{Failure, Job, Row, Verification};

/// What one entry comes to.
#[derive(Clone, Debug)]
pub struct EntryPlan {
    /// The entry's source, for rows.
    pub source: String,
    /// The entry's destination, for rows.
    pub destination: String,
    /// What was planned, highest first; or why nothing could be.
    pub items: Result<Vec<Planned>, Failure>,
    /// What the user should know: no tag selected, tags passed over.
    pub warnings: Vec<String>,
    /// What is for the log alone. It does not travel: whoever plans logs it.
    pub notes: Vec<PlanNote>,
}

/// Something about a plan that is for the log alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanNote {
    /// A version of a chart that the selector does not take.
    Excluded {
        /// The version.
        version: String,
        /// A word for why not.
        reason: &'static str,
    },
    /// Something in a repository's index that is no version of the chart.
    PassedOver {
        /// The start of its version, where it has one.
        version: Option<String>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// So many more are not named.
    More(usize),
    /// A tag is not verified, and what was selected after it is not looked at.
    Stopped {
        /// The tag.
        tag: String,
        /// How many tags come after it.
        left: usize,
    },
}

/// One row of an entry's plan.
#[derive(Clone, Debug)]
pub enum Planned {
    /// There is something to look at, and perhaps to copy.
    Job {
        /// The tag, or the chart's version with its `+`.
        id: String,
        /// The signature that was confirmed.
        verification: Option<Verification>,
        /// What is to be done.
        job: Box<Job>,
    },
    /// Nothing is left to be done: it could not be planned, or a signature is too new.
    Settled(Row),
}
