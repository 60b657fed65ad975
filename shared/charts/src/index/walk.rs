//! A walk through an index, step by step, whatever it is written in.
//!
//! What is not wanted is counted and forgotten. Depth, nodes, charts and versions are bounded here.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::draft::{Draft, Field, Keys, MAX_KEYS};
use super::step::Step;
use super::{ChartVersion, Lost, PassedOver};

/// Mappings and sequences in each other: an index needs eight.
const MAX_DEPTH: usize = 64;
/// Scalars, mappings and sequences: the largest indexes known have two million.
const MAX_NODES: usize = 8_000_000;
/// Charts of one repository: the largest have some hundred.
const MAX_CHARTS: usize = 100_000;
/// Names that are remembered for who asks for one that is not there.
const MAX_NAMES: usize = 10_000;
/// Versions that are kept of one index: the largest have 30,000 in all.
const MAX_VERSIONS: usize = 100_000;
/// What is passed over is named so often.
const MAX_NOTES: usize = 100;

/// Where a walk has got to.
enum At {
    Begin,
    Top,
    TopValue { is_entries: bool },
    Entries,
    Chart { is_wanted: bool },
    Versions,
    Fields,
    Field(Field),
    Urls,
    End,
}

/// A walk through an index.
pub(super) struct Walk<'w> {
    wanted: &'w BTreeSet<String>,
    at: At,
    depth: usize,
    nodes: usize,
    /// How deep it stands in something that is passed over.
    skipping: usize,
    top_keys: Keys,
    seen: Keys,
    names: Vec<String>,
    chart: String,
    /// The versions of the chart that is being read.
    versions: Vec<ChartVersion>,
    numbers: HashSet<String>,
    draft: Draft,
    kept: usize,
    charts: BTreeMap<String, Vec<ChartVersion>>,
    notes: Vec<PassedOver>,
    lost: BTreeMap<String, Lost>,
}

/// What a walk has found.
pub(super) struct Found {
    pub(super) charts: BTreeMap<String, Vec<ChartVersion>>,
    pub(super) names: Vec<String>,
    pub(super) passed_over: Vec<PassedOver>,
    pub(super) lost: BTreeMap<String, Lost>,
}

const NO_KEY: &str = "a key is no text";

impl<'w> Walk<'w> {
    pub(super) fn new(wanted: &'w BTreeSet<String>) -> Self {
        Self {
            wanted,
            at: At::Begin,
            depth: 0,
            nodes: 0,
            skipping: 0,
            top_keys: Keys::default(),
            seen: Keys::default(),
            names: Vec::new(),
            chart: String::new(),
            versions: Vec::new(),
            numbers: HashSet::new(),
            draft: Draft::default(),
            kept: 0,
            charts: BTreeMap::new(),
            notes: Vec::new(),
            lost: BTreeMap::new(),
        }
    }

    /// Returns what was found; `None` where that was no index.
    pub(super) fn finish(self) -> Option<Found> {
        let is_index = self.top_keys.has("entries") || self.top_keys.has("apiVersion");
        let Self { charts, names, notes: passed_over, lost, .. } = self;
        is_index.then_some(Found { charts, names, passed_over, lost })
    }

