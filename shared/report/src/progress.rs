//! Progress on a terminal: a line for the whole, one for each job under way, all gone at the end.
//!
//! One thread calls it, so that nothing is drawn between [`Progress::above`] taking the lines away
//! and putting them back. An error of the terminal is ignored: progress is not worth failing for.

use std::collections::BTreeMap;

use indicatif::{BinaryBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mirror_model::{Event, JobId};

use crate::output::RunStart;
use crate::printable::printable;

/// Jobs that have a line: with the first line they fit a terminal of 24. The rest is counted.
/// On a lower terminal indicatif leaves out the last ones, which is why the whole comes first.
const MAX_JOB_LINES: usize = 16;

/// Characters of a job's name: what the figures leave of 80 columns but the two for `^C`. Longer names lose their
/// beginning, for it is the end that tells tags apart.
const MAX_NAME: usize = 31;

const WHOLE: &str = "{spinner} [{bar:16}] {pos}/{len} tags{wide_msg}";
const JOB: &str = "  {wide_msg} {binary_bytes:>10}/{binary_total_bytes:10} \
                   {binary_bytes_per_sec:>12} {eta:>4} left";
const JOB_WITHOUT_SIZE: &str = "  {wide_msg} {binary_bytes:>10}";

/// The lines of progress.
#[derive(Debug)]
pub(crate) struct Progress {
    lines: MultiProgress,
    whole: ProgressBar,
    /// As many as are copied at once.
    jobs: BTreeMap<JobId, Underway>,
    entries: usize,
    planned: usize,
    rows: u64,
    sent_bytes: u64,
}

/// A job under way.
#[derive(Debug)]
struct Underway {
    /// Its line, which counts from the beginning whether it is drawn or not.
    line: ProgressBar,
    drawn: bool,
}

impl Progress {
    /// Opens progress on `target`. Nothing is drawn before the first event.
    pub(crate) fn new(target: ProgressDrawTarget) -> Self {
        let lines = MultiProgress::with_draw_target(target);
        // Without a length the bar is empty; of a length of nothing it would be full.
        let whole = lines.add(ProgressBar::no_length().with_style(style(WHOLE)));
        Self { lines, whole, jobs: BTreeMap::new(), entries: 0, planned: 0, rows: 0, sent_bytes: 0 }
    }

    /// Takes note of a run that begins.
    pub(crate) fn started(&mut self, run: &RunStart) {
        self.entries = run.entries.len();
    }

    /// Takes note of an event.
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::EntryPlanned { rows, .. } => {
                self.planned += 1;
                self.rows += *rows as u64;
                if self.rows > 0 {
                    self.whole.set_length(self.rows);
                }
            }
            Event::EntryFailed { .. } => self.planned += 1,
            Event::JobStarted { job, source, .. } => {
                self.jobs.insert(*job, Underway::new(source));
                self.fill();
            }
            Event::JobSized { job, bytes } => {
                if let Some(underway) = self.jobs.get(job) {
                    underway.sized(*bytes);
                }
            }
            Event::BytesSent { job, bytes } => {
                self.sent_bytes = self.sent_bytes.saturating_add(*bytes);
                if let Some(underway) = self.jobs.get(job) {
                    underway.line.inc(*bytes);
                }
            }
            Event::JobRetrying { job, .. } => {
                if let Some(underway) = self.jobs.get(job) {
                    underway.again();
                }
            }
            Event::RowSettled { job, .. } => {
                if let Some(Underway { line, .. }) = self.jobs.remove(job) {
                    line.finish_and_clear();
                    self.lines.remove(&line);
                }
                self.fill();
                self.whole.inc(1);
            }
            Event::BlobSettled { .. }
            | Event::ManifestPushed { .. }
            | Event::FallbackTag { .. }
            | Event::Warning(_) => {}
        }
    }

    /// Draws anew, so that rates fall and times pass where nothing happens.
    pub(crate) fn tick(&mut self) {
        for underway in self.jobs.values() {
            underway.line.tick();
        }
        self.whole.set_message(self.rest());
        self.whole.tick();
    }

    /// Takes the lines away, lets `print` print where they were, and puts them back below.
    pub(crate) fn above(&mut self, print: impl FnOnce()) {
        // `MultiProgress::suspend` does the same and panics where the terminal has gone.
        drop(self.lines.clear());
        print();
        self.whole.force_draw();
    }

    /// Takes the lines away for good.
    pub(crate) fn end(self) {
        for underway in self.jobs.into_values() {
            underway.line.finish_and_clear();
        }
        self.whole.finish_and_clear();
        drop(self.lines.clear());
    }

    /// Draws jobs that are not drawn yet, as far as there are lines.
    fn fill(&mut self) {
        let free = MAX_JOB_LINES.saturating_sub(self.drawn());
        for underway in self.jobs.values_mut().filter(|underway| !underway.drawn).take(free) {
            self.lines.add(underway.line.clone());
            underway.drawn = true;
        }
    }

    fn drawn(&self) -> usize {
        self.jobs.values().filter(|underway| underway.drawn).count()
    }

    /// What the first line says after the count of tags.
    fn rest(&self) -> String {
        let sent = BinaryBytes(self.sent_bytes);
        let more = match self.jobs.len() - self.drawn() {
            0 => String::new(),
            more => format!(", {more} more jobs"),
        };
        let planned = match (self.planned, self.entries) {
            (planned, entries) if planned < entries => {
                format!(", {planned}/{entries} entries planned")
            }
            _ => String::new(),
        };
        format!(", {sent} sent{more}{planned}")
    }
}

