//! Reports: what came of a run, a row for each planned tag, in plan order.

use mirror_oci::Digest;

use crate::{Failure, ReferrerRow, Status, Verification};

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What came of each entry, in config order.
    pub entries: Vec<EntryReport>,
}

/// What came of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryReport {
    /// The source as the config writes it.
    pub source: String,
    /// The destination as the config writes it.
    pub destination: String,
    /// The rows in plan order; or why nothing could be planned.
    pub rows: Result<Vec<Row>, Failure>,
}

/// What came of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The tag, or the chart's version with its `+`.
    pub tag: String,
    /// How it ended.
    pub status: Status,
    /// The source's digest, where it is known.
    pub digest: Option<Digest>,
    /// What is attached to it.
    pub referrers: Vec<ReferrerRow>,
    /// The signature that was confirmed.
    pub verification: Option<Verification>,
}

/// How many rows ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Entries of the config.
    pub entries: usize,
    /// Rows that are `copied`.
    pub copied: usize,
    /// Rows that are `overwritten`.
    pub overwritten: usize,
    /// Rows that are `skipped`.
    pub skipped: usize,
    /// Rows that are `drifted`.
    pub drifted: usize,
    /// Rows that are `would-copy`.
    pub would_copy: usize,
    /// Rows that are `would-overwrite`.
    pub would_overwrite: usize,
    /// Rows that are `failed`, and entries whose plan failed.
    pub failed: usize,
}

impl Summary {
    /// Counts a row.
    pub fn count(&mut self, status: &Status) {
        let counter = match status {
            Status::Copied => &mut self.copied,
            Status::Overwritten => &mut self.overwritten,
            Status::Skipped(_) => &mut self.skipped,
            Status::Drifted => &mut self.drifted,
            Status::WouldCopy => &mut self.would_copy,
            Status::WouldOverwrite => &mut self.would_overwrite,
            Status::Failed(_) => &mut self.failed,
        };
        *counter += 1;
    }

    /// Returns 0 for a clean run, 1 where something failed, 2 where a tag drifted and nothing failed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self { failed: 1.., .. } => 1,
            Self { drifted: 1.., .. } => 2,
            Self { .. } => 0,
        }
    }
}

impl Report {
    /// Counts the rows.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary { entries: self.entries.len(), ..Summary::default() };
        for entry in &self.entries {
            match &entry.rows {
                Ok(rows) => rows.iter().for_each(|row| summary.count(&row.status)),
                Err(_) => summary.failed += 1,
            }
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_take_precedence_over_drift() {
        let check = |failed, drifted, expected| {
            let summary =
                Summary { failed, drifted, copied: 9, would_overwrite: 9, ..Summary::default() };
            assert_eq!(summary.exit_code(), expected);
        };
        check(0, 0, 0);
        check(1, 0, 1);
        check(0, 1, 2);
        check(1, 1, 1);
    }

    #[test]
    fn a_plan_that_failed_counts_once() {
        let row = |status| Row {
            tag: "1".to_owned(),
            status,
            digest: None,
            referrers: Vec::new(),
            verification: None,
        };
        let entry =
            |rows| EntryReport { source: "a".to_owned(), destination: "b".to_owned(), rows };
        let report = Report {
            entries: vec![
                entry(Ok(vec![row(Status::Copied), row(Status::Failed(Failure::cancelled()))])),
                entry(Err(Failure::cancelled())),
            ],
        };
        let expected = Summary { entries: 2, copied: 1, failed: 2, ..Summary::default() };
        assert_eq!(report.summary(), expected);
    }
}
