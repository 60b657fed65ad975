//! The lines of text mode: two for a row, one for an entry that could not be planned, the summary.
//!
//! What a line says is fixed by the specification, "1 Command line", to the letter. Text comes from
//! outside, so every part of it passes [`printable`].

use std::time::Duration;

use mirror_model::{Failure, Row, SkipReason, Status, Summary};
use owo_colors::OwoColorize as _;

use crate::output::StreamKind;
use crate::printable::printable;
use crate::rounding::rounded;

/// Returns the line of an error: `✗ <message>`. Of several errors each gets one.
pub fn error_line(message: &str) -> String {
    format!("✗ {}", printable(message))
}

/// Returns the line of something the user should know: `! <message>`.
pub fn notice_line(message: &str) -> String {
    format!("! {}", printable(message))
}

/// Writes the lines of text mode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    /// Where they go.
    pub(crate) stream: StreamKind,
}

/// Who a row belongs to, as the config writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    /// The entry's source.
    pub(crate) source: &'a str,
    /// The destination repository.
    pub(crate) destination: &'a str,
    /// The destination tag.
    pub(crate) tag: &'a str,
}

/// What a line begins with.
#[derive(Clone, Copy, Debug)]
enum Mark {
    Done,
    Caution,
    Failed,
    Arrow,
}

impl Lines {
    /// Returns the two lines of a row.
    pub(crate) fn row(self, names: Names<'_>, row: &Row) -> String {
        let Names { source, destination, tag } = names;
        let (mark, outcome) = match &row.status {
            Status::Failed(failure) => (Mark::Failed, format!("— {}", printable(&failure.message))),
            Status::Drifted => (Mark::Caution, "(drifted)".to_owned()),
            Status::Skipped(SkipReason::SignatureTooNew) => {
                (Mark::Done, format!("(skipped: {})", SkipReason::SignatureTooNew.as_str()))
            }
            Status::Skipped(SkipReason::UpToDate)
            | Status::Copied
            | Status::Overwritten
            | Status::WouldCopy
            | Status::WouldOverwrite => (Mark::Done, format!("({})", row.status.as_str())),
        };
        let destination = destination.strip_prefix("oci://").unwrap_or(destination);
        format!(
            "{} {}:{} {outcome}\n{} {}:{}\n",
            self.paint(mark),
            printable(source),
            printable(&row.tag),
            self.paint(Mark::Arrow),
            printable(destination),
            printable(tag),
        )
    }

    /// Returns the line of an entry that could not be planned.
    pub(crate) fn plan_failed(self, source: &str, failure: &Failure) -> String {
        let mark = self.paint(Mark::Failed);
        format!("{mark} {} — plan failed: {}\n", printable(source), printable(&failure.message))
    }

    /// Returns a warning's line with its mark painted.
    pub(crate) fn notice(self, line: &str) -> String {
        match line.strip_prefix('!') {
            Some(text) => format!("{}{text}\n", self.paint(Mark::Caution)),
            None => format!("{line}\n"),
        }
    }

    fn paint(self, mark: Mark) -> String {
        let (text, painted) = match mark {
            Mark::Done => ("✓", "✓".green().to_string()),
            Mark::Caution => ("!", "!".yellow().to_string()),
            Mark::Failed => ("✗", "✗".red().to_string()),
            Mark::Arrow => ("→", "→".dimmed().to_string()),
        };
        match self.stream {
            StreamKind::Plain | StreamKind::Terminal => text.to_owned(),
            StreamKind::ColorTerminal => painted,
        }
    }
}

/// Returns the last line: what came of the run, and how long it took.
pub(crate) fn summary(summary: &Summary, took: Duration) -> String {
    let counts = [
        (summary.copied, "copied"),
        (summary.overwritten, "overwritten"),
        (summary.skipped, "skipped"),
        (summary.drifted, "drifted"),
        (summary.would_copy, "would-copy"),
        (summary.would_overwrite, "would-overwrite"),
        (summary.failed, "failed"),
    ];
    let mut told: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    if told.is_empty() {
        told.push("nothing to mirror".to_owned());
    }
    format!("Summary: {} in {}.\n", told.join(", "), rounded(took))
}

