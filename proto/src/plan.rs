//! Plans as the log and the watchers get them: in parts, since the plan of an entry may be large.

mod item;

use mirror_model::{
    Attached, EntryIndex, EntryPlan, Failure, FailureKind, Pin, Planned, Row, Source, Stage,
    Status, Verification,
};
use mirror_oci::{Digest, Tag};
use prost::Message as _;

use crate::Invalid;
use crate::job::encode_job;
use crate::path::{At, needed};
use crate::record::MAX_RECORD_BYTES;
use crate::status::{failure_from, failure_to};
use crate::text::{cut, index_from, index_to, text_from, text_to};
use crate::wire::job::v1 as wire;

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
        /// What is attached to the root and comes along; none of it has been looked at.
        referrers: Vec<Attached>,
    },
    /// Pack this version of the entry's chart, which is the id, under that tag.
    Chart {
        /// Where its archive may be had.
        urls: Vec<String>,
        /// What its archive hashes to.
        archive: Digest,
        /// The destination tag.
        tag: Tag,
    },
    /// Nothing: the plan settled it.
    Settled(Row),
}

/// What is left of a part's record for what is not an item: names of fields, numbers, and the record
/// around it. All of it takes less than 100 bytes.
const FRAME_BYTES: usize = 256;
/// More warnings than this say nothing more.
const MAX_WARNINGS: usize = 16;
/// The longest warning, a sentence or two: with an item as large as a job may be, all of them still fit a
/// message of 1 MiB.
const MAX_WARNING_BYTES: usize = 1024;

impl PlanPart {
    /// Cuts a plan into parts whose records stay below [`MAX_RECORD_BYTES`]; warnings are in the first.
    ///
    /// An item is never cut: one that is larger than that is a part of its own. Those that are too large
    /// for any record are settled before, by [`settle_unfit`].
    pub fn of(entry: EntryIndex, plan: &EntryPlan) -> Vec<Self> {
        let warnings = warnings_of(plan);
        let items = match &plan.items {
            Ok(items) => items,
            Err(failure) => return vec![Self { entry, items: Err(failure.clone()), warnings }],
        };
        let total = items.len();
        let mut room = MAX_RECORD_BYTES - FRAME_BYTES;
        for warning in &warnings {
            room = room.saturating_sub(field_bytes(warning.len()));
        }
        let mut part = PlannedPart { first: 0, total, items: Vec::new() };
        let mut parts = Vec::new();
        for (index, item) in items.iter().map(PlanItem::of).enumerate() {
            let size = field_bytes(item::item_to(&item).encoded_len());
            if size > room && !part.items.is_empty() {
                let next = PlannedPart { first: index, total, items: Vec::new() };
                parts.push(std::mem::replace(&mut part, next));
                room = MAX_RECORD_BYTES - FRAME_BYTES;
            }
            room = room.saturating_sub(size);
            part.items.push(item);
        }
        parts.push(part);
        let mut warnings = Some(warnings);
        let parts = parts.into_iter().map(|part| Self {
            entry,
            items: Ok(part),
            warnings: warnings.take().unwrap_or_default(),
        });
        parts.collect()
    }

    /// Reads a part.
    ///
    /// # Errors
    /// [`Invalid`] names the field, below `plan`.
    pub fn from_wire(part: wire::EntryPlan) -> Result<Self, Invalid> {
        part_from(part).at("plan")
    }

    /// Writes a part.
    pub fn to_wire(&self) -> wire::EntryPlan {
        let items = match &self.items {
            Ok(part) => wire::entry_plan::Items::Planned(wire::PlannedItems {
                first: index_to(part.first),
                total: index_to(part.total),
                items: part.items.iter().map(item::item_to).collect(),
            }),
            Err(failure) => wire::entry_plan::Items::Failure(failure_to(failure)),
        };
        wire::EntryPlan {
            entry: index_to(self.entry.0),
            items: Some(items),
            warnings: self.warnings.iter().map(|warning| text_to(warning)).collect(),
        }
    }
}

/// Settles the jobs of a plan that a fleet cannot carry, because more is attached to them than fits one, or
/// because nobody could read the plan again: each is a failed row that says why.
pub fn settle_unfit(plan: &mut EntryPlan) {
    for item in plan.items.iter_mut().flatten() {
        let Planned::Job { id, verification, job } = item else { continue };
        let failure = match (encode_job(job), &job.source) {
            (Err(error @ Invalid::TooMuchAttached { .. }), _) => {
                Failure::new(Stage::Referrers, FailureKind::TooLarge, &error)
            }
            (Err(error), Source::Chart(_)) => {
                Failure::new(Stage::Resolve, FailureKind::Rejected, &error)
            }
            // Whatever else is wrong with a job is found out when it is dispatched.
            (Ok(_) | Err(_), _) => continue,
        };
        *item = Planned::Settled(Row {
            tag: std::mem::take(id),
            status: Status::Failed(failure),
            digest: Some(job.wanted()),
            referrers: Vec::new(),
            verification: verification.take(),
        });
    }
}

/// Reads a part.
pub(crate) fn part_from(part: wire::EntryPlan) -> Result<PlanPart, Invalid> {
    let items = match needed(part.items).at("items")? {
        wire::entry_plan::Items::Planned(planned) => Ok(planned_from(planned).at("planned")?),
        wire::entry_plan::Items::Failure(failure) => Err(failure_from(Some(failure))?),
    };
    let entry = EntryIndex(index_from(part.entry));
    Ok(PlanPart { entry, items, warnings: warnings_from(part.warnings)? })
}

fn planned_from(planned: wire::PlannedItems) -> Result<PlannedPart, Invalid> {
    let (first, total) = (index_from(planned.first), index_from(planned.total));
    within(first, total, planned.items.len())?;
    let items = planned.items.into_iter().enumerate();
    let items = items.map(|(index, item)| item::item_from(item).at_item("items", index));
    Ok(PlannedPart { first, total, items: items.collect::<Result<_, _>>()? })
}

/// Refuses a part that reaches beyond its plan.
pub(crate) fn within(first: usize, total: usize, count: usize) -> Result<(), Invalid> {
    if first.checked_add(count).is_some_and(|end| end <= total) {
        return Ok(());
    }
    Err(Invalid::value(format!("there are only {total}, not {count} from {first} on"))).at("total")
}

pub(crate) fn warnings_from(warnings: Vec<String>) -> Result<Vec<String>, Invalid> {
    let warnings = warnings.into_iter().enumerate();
    warnings.map(|(index, warning)| text_from(warning).at_item("warnings", index)).collect()
}

fn warnings_of(plan: &EntryPlan) -> Vec<String> {
    let warnings = plan.warnings.iter().take(MAX_WARNINGS);
    let mut warnings: Vec<String> =
        warnings.map(|warning| cut(warning, MAX_WARNING_BYTES)).collect();
    let more = plan.warnings.len() - warnings.len();
    if more > 0 {
        warnings.push(format!("{more} more warnings"));
    }
    warnings
}

/// What a field of `size` bytes takes: one byte or two for its number, five at most for its length.
fn field_bytes(size: usize) -> usize {
    size + 7
}
