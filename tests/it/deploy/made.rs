//! What the operator makes: the table in `deploy/kubernetes/README.md`, the one place that lists it.

use super::text;

/// A row of the table.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) kind: String,
    pub(super) name: String,
    /// Its keys; empty where they are the operator's own.
    pub(super) keys: Vec<String>,
}

/// Returns the table.
pub(super) fn made() -> Vec<Made> {
    let readme = text("kubernetes/README.md");
    let rows = readme.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.split(" | ").collect();
        let [kind @ ("Secret" | "ConfigMap"), name, keys, _] = cells[..] else { return None };
        // Where the cell is a sentence, the keys are the operator's own.
        let own = keys.starts_with('`');
        let keys = if own { quoted(keys) } else { Vec::new() };
        Some(Made { kind: kind.to_owned(), name: quoted(name).concat(), keys })
    });
    let rows: Vec<Made> = rows.collect();
    assert!(rows.len() > 5, "the table of what the operator makes is gone: {rows:?}");
    rows
}

/// Returns whether the operator makes it, with this key.
pub(super) fn is_made(kind: &str, name: &str, key: Option<&str>) -> bool {
    let has = |row: &Made| key.is_none_or(|key| row.keys.iter().any(|it| it == key));
    made().iter().any(|row| row.kind == kind && row.name == name && has(row))
}

/// Returns what stands between backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
