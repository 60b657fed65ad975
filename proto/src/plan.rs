//! Plans as the log and the watchers get them: in parts, since the plan of an entry may be large.

use mirror_model::{
    Entry, EntryIndex, EntryPlan, Failure, JobId, Pin, Planned, Row, RunId, RunOptions,
    Verification,
};
use mirror_oci::Tag;

use crate::{Invalid, wire};

/// Part of an entry's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanPart {
    /// The entry.
    pub entry: EntryIndex,
    /// Some of its items; or why there are none.
    pub items: Result<PlannedPart, Failure>,
    /// What the user should know: with the first part.
    pub warnings: Vec<String>,
}

/// Some of the items of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPart {
    /// The place of the first of these in the plan.
    pub first: usize,
    /// Items of the whole plan.
    pub total: usize,
    /// The items.
    pub items: Vec<PlanItem>,
}

/// One row of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanItem {
    /// The tag, or the chart's version with its `+`.
    pub id: String,
    /// The signature that was confirmed.
    pub verification: Option<Verification>,
    /// What is to be done.
    pub work: Work,
}

/// What is to be done about a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Copy this under that tag; all else follows from the entry.
    Copy {
        /// The root.
        root: Pin,
        /// The destination tag.
        tag: Tag,
    },
    /// Nothing: the plan settled it.
    Settled(Row),
}

impl PlanPart {
    /// Cuts a plan into parts whose records stay below [`crate::MAX_RECORD_BYTES`].
    pub fn of(_entry: EntryIndex, _plan: &EntryPlan) -> Vec<Self> {
        todo!()
    }

    /// Reads a part.
    ///
    /// # Errors
    /// [`Invalid`] names the field.
    pub fn from_wire(_part: wire::job::v1::EntryPlan) -> Result<Self, Invalid> {
        todo!()
    }

    /// Writes a part.
    pub fn to_wire(&self) -> wire::job::v1::EntryPlan {
        todo!()
    }

    /// Writes what watchers get of a part: names and ids, without pins.
    pub fn to_watchers(&self, _entry: &Entry) -> wire::control::v1::EntryPlanned {
        todo!()
    }
}

impl PlanItem {
    /// Returns the item as the plan of `entry` had it.
    pub fn into_planned(
        self,
        _run: RunId,
        _id: JobId,
        _entry: &Entry,
        _options: &RunOptions,
    ) -> Planned {
        todo!()
    }
}