    /// Takes a step.
    pub(super) fn step(&mut self, step: Step<'_>) -> Result<(), &'static str> {
        self.count(&step)?;
        if self.skipping > 0 {
            match step {
                Step::MapStart | Step::ListStart => self.skipping += 1,
                Step::MapEnd | Step::ListEnd => self.skipping -= 1,
                Step::Scalar { .. } | Step::NoText => {}
            }
            return Ok(());
        }
        match std::mem::replace(&mut self.at, At::End) {
            At::Begin => match step {
                Step::MapStart => self.at = At::Top,
                Step::Scalar { .. }
                | Step::NoText
                | Step::MapEnd
                | Step::ListStart
                | Step::ListEnd => return Err("an index is a mapping"),
            },
            At::Top => self.top(step)?,
            At::TopValue { is_entries } => self.top_value(is_entries, &step)?,
            At::Entries => self.entries(step)?,
            At::Chart { is_wanted } => self.chart(is_wanted, &step),
            At::Versions => self.versions(&step),
            At::Fields => self.fields(step)?,
            At::Field(field) => self.field(field, step),
            At::Urls => self.urls(step),
            At::End => {}
        }
        Ok(())
    }

    fn count(&mut self, step: &Step<'_>) -> Result<(), &'static str> {
        match step {
            Step::MapEnd | Step::ListEnd => {
                self.depth = self.depth.saturating_sub(1);
                return Ok(());
            }
            Step::MapStart | Step::ListStart => self.depth += 1,
            Step::Scalar { .. } | Step::NoText => {}
        }
        self.nodes += 1;
        if self.depth > MAX_DEPTH {
            return Err("it is nested more than 64 deep");
        }
        if self.nodes > MAX_NODES {
            return Err("it has more than 8000000 nodes");
        }
        Ok(())
    }

    fn top(&mut self, step: Step<'_>) -> Result<(), &'static str> {
        match step {
            Step::Scalar { text, .. } => {
                let is_entries = text == "entries";
                self.top_keys.add(&text, MAX_KEYS, "it has more than 1000 keys")?;
                self.at = At::TopValue { is_entries };
            }
            Step::MapEnd => self.at = At::End,
            Step::NoText | Step::MapStart | Step::ListStart | Step::ListEnd => {
                return Err(NO_KEY);
            }
        }
        Ok(())
    }

    fn top_value(&mut self, is_entries: bool, step: &Step<'_>) -> Result<(), &'static str> {
        self.at = match step {
            Step::MapStart if is_entries => At::Entries,
            Step::ListStart if is_entries => return Err("its entries are no mapping"),
            Step::MapStart | Step::ListStart => self.skip(At::Top),
            Step::Scalar { .. } | Step::NoText | Step::MapEnd | Step::ListEnd => At::Top,
        };
        Ok(())
    }

    fn entries(&mut self, step: Step<'_>) -> Result<(), &'static str> {
        match step {
            Step::Scalar { text, .. } => {
                let is_wanted = self.wanted.contains(&*text);
                let name = self.seen.add(&text, MAX_CHARTS, "it has more than 100000 charts")?;
                if self.names.len() < MAX_NAMES {
                    self.names.push(name.clone());
                }
                self.chart = name;
                self.at = At::Chart { is_wanted };
            }
            Step::MapEnd => self.at = At::Top,
            Step::NoText | Step::MapStart | Step::ListStart | Step::ListEnd => {
                return Err(NO_KEY);
            }
        }
        Ok(())
    }

    fn chart(&mut self, is_wanted: bool, step: &Step<'_>) {
        if is_wanted {
            self.charts.insert(self.chart.clone(), Vec::new());
        }
        self.at = match step {
            Step::ListStart if is_wanted => At::Versions,
            Step::MapStart | Step::ListStart => {
                if is_wanted {
                    self.lose(None, "its versions are no list");
                }
                self.skip(At::Entries)
            }
            Step::Scalar { .. } | Step::NoText | Step::MapEnd | Step::ListEnd => At::Entries,
        };
    }

    fn versions(&mut self, step: &Step<'_>) {
        self.at = match step {
            Step::MapStart => {
                self.draft = Draft::default();
                At::Fields
            }
            Step::ListStart => {
                self.lose(None, "a version is no mapping");
                self.skip(At::Versions)
            }
            Step::ListEnd => {
                self.numbers.clear();
                let versions = std::mem::take(&mut self.versions);
                self.charts.insert(self.chart.clone(), versions);
                At::Entries
            }
            Step::Scalar { .. } | Step::NoText | Step::MapEnd => {
                self.lose(None, "a version is no mapping");
                At::Versions
            }
        };
    }

    fn fields(&mut self, step: Step<'_>) -> Result<(), &'static str> {
        match step {
            Step::Scalar { text, .. } => {
                self.at = At::Field(self.draft.key(&text)?);
            }
            Step::MapEnd => {
                self.keep()?;
                self.at = At::Versions;
            }
            Step::NoText | Step::MapStart | Step::ListStart | Step::ListEnd => {
                return Err(NO_KEY);
            }
        }
        Ok(())
    }

    fn field(&mut self, field: Field, step: Step<'_>) {
        self.at = match (field, &step) {
            (Field::Urls, Step::ListStart) => At::Urls,
            (_, Step::MapStart | Step::ListStart) => {
                self.draft.misses(field);
                self.skip(At::Fields)
            }
            (_, Step::Scalar { .. } | Step::NoText | Step::MapEnd | Step::ListEnd) => At::Fields,
        };
        if let Step::Scalar { text, is_plain } = step {
            self.draft.take(field, &text, is_plain);
        }
    }

    fn urls(&mut self, step: Step<'_>) {
        self.at = match step {
            Step::ListEnd => At::Fields,
            Step::Scalar { text, .. } => {
                self.draft.take_url(&text);
                At::Urls
            }
            Step::MapStart | Step::ListStart => {
                self.draft.misses(Field::Urls);
                self.skip(At::Urls)
            }
            Step::NoText | Step::MapEnd => At::Urls,
        };
    }

    /// Keeps the version that was read, or notes why not.
    fn keep(&mut self) -> Result<(), &'static str> {
        let draft = std::mem::take(&mut self.draft);
        let shown = draft.shown();
        if let Some(reason) = draft.note() {
            self.note(shown.clone(), reason);
        }
        match draft.judge() {
            Err(reason) => self.lose(shown, reason),
            Ok(version) if self.numbers.contains(&version.version) => {
                self.note(shown, "it stands there twice, of which the first counts");
            }
            Ok(version) => {
                self.kept += 1;
                if self.kept > MAX_VERSIONS {
                    return Err("it has more than 100000 versions of what is wanted");
                }
                self.numbers.insert(version.version.clone());
                self.versions.push(version);
            }
        }
        Ok(())
    }

    fn skip(&mut self, then: At) -> At {
        self.skipping = 1;
        then
    }

    /// Notes that an entry is no version, and counts it.
    fn lose(&mut self, version: Option<String>, reason: &'static str) {
        self.note(version.clone(), reason);
        let (chart, entries) = (self.chart.clone(), 0);
        let first = PassedOver { chart: chart.clone(), version, reason };
        self.lost.entry(chart).or_insert(Lost { entries, first }).entries += 1;
    }

    fn note(&mut self, version: Option<String>, reason: &'static str) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(PassedOver { chart: self.chart.clone(), version, reason });
        }
    }
}
