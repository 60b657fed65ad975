//! The streams and what is on them: owned by one thread, which turns notes into lines.

use std::collections::HashSet;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::ProgressDrawTarget;
use jiff::Zoned;
use mirror_model::{Event, Report, Warning};

use crate::document::{ReportMeta, render_json, render_yaml};
use crate::inbox::{Inbox, Note, Stamped, Taken};
use crate::lines::{Lines, Names, summary};
use crate::names::Entries;
use crate::output::{Format, Live, OutputOptions, StreamKind};
use crate::progress::Progress;
use crate::stderr::Stderr;
use crate::verbose::VerboseLog;
use crate::warning::{drifted_lines, warning_line};

/// How often progress is drawn anew: smooth to the eye, cheap for a slow terminal.
const TICK: Duration = Duration::from_millis(100);

/// The most draws in a second, whatever happens meanwhile.
const DRAWS: u8 = 20;

/// Notes whose lines are written together: with progress on the screen, each write takes it away
/// and puts it back.
const MAX_BATCH: usize = 256;

/// Different `!` lines of a run. A registry that sends one with every answer is heard once; one that
/// makes each different is cut off.
const MAX_WARNINGS: usize = 256;

/// The streams and what is on them.
pub(crate) struct Screen {
    format: Format,
    lines: Lines,
    notices: Lines,
    shown: Shown,
    stdout: Stream,
    stderr: Stream,
    warned: HashSet<String>,
    entries: Entries,
}

/// What stderr shows while the run goes on.
enum Shown {
    Nothing,
    Progress(Box<Progress>),
    Verbose,
}

/// A stream, what is still to be written to it, and its first error.
struct Stream {
    writer: Box<dyn Write + Send>,
    pending: String,
    error: Option<io::Error>,
}

