//! The record of requests: what came, in which order, over which connection, with what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::time::Instant;

use super::request::{Kind, Listener, Request};

/// One request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it asked for.
    pub kind: Kind,
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The repository.
    pub repository: Option<String>,
    /// The tag, digest or upload.
    pub reference: Option<String>,
    /// Which listener it came to.
    pub listener: Listener,
    /// The Host header.
    pub host: String,
    /// The Authorization header, whole: `Basic …` or `Bearer …`.
    pub authorization: Option<String>,
    /// The Range header.
    pub range: Option<String>,
    /// All headers as they came.
    pub headers: Vec<(String, String)>,
    /// Bytes of its body that were read.
    pub body_bytes: u64,
    /// The start of its body, at most 64 KiB, of a form for a token or a manifest.
    pub body: Vec<u8>,
    /// The status answered; none where there was no answer.
    pub status: Option<u16>,
    /// Bytes of body that were answered.
    pub sent_bytes: u64,
    /// The connection, counted from 1 over both listeners.
    pub connection: usize,
    /// The client's port.
    pub peer_port: u16,
    /// Whether the connection had carried a request before.
    pub reused: bool,
    /// When its head had come.
    pub start: Instant,
    /// When its answer began to be written: until then whoever asked was certainly waiting.
    pub answering: Option<Instant>,
    /// When its answer was written or given up; none while it is under way.
    pub end: Option<Instant>,
}

impl Entry {
    /// Returns a header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Requests in the order they came: all of them, or a choice.
#[derive(Clone, Debug)]
pub struct Log {
    entries: Vec<Entry>,
}

impl Log {
    /// Returns the requests.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Returns those that `choose` says yes to.
    #[must_use]
    pub fn only(&self, choose: impl Fn(&Entry) -> bool) -> Self {
        Self { entries: self.entries.iter().filter(|entry| choose(entry)).cloned().collect() }
    }

    /// Returns those of one repository.
    #[must_use]
    pub fn of(&self, repository: &str) -> Self {
        self.only(|entry| entry.repository.as_deref() == Some(repository))
    }

    /// Returns those of one kind.
    #[must_use]
    pub fn kind(&self, kind: Kind) -> Self {
        self.only(|entry| entry.kind == kind)
    }

    /// Returns those that were not answered 401: without the challenges.
    #[must_use]
    pub fn admitted(&self) -> Self {
        self.only(|entry| entry.status != Some(401))
    }

    /// Returns how many there are of each kind.
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for entry in &self.entries {
            *counts.entry(entry.kind).or_default() += 1;
        }
        counts
    }

    /// Returns the repositories that were asked about.
    pub fn repositories(&self) -> BTreeSet<String> {
        self.entries.iter().filter_map(|entry| entry.repository.clone()).collect()
    }

    /// Returns over how many connections they came.
    pub fn connections(&self) -> usize {
        self.entries.iter().map(|entry| entry.connection).collect::<BTreeSet<_>>().len()
    }

    /// Returns how many waited for an answer at the same time, at most.
    ///
    /// Never more than the client had under way: on a busy machine a client may have read an answer,
    /// and sent its next request, before we note that the answer is written.
    pub fn in_flight(&self) -> usize {
        let starts = self.entries.iter().map(|entry| (entry.start, 1_isize));
        let ends = self.entries.iter().filter_map(|entry| entry.answering.or(entry.end));
        let ends = ends.map(|end| (end, -1));
        let mut changes: Vec<(Instant, isize)> = starts.chain(ends).collect();
        changes.sort();
        let running = changes.into_iter().scan(0, |running, (_, change)| {
            *running += change;
            Some(*running)
        });
        running.max().map_or(0, isize::unsigned_abs)
    }

    /// Asserts that there are exactly so many of each kind, and none of a kind not named.
    #[track_caller]
    pub fn assert(&self, expected: &[(Kind, usize)]) {
        let expected: BTreeMap<Kind, usize> =
            expected.iter().copied().filter(|(_, count)| *count > 0).collect();
        let found = self.counts();
        let right = found == expected;
        assert!(right, "requests are not as expected\n{}", self.difference(&expected, &found));
    }