#[cfg(test)]
mod tests {
    use mirror_model::{FailureKind, Stage};

    use super::*;

    fn row(tag: &str, status: Status) -> Row {
        Row { tag: tag.to_owned(), status, digest: None, referrers: Vec::new(), verification: None }
    }

    #[track_caller]
    fn check(status: Status, expected: &str) {
        let names = Names { source: "ghcr.io/a", destination: "localhost:5050/a", tag: "1.0_b" };
        let shown = Lines { stream: StreamKind::Plain }.row(names, &row("1.0+b", status));
        assert_eq!(shown, format!("{expected}\n→ localhost:5050/a:1.0_b\n"));
    }

    #[test]
    fn a_row_is_two_lines() {
        check(Status::Copied, "✓ ghcr.io/a:1.0+b (copied)");
        check(Status::Overwritten, "✓ ghcr.io/a:1.0+b (overwritten)");
        check(Status::Skipped(SkipReason::UpToDate), "✓ ghcr.io/a:1.0+b (skipped)");
        check(
            Status::Skipped(SkipReason::SignatureTooNew),
            "✓ ghcr.io/a:1.0+b (skipped: signature-too-new)",
        );
        check(Status::Drifted, "! ghcr.io/a:1.0+b (drifted)");
        check(Status::WouldCopy, "✓ ghcr.io/a:1.0+b (would-copy)");
        check(Status::WouldOverwrite, "✓ ghcr.io/a:1.0+b (would-overwrite)");
        check(Status::Failed(Failure::cancelled()), "✗ ghcr.io/a:1.0+b — cancelled");
        let hostile = Failure::text(Stage::Copy, FailureKind::Rejected, "no\x1b[2J\nway");
        check(Status::Failed(hostile), "✗ ghcr.io/a:1.0+b — no\\u{1b}[2J\\nway");
    }

    #[test]
    fn names_from_outside_cannot_act_on_the_terminal() {
        let names = Names { source: "a\x1b[1m", destination: "oci://b\u{9b}1m", tag: "t\u{202e}" };
        let shown = Lines { stream: StreamKind::Plain }.row(names, &row("1\r", Status::Copied));
        assert_eq!(shown, "✓ a\\u{1b}[1m:1\\r (copied)\n→ b\\u{9b}1m:t\\u{202e}\n");
    }

    #[test]
    fn only_marks_are_coloured_and_only_where_asked() {
        let names = Names { source: "a", destination: "b", tag: "1" };
        let lines = Lines { stream: StreamKind::ColorTerminal };
        assert_eq!(
            lines.row(names, &row("1", Status::Drifted)),
            "\x1b[33m!\x1b[39m a:1 (drifted)\n\x1b[2m→\x1b[0m b:1\n"
        );
        assert_eq!(
            lines.plan_failed("a", &Failure::cancelled()),
            "\x1b[31m✗\x1b[39m a — plan failed: cancelled\n"
        );
        let plain = Lines { stream: StreamKind::Terminal };
        assert_eq!(plain.plan_failed("a", &Failure::cancelled()), "✗ a — plan failed: cancelled\n");
        assert_eq!(plain.notice("! careful"), "! careful\n");
    }

    #[test]
    fn the_summary_leaves_zeros_out() {
        let check = |counts: Summary, millis, expected| {
            assert_eq!(summary(&counts, Duration::from_millis(millis)), expected);
        };
        let none = Summary { entries: 3, ..Summary::default() };
        check(none, 12, "Summary: nothing to mirror in 12ms.\n");
        check(
            Summary { copied: 1, skipped: 1, failed: 1, ..none },
            4200,
            "Summary: 1 copied, 1 skipped, 1 failed in 4.2s.\n",
        );
        check(
            Summary {
                entries: 9,
                copied: 1,
                overwritten: 2,
                skipped: 3,
                drifted: 4,
                would_copy: 5,
                would_overwrite: 6,
                failed: 7,
            },
            83_000,
            "Summary: 1 copied, 2 overwritten, 3 skipped, 4 drifted, 5 would-copy, \
             6 would-overwrite, 7 failed in 1m23s.\n",
        );
    }
}
