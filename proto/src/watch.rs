//! Plans as those who watch a run get them: the rows that will come, without what is copied.

use mirror_model::{Entry, EntryIndex, Failure, Verification};

use crate::Invalid;
use crate::outcome::{verification_from, verification_to};
use crate::path::{At, needed};
use crate::plan::{PlanPart, warnings_from, within};
use crate::status::{failure_from, failure_to};
use crate::text::{index_from, index_to, name_from, text_to};
use crate::wire::control::v1::{self as wire, entry_planned::Items};

/// Part of an entry's plan, as a watcher has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedPlan {
    /// The entry.
    pub entry: EntryIndex,
    /// Its source as the config writes it.
    pub source: String,
    /// Its destination as the config writes it.
    pub destination: String,
    /// Some of its rows; or why there are none.
    pub rows: Result<WatchedRows, Failure>,
    /// What the user should know: with the first part.
    pub warnings: Vec<String>,
}

/// Some of the rows of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedRows {
    /// The place of the first of these in the plan.
    pub first: usize,
    /// Rows of the whole plan.
    pub total: usize,
    /// Each row's tag or version, and the signature that was confirmed.
    pub rows: Vec<(String, Option<Verification>)>,
}

impl PlanPart {
    /// Writes what watchers get of a part: names and ids, without pins.
    pub fn to_watchers(&self, entry: &Entry) -> wire::EntryPlanned {
        let items = match &self.items {
            Ok(part) => {
                let rows = part.items.iter().map(|item| wire::PlannedRow {
                    id: text_to(&item.id),
                    verification: item.verification.as_ref().map(verification_to),
                });
                Items::Planned(wire::PlannedRows {
                    first: index_to(part.first),
                    total: index_to(part.total),
                    rows: rows.collect(),
                })
            }
            Err(failure) => Items::Failure(failure_to(failure)),
        };
        wire::EntryPlanned {
            entry: index_to(self.entry.0),
            source_name: text_to(&entry.source_name),
            destination_name: text_to(&entry.destination_name),
            items: Some(items),
            warnings: self.warnings.iter().map(|warning| text_to(warning)).collect(),
        }
    }
}

impl WatchedPlan {
    /// Reads a part.
    ///
    /// # Errors
    /// [`Invalid`] names the field, below `planned`.
    pub fn from_wire(planned: wire::EntryPlanned) -> Result<Self, Invalid> {
        let read = |planned: wire::EntryPlanned| {
            let rows = match needed(planned.items).at("items")? {
                Items::Planned(rows) => Ok(rows_from(rows).at("planned")?),
                Items::Failure(failure) => Err(failure_from(Some(failure))?),
            };
            Ok(Self {
                entry: EntryIndex(index_from(planned.entry)),
                source: name_from(planned.source_name).at("source_name")?,
                destination: name_from(planned.destination_name).at("destination_name")?,
                rows,
                warnings: warnings_from(planned.warnings)?,
            })
        };
        read(planned).at("planned")
    }
}

fn rows_from(planned: wire::PlannedRows) -> Result<WatchedRows, Invalid> {
    let (first, total) = (index_from(planned.first), index_from(planned.total));
    within(first, total, planned.rows.len())?;
    let read = |row: wire::PlannedRow| {
        let id = name_from(row.id).at("id")?;
        Ok((id, row.verification.map(verification_from).transpose()?))
    };
    let rows = planned.rows.into_iter().enumerate();
    let rows = rows.map(|(index, row)| read(row).at_item("rows", index));
    Ok(WatchedRows { first, total, rows: rows.collect::<Result<_, _>>()? })
}
