//! What a run is watched by: the observer that shows it, and the end of the show.
//!
//! [`Output::observe`] only queues; a thread owns the streams and everything that is on them. So a
//! pipe that nobody reads, or a terminal that was stopped, never stops the run, its deadlines or
//! its signals. An error of a stream is kept and returned by [`Output::finish`].

use std::fmt;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Zoned;
use mirror_model::{Event, Observer, Report};

use crate::document::ReportMeta;
use crate::inbox::{Inbox, Note};
use crate::names::EntryNames;
use crate::screen::Screen;

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputOptions {
    /// What stdout gets.
    pub format: Format,
    /// What stderr gets while the run goes on.
    pub live: Live,
    /// What stdout is.
    pub stdout: StreamKind,
    /// What stderr is.
    pub stderr: StreamKind,
}

/// What stdout gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines, as rows end, and a summary; nothing with [`Live::Verbose`].
    Text,
    /// The report as JSON, at the end.
    Json,
    /// The report as YAML, at the end.
    Yaml,
}

/// What stderr gets while the run goes on, besides warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Live {
    /// Nothing.
    Nothing,
    /// Progress, where stderr is a terminal.
    Progress,
    /// The log.
    Verbose,
}

/// What a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A file or a pipe: no escape codes.
    Plain,
    /// A terminal without colours (`NO_COLOR`).
    Terminal,
    /// A terminal with colours.
    ColorTerminal,
}

/// What a run begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStart {
    /// The entries, by which lines name what is copied, as far as they are known.
    pub entries: Vec<EntryNames>,
    /// Tags that are copied at once; `None` where whoever copies them bounds it.
    pub concurrency: Option<NonZeroUsize>,
    /// Attempts after the first.
    pub retries: u32,
    /// The budget of a job.
    pub timeout: Duration,
}

/// Shows a run. Dropping it without [`Output::finish`] takes the progress away.
pub struct Output {
    inbox: Arc<Inbox>,
    live: Live,
    now: Box<Clock>,
    thread: Mutex<Option<JoinHandle<Screen>>>,
}

type Clock = dyn Fn() -> Zoned + Send + Sync;

impl Output {
    /// Begins to show a run. `now` is the local time, of which the log is full.
    ///
    /// Progress is drawn by `indicatif` on the process's own stderr, whatever `stderr` is.
    ///
    /// # Errors
    ///
    /// Where no thread can be had.
    pub fn new(
        options: OutputOptions,
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
        now: impl Fn() -> Zoned + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::over(Screen::new(options, Box::new(stdout), Box::new(stderr)), options.live, now)
    }

    pub(crate) fn over(
        screen: Screen,
        live: Live,
        now: impl Fn() -> Zoned + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let taking = Arc::clone(&inbox);
        let thread = thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || screen.show_all(&taking))?;
        Ok(Self { inbox, live, now: Box::new(now), thread: Mutex::new(Some(thread)) })
    }

    /// Says that the run begins.
    pub fn begin(&self, run: RunStart) {
        self.put(Note::Started(run));
    }

    /// Ends the show: progress goes away, and the summary or the document is written.
    ///
    /// Waits until everything is written, so call it where waiting is allowed. A second call does
    /// nothing.
    ///
    /// # Errors
    ///
    /// The first error of either stream during the whole run, such as a broken pipe. Nothing is
    /// written to a stream after its first error.
    pub fn finish(&self, report: &Report, meta: &ReportMeta<'_>) -> io::Result<()> {
        match self.stop() {
            None => Ok(()),
            Some(Ok(screen)) => screen.conclude(report, meta, &(self.now)()),
            Some(Err(_)) => Err(io::Error::other("the thread that writes output has panicked")),
        }
    }

    fn put(&self, note: Note) {
        let now: Option<&dyn Fn() -> Zoned> = match self.live {
            Live::Verbose => Some(&self.now),
            Live::Nothing | Live::Progress => None,
        };
        self.inbox.put(note, now);
    }

    /// Has the thread write what is left, and returns what it wrote on.
    fn stop(&self) -> Option<thread::Result<Screen>> {
        self.inbox.close();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.take().map(JoinHandle::join)
    }
}

impl Observer for Output {
    fn observe(&self, event: Event) {
        self.put(Note::Event(Box::new(event)));
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Output").field("live", &self.live).finish_non_exhaustive()
    }
}

impl StreamKind {
    /// Returns the kind of a stream that is a terminal or not, where colours are wanted or not.
    pub fn of(terminal: bool, color: bool) -> Self {
        match (terminal, color) {
            (false, _) => Self::Plain,
            (true, false) => Self::Terminal,
            (true, true) => Self::ColorTerminal,
        }
    }
}