impl Screen {
    /// Opens a screen over the process's own terminal.
    pub(crate) fn new(
        options: OutputOptions,
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
    ) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Stderr::default()), DRAWS);
        Self::on(options, stdout, stderr, target)
    }

    /// Opens a screen whose progress goes to `target`.
    pub(crate) fn on(
        options: OutputOptions,
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
        target: ProgressDrawTarget,
    ) -> Self {
        let shown = match (options.live, options.stderr) {
            (Live::Nothing, _) | (Live::Progress, StreamKind::Plain) => Shown::Nothing,
            (Live::Progress, StreamKind::Terminal | StreamKind::ColorTerminal) => {
                Shown::Progress(Box::new(Progress::new(target)))
            }
            (Live::Verbose, _) => Shown::Verbose,
        };
        Self {
            format: options.format,
            lines: Lines { stream: options.stdout },
            notices: Lines { stream: options.stderr },
            shown,
            stdout: Stream::new(stdout),
            stderr: Stream::new(stderr),
            warned: HashSet::new(),
            entries: Entries::default(),
        }
    }

    /// Shows what comes, until the inbox is closed and empty.
    pub(crate) fn show_all(mut self, inbox: &Inbox) -> Self {
        let tick = match &self.shown {
            Shown::Progress(_) => Some(TICK),
            Shown::Nothing | Shown::Verbose => None,
        };
        while let Taken::Notes(notes) = inbox.take(tick) {
            for (index, mut stamped) in notes.into_iter().enumerate() {
                self.name(&mut stamped.note);
                self.show(&stamped);
                if index % MAX_BATCH == MAX_BATCH - 1 {
                    self.write();
                }
            }
            self.write();
            if let Shown::Progress(progress) = &mut self.shown {
                progress.tick();
            }
        }
        self.shown = match self.shown {
            Shown::Progress(progress) => {
                progress.end();
                Shown::Nothing
            }
            Shown::Nothing => Shown::Nothing,
            Shown::Verbose => Shown::Verbose,
        };
        self
    }

    /// Writes what stands at the end.
    pub(crate) fn conclude(
        mut self,
        report: &Report,
        meta: &ReportMeta<'_>,
        now: &Zoned,
    ) -> io::Result<()> {
        let counts = report.summary();
        match (self.format, &self.shown) {
            (Format::Text, Shown::Verbose) => {}
            (Format::Text, Shown::Nothing | Shown::Progress(_)) => {
                self.stdout.pending.push_str(&summary(&counts, meta.duration));
            }
            (Format::Json, _) => self.stdout.pending.push_str(&render_json(report, meta)),
            (Format::Yaml, _) => self.stdout.pending.push_str(&render_yaml(report, meta)),
        }
        if let Shown::Verbose = &self.shown {
            self.stderr.pending.push_str(&VerboseLog::complete(now, &counts, meta.duration));
        }
        self.write();
        self.stdout.error.or(self.stderr.error).map_or(Ok(()), Err)
    }

    /// Has a note name entries as the config does.
    fn name(&mut self, note: &mut Note) {
        match note {
            Note::Started(run) => self.entries = Entries::of(&run.entries),
            Note::Event(event) => self.entries.put_into(event),
            Note::LeftOut(_) => {}
        }
    }

    fn show(&mut self, stamped: &Stamped) {
        let Stamped { at, note } = stamped;
        match (&mut self.shown, note) {
            (Shown::Nothing, _) => {}
            (Shown::Progress(progress), Note::Started(run)) => progress.started(run),
            (Shown::Progress(progress), Note::Event(event)) => progress.event(event),
            (Shown::Progress(_), Note::LeftOut(_)) => {}
            (Shown::Verbose, note) => {
                if let Some(at) = at {
                    self.stderr.pending.push_str(&match note {
                        Note::Started(run) => VerboseLog::started(at, run),
                        Note::Event(event) => VerboseLog::event(at, event),
                        Note::LeftOut(lines) => VerboseLog::left_out(at, *lines),
                    });
                }
            }
        }
        if let Note::Event(event) = note {
            self.print(event);
        }
    }

    /// Prints what every mode, or text mode, has for an event.
    fn print(&mut self, event: &Event) {
        if let Event::RowSettled { destination, row, .. } = event {
            for line in drifted_lines(destination, row) {
                self.notice(line);
            }
        }
        let text = match (self.format, &self.shown) {
            (Format::Text, Shown::Nothing | Shown::Progress(_)) => true,
            (Format::Text, Shown::Verbose) | (Format::Json | Format::Yaml, _) => false,
        };
        match event {
            Event::RowSettled { source, destination, tag, row, .. } if text => {
                let names = Names { source, destination, tag };
                self.stdout.pending.push_str(&self.lines.row(names, row));
            }
            Event::EntryFailed { source, failure, .. } if text => {
                self.stdout.pending.push_str(&self.lines.plan_failed(source, failure));
            }
            Event::Warning(warning) => self.warn(warning),
            Event::EntryPlanned { .. }
            | Event::EntryFailed { .. }
            | Event::JobStarted { .. }
            | Event::JobSized { .. }
            | Event::BytesSent { .. }
            | Event::BlobSettled { .. }
            | Event::ManifestPushed { .. }
            | Event::FallbackTag { .. }
            | Event::JobRetrying { .. }
            | Event::RowSettled { .. } => {}
        }
    }

    /// Prints a warning once. Where credentials and tokens come from is for the log alone.
    fn warn(&mut self, warning: &Warning) {
        match warning {
            Warning::Run { .. } | Warning::Entry { .. } | Warning::Registry { .. } => {}
            Warning::Credential { .. } | Warning::TokenRealm { .. } => return,
        }
        self.notice(warning_line(warning));
    }

    /// Prints a `!` line, once.
    fn notice(&mut self, line: String) {
        if self.warned.len() > MAX_WARNINGS || self.warned.contains(&line) {
            return;
        }
        let shown = if self.warned.len() < MAX_WARNINGS {
            self.notices.notice(&line)
        } else {
            self.notices.notice("! more warnings are left out")
        };
        self.stderr.pending.push_str(&shown);
        self.warned.insert(line);
    }

    /// Writes what is pending, above the progress where there is some.
    fn write(&mut self) {
        let Self { shown, stdout, stderr, .. } = self;
        if stdout.pending.is_empty() && stderr.pending.is_empty() {
            return;
        }
        let mut write = || {
            stderr.write();
            stdout.write();
        };
        match shown {
            Shown::Progress(progress) => progress.above(write),
            Shown::Nothing | Shown::Verbose => write(),
        }
    }
}

impl Stream {
    fn new(writer: Box<dyn Write + Send>) -> Self {
        Self { writer, pending: String::new(), error: None }
    }

    /// Writes what is pending; after an error, nothing more.
    fn write(&mut self) {
        if self.error.is_none() && !self.pending.is_empty() {
            let written = self.writer.write_all(self.pending.as_bytes());
            self.error = written.and_then(|()| self.writer.flush()).err();
        }
        self.pending.clear();
    }
}