impl Underway {
    fn new(name: &str) -> Self {
        let target = ProgressDrawTarget::hidden();
        let line = ProgressBar::with_draw_target(None, target)
            .with_style(style(JOB_WITHOUT_SIZE))
            .with_message(ending(&printable(name)));
        Self { line, drawn: false }
    }

    /// Knows how much this attempt has to send.
    fn sized(&self, bytes: u64) {
        self.line.set_style(style(JOB));
        self.line.set_length(bytes);
    }

    /// Begins a new attempt: what is left to send is not known yet.
    fn again(&self) {
        self.line.reset();
        self.line.set_style(style(JOB_WITHOUT_SIZE));
        self.line.unset_length();
    }
}

/// The end of `name`, where it is too long.
fn ending(name: &str) -> String {
    let length = name.chars().count();
    if length <= MAX_NAME {
        return name.to_owned();
    }
    let end: String = name.chars().skip(length - MAX_NAME + 1).collect();
    format!("…{end}")
}

/// The style of a template of ours, all of which a test parses.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mirror_model::{EntryIndex, Failure, Status};

    use super::*;
    use crate::sample::row;
    use crate::terminal::Terminal;
    use crate::tests::start;

    fn job(row: usize) -> JobId {
        JobId { entry: EntryIndex(0), row }
    }

    fn started(number: usize) -> Event {
        Event::JobStarted {
            job: job(number),
            source: format!("ghcr.io/a:{number}"),
            destination: "b".to_owned(),
        }
    }

    fn settled(number: usize) -> Event {
        Event::RowSettled {
            entry: EntryIndex(0),
            job: job(number),
            source: "ghcr.io/a".to_owned(),
            destination: "b".to_owned(),
            tag: number.to_string(),
            row: Box::new(row(&number.to_string(), Status::Copied)),
            elapsed: Duration::ZERO,
        }
    }

    /// Progress over `jobs` jobs of one entry, of four.
    fn underway(jobs: usize) -> (Terminal, Progress) {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let mut progress = Progress::new(target);
        progress.started(&start());
        progress.event(&Event::EntryPlanned { entry: EntryIndex(0), rows: 20 });
        (0..jobs).for_each(|number| progress.event(&started(number)));
        (terminal, progress)
    }

    fn lines(terminal: &Terminal) -> Vec<String> {
        terminal.text().lines().map(str::to_owned).collect()
    }

    #[test]
    fn our_templates_are_templates() {
        for template in [JOB, JOB_WITHOUT_SIZE, WHOLE] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn the_bar_is_empty_until_something_is_done() {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let mut progress = Progress::new(target);
        progress.started(&start());
        progress.tick();
        let shown = terminal.text();
        let bar = format!("[{}] 0/0 tags, 0 B sent, 0/4 entries planned", " ".repeat(16));
        assert!(shown.ends_with(&bar), "{shown}");
    }

    #[test]
    fn a_job_has_a_line_with_bytes_rate_and_time_left() {
        let (terminal, mut progress) = underway(2);
        progress.event(&Event::BytesSent { job: job(1), bytes: 512 });
        progress.event(&Event::JobSized { job: job(0), bytes: 4 << 20 });
        progress.event(&Event::BytesSent { job: job(0), bytes: 1 << 20 });
        progress.tick();
        let shown = lines(&terminal);
        assert_eq!(shown.len(), 3);
        let whole = "] 0/20 tags, 1.00 MiB sent, 1/4 entries planned";
        assert!(shown[0].ends_with(whole), "{shown:?}");
        let sized = &shown[1];
        assert!(sized.starts_with("  ghcr.io/a:0 "), "{sized}");
        assert!(sized.contains(" 1.00 MiB/4.00 MiB "), "{sized}");
        assert!(sized.contains("/s ") && sized.ends_with(" left"), "{sized}");
        let other = &shown[2];
        assert!(other.starts_with("  ghcr.io/a:1 ") && other.ends_with(" 512 B"), "{other}");
    }

    #[test]
    fn a_new_attempt_begins_at_nothing() {
        let (terminal, mut progress) = underway(1);
        progress.event(&Event::JobSized { job: job(0), bytes: 4096 });
        progress.event(&Event::BytesSent { job: job(0), bytes: 2048 });
        let failure = Failure::cancelled();
        let delay = Duration::from_secs(1);
        let source = "ghcr.io/a:0".to_owned();
        progress.event(&Event::JobRetrying { job: job(0), source, attempt: 1, delay, failure });
        progress.tick();
        assert!(lines(&terminal)[1].ends_with(" 0 B"), "{}", terminal.text());
        progress.event(&Event::JobSized { job: job(0), bytes: 1024 });
        progress.tick();
        assert!(lines(&terminal)[1].contains(" 0 B/1.00 KiB"), "{}", terminal.text());
    }

    #[test]
    fn jobs_beyond_the_lines_are_counted_and_follow_up() {
        let (terminal, mut progress) = underway(18);
        progress.tick();
        let shown = lines(&terminal);
        assert_eq!(shown.len(), MAX_JOB_LINES + 1);
        assert!(shown[0].contains(", 2 more jobs, "), "{shown:?}");

        progress.event(&settled(3));
        progress.tick();
        let shown = lines(&terminal);
        assert_eq!(shown.len(), MAX_JOB_LINES + 1);
        assert!(shown[MAX_JOB_LINES].starts_with("  ghcr.io/a:16 "), "{shown:?}");
        assert!(shown[0].contains("] 1/20 tags"), "{shown:?}");
        assert!(shown[0].contains(", 1 more jobs, "), "{shown:?}");
    }

    #[test]
    fn lines_are_printed_above_and_all_else_is_gone_at_the_end() {
        let (terminal, mut progress) = underway(2);
        progress.tick();
        let mut stdout = terminal.clone();
        let mut print = |progress: &mut Progress, text: &str| {
            progress.above(|| std::io::Write::write_all(&mut stdout, text.as_bytes()).unwrap());
        };
        print(&mut progress, "one\ntwo\n");
        progress.event(&settled(0));
        print(&mut progress, "three\n");
        progress.tick();
        let shown = lines(&terminal);
        assert_eq!(shown[..3], ["one", "two", "three"]);
        assert!(shown[4].starts_with("  ghcr.io/a:1 "), "{shown:?}");
        assert_eq!(shown.len(), 5);

        progress.end();
        print_end(&terminal);
        assert_eq!(terminal.text(), "one\ntwo\nthree\nend");
    }

    fn print_end(terminal: &Terminal) {
        std::io::Write::write_all(&mut terminal.clone(), b"end\n").unwrap();
    }

    #[test]
    fn a_long_name_keeps_its_end() {
        assert_eq!(ending("ghcr.io/a:1"), "ghcr.io/a:1");
        let long = format!("{}:1.0.0", "ä".repeat(90));
        assert_eq!(ending(&long), format!("…{}:1.0.0", "ä".repeat(24)));
    }
}
