//! A chart repository's index: which versions of which charts there are, and where.
//!
//! YAML or JSON, read step by step, of which only the charts that are wanted are kept. Entries that are
//! no versions are passed over and named; what two readers could read differently is refused (threat
//! S13). `fetch` reads it where it is served.

mod draft;
mod fetch;
mod json;
mod nearest;
mod step;
#[cfg(test)]
mod tests;
mod walk;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mirror_oci::Digest;
use mirror_selector::{Selector, SelectorSpec, Version};

use crate::ChartError;
pub(crate) use draft::MAX_URLS;
use walk::{Found, Walk};

/// The largest index that is read, unpacked: the largest known have 20 MiB.
pub const MAX_INDEX_BYTES: u64 = 64 << 20;
/// How many names are shown to who asked for one that is not there, or selected none.
const SHOWN: usize = 3;

/// The charts of a repository, as far as they were wanted.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// By name; in the index's own order, each version once.
    charts: BTreeMap<String, Vec<ChartVersion>>,
    /// The names of all charts, as far as they are remembered.
    names: Vec<String>,
    /// What was wanted when it was read.
    wanted: BTreeSet<String>,
    passed_over: Vec<PassedOver>,
    /// By chart.
    lost: BTreeMap<String, Lost>,
    pub(crate) etag: Option<String>,
    /// Where it is from, as it may be shown.
    url: String,
}

/// A version of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartVersion {
    /// The version as written, with its `+`.
    pub version: String,
    /// Where its archive may be had, in order; relative ones are to be resolved. None has a user.
    pub urls: Vec<String>,
    /// Why it has none, where something stands in their place.
    pub no_url: Option<&'static str>,
    /// What its archive hashes to, where the index says so.
    pub digest: Option<Digest>,
}

impl AsRef<str> for ChartVersion {
    fn as_ref(&self) -> &str {
        &self.version
    }
}

/// What was passed over of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The chart.
    pub chart: String,
    /// The start of the version, where it has one.
    pub version: Option<String>,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// What stands in an index in the place of a chart's versions, and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many entries.
    pub entries: usize,
    /// The first of them.
    pub first: PassedOver,
}

/// Why an index cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is the page of a site, or of a login.
    #[error("it is a web page: does the repository's URL need another path?")]
    WebPage,
    /// It is something else.
    #[error("it is no index of charts: it has neither apiVersion nor entries")]
    NotAnIndex,
    /// It cannot be read, or not in one way only.
    #[error("{reason}, at line {line}, column {column}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
}

impl Index {
    /// Reads an index, of which the charts in `wanted` are kept.
    ///
    /// # Errors
    /// See [`IndexError`]. Takes a second for the largest: not for a thread that others wait for.
    pub fn parse(text: &[u8], wanted: &BTreeSet<String>) -> Result<Self, IndexError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let start = text.trim_ascii_start();
        let mut walk = Walk::new(wanted);
        match start.first() {
            None => return Err(IndexError::Empty),
            Some(b'<') => return Err(IndexError::WebPage),
            Some(b'{') if !is_yaml(start) => json::read(text, &mut walk)?,
            Some(_) => yaml::read(text, &mut walk)?,
        }
        let Found { charts, names, passed_over, lost } =
            walk.finish().ok_or(IndexError::NotAnIndex)?;
        Ok(Self { charts, names, wanted: wanted.clone(), passed_over, lost, ..Self::default() })
    }

    /// Returns the versions of a chart in the index's own order; `None` where it is not there, or was
    /// not wanted.
    pub fn versions(&self, chart: &str) -> Option<&[ChartVersion]> {
        self.charts.get(chart).map(Vec::as_slice)
    }

    /// Returns the versions of a chart that was wanted.
    ///
    /// # Errors
    /// [`ChartError::NoChart`], which names those that are most like it.
    pub fn require(&self, chart: &str) -> Result<&[ChartVersion], ChartError> {
        self.versions(chart).ok_or_else(|| ChartError::NoChart {
            chart: chart.to_owned(),
            url: self.url.clone(),
            nearest: self.nearest(chart).into_iter().map(ToOwned::to_owned).collect(),
        })
    }

    /// Returns the newest versions of a chart, three at most: for who selected none.
    pub fn newest(&self, chart: &str) -> Vec<&str> {
        let spec = SelectorSpec { limit: SHOWN, ..SelectorSpec::default() };
        let versions = self.versions(chart).unwrap_or_default();
        match Selector::compile(spec) {
            Ok(all) => all.select(versions).into_iter().map(AsRef::as_ref).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// Returns whether a chart has versions, and none of them but pre-releases.
    pub fn has_prereleases_alone(&self, chart: &str) -> bool {
        let is_prerelease = |one: &ChartVersion| {
            Version::parse(&one.version).is_some_and(|one| one.is_prerelease())
        };
        self.versions(chart).is_some_and(|all| !all.is_empty() && all.iter().all(is_prerelease))
    }

    /// Returns the names of charts that are most like `chart`, three at most: for who asked for one that
    /// is not there.
    pub fn nearest(&self, chart: &str) -> Vec<&str> {
        nearest::nearest(chart, self.names.iter().map(String::as_str), SHOWN)
    }

    /// Returns what was passed over of the charts that were wanted, for the log.
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    /// Returns what was passed over of a chart as no version of it, where anything was.
    pub fn lost(&self, chart: &str) -> Option<&Lost> {
        self.lost.get(chart)
    }

    /// Returns how many versions were kept.
    pub(crate) fn size(&self) -> usize {
        self.charts.values().map(Vec::len).sum()
    }

    /// Returns whether all of `wanted` would have been kept.
    pub fn covers(&self, wanted: &BTreeSet<String>) -> bool {
        wanted.is_subset(&self.wanted)
    }
}

/// Returns whether what begins with a brace is YAML in flow style: JSON has a quoted key behind it.
fn is_yaml(start: &[u8]) -> bool {
    let behind = start[1..].trim_ascii_start().first();
    behind.is_some_and(|byte| !matches!(byte, b'"' | b'}'))
}

impl fmt::Display for PassedOver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chart, version, reason } = self;
        match version {
            Some(version) => {
                write!(formatter, "{chart} {}: {reason}", version.escape_default())
            }
            None => write!(formatter, "{chart}: {reason}"),
        }
    }
}