    /// Asserts that no request carried credentials.
    #[track_caller]
    pub fn assert_anonymous(&self) {
        if let Some(entry) = self.entries.iter().find(|entry| entry.authorization.is_some()) {
            panic!("{} {} carried credentials\n{self}", entry.method, entry.target);
        }
    }

    fn difference(
        &self,
        expected: &BTreeMap<Kind, usize>,
        found: &BTreeMap<Kind, usize>,
    ) -> String {
        let kinds: BTreeSet<&Kind> = expected.keys().chain(found.keys()).collect();
        let mut text = String::new();
        for kind in kinds {
            let [want, got] =
                [expected, found].map(|counts| counts.get(kind).copied().unwrap_or(0));
            let mark = if want == got { ' ' } else { '!' };
            writeln!(text, "{mark} {kind:?}: expected {want}, came {got}")
                .expect("a String takes all");
        }
        format!("{text}\n{self}")
    }
}

impl fmt::Display for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repositories: BTreeSet<Option<&str>> =
            self.entries.iter().map(|entry| entry.repository.as_deref()).collect();
        for repository in repositories {
            let own = self.only(|entry| entry.repository.as_deref() == repository);
            writeln!(formatter, "{}: {:?}", repository.unwrap_or("-"), own.counts())?;
        }
        let Some(first) = self.entries.first() else { return writeln!(formatter, "no request") };
        for entry in &self.entries {
            let status = entry.status.map_or("---".to_owned(), |status| status.to_string());
            writeln!(
                formatter,
                "{:>6} ms  #{:<3} {status} {:<6} {}{}{}",
                (entry.start - first.start).as_millis(),
                entry.connection,
                entry.method,
                entry.target,
                entry.range.as_ref().map(|range| format!("  {range}")).unwrap_or_default(),
                if entry.authorization.is_some() { "  authorized" } else { "" },
            )?;
        }
        Ok(())
    }
}

/// The record as it grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorder {
    state: Arc<Mutex<Record>>,
}

#[derive(Debug, Default)]
struct Record {
    entries: Vec<Entry>,
    /// Requests that were cleared away: what is under way goes on under its old number.
    cleared: usize,
}

impl Recorder {
    /// Records a request that has come and returns its number.
    pub(super) fn begin(&self, request: &Request, connection: usize, peer_port: u16) -> usize {
        let text = |name| request.header(name).map(str::to_owned);
        let entry = Entry {
            kind: request.kind,
            method: request.method.clone(),
            target: request.target.clone(),
            repository: request.repository.clone(),
            reference: request.reference.clone(),
            listener: request.listener,
            host: text("host").unwrap_or_default(),
            authorization: text("authorization"),
            range: text("range"),
            headers: request.headers.clone(),
            body_bytes: 0,
            body: Vec::new(),
            status: None,
            sent_bytes: 0,
            connection,
            peer_port,
            reused: request.reused,
            start: Instant::now(),
            answering: None,
            end: None,
        };
        let mut record = self.lock();
        record.entries.push(entry);
        record.cleared + record.entries.len() - 1
    }

    /// Changes a recorded request; one that was cleared away is forgotten.
    pub(super) fn update(&self, number: usize, update: impl FnOnce(&mut Entry)) {
        let mut record = self.lock();
        let index = number.checked_sub(record.cleared);
        if let Some(entry) = index.and_then(|index| record.entries.get_mut(index)) {
            update(entry);
        }
    }

    pub(super) fn snapshot(&self) -> Log {
        Log { entries: self.lock().entries.clone() }
    }

    pub(super) fn clear(&self) {
        let mut record = self.lock();
        record.cleared += record.entries.len();
        record.entries.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.state.lock().expect("nobody panics while holding the record")
    }
}
