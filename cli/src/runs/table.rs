//! Runs for people: a table of many, a list of one's fields.

use std::fmt::Write as _;

use mirror_report::printable;

use super::document::{OptionsDocument, RunDocument, RunsDocument};

/// What stands between two columns.
const GAP: &str = "   ";

/// Returns a line for each run below a line of names; owners only where there are some.
pub(crate) fn list(runs: &RunsDocument) -> String {
    if runs.runs.is_empty() {
        return "no runs\n".to_owned();
    }
    let owners = runs.runs.iter().any(|run| run.owner.is_some());
    let mut lines = vec![
        ["RUN", "STATE", "SUBMITTED", "ENTRIES", "ROWS", "FAILED", "DRIFTED", "OWNER"]
            .map(str::to_owned),
    ];
    lines.extend(runs.runs.iter().map(|run| {
        [
            printable(&run.run).into_owned(),
            run.state.as_str().to_owned(),
            run.submitted_at.clone(),
            format!("{}/{}", run.planned_entries, run.entries),
            format!("{}/{}", run.settled, run.rows),
            run.failed.to_string(),
            run.drifted.to_string(),
            run.owner.as_deref().map(printable).unwrap_or_default().into_owned(),
        ]
    }));
    let columns = if owners { 8 } else { 7 };
    let lines = lines.into_iter().map(|line| line.into_iter().take(columns).collect());
    aligned(&lines.collect::<Vec<Vec<String>>>())
}

/// Returns a line for each field of a run.
pub(crate) fn run(run: &RunDocument) -> String {
    let mut lines = vec![
        ("run", printable(&run.run).into_owned()),
        ("state", run.state.as_str().to_owned()),
        ("submitted", run.submitted_at.clone()),
    ];
    lines.extend(run.ended_at.clone().map(|at| ("ended", at)));
    lines.extend(run.owner.as_deref().map(|owner| ("owner", printable(owner).into_owned())));
    lines.extend([
        ("entries", format!("{} of {} planned", run.planned_entries, run.entries)),
        ("rows", format!("{} of {} settled", run.settled, run.rows)),
        ("failed", run.failed.to_string()),
        ("drifted", run.drifted.to_string()),
        ("options", options(&run.options)),
    ]);
    let lines: Vec<Vec<String>> =
        lines.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    aligned(&lines)
}

/// Returns the options as `sync` takes them.
fn options(options: &OptionsDocument) -> String {
    let OptionsDocument { overwrite, dry_run, concurrency, retries, timeout } = options;
    let mut text = format!("--retries {retries} --timeout {timeout}");
    if let Some(concurrency) = concurrency {
        let _ = write!(text, " --concurrency {concurrency}");
    }
    for (flag, given) in [(" --overwrite", *overwrite), (" --dry-run", *dry_run)] {
        if given {
            text.push_str(flag);
        }
    }
    text
}

/// Sets columns below each other, without blanks at the ends of lines.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
        text.push('\n');
    }
    text
}
