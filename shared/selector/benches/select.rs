//! How long it takes to select among many tags: `cargo bench -p mirror-selector`.
//!
//! Prints, for each kind of selector, the fastest and the median of some runs over 100,000 tags.
//! The standard library measures well enough here; nothing fails on a slow machine.

use std::io::{self, Write as _};
use std::time::{Duration, SystemTime};

use mirror_selector::{RegexSpec, Selector, SelectorSpec, SortBy};

/// As many tags as the largest repositories have.
const TAGS: usize = 100_000;

/// Enough for a steady median within seconds.
const RUNS: usize = 15;

fn main() -> io::Result<()> {
    let semver = |constraint: &str| SelectorSpec {
        semver: Some(constraint.to_owned()),
        ..SelectorSpec::default()
    };
    let regex = |pattern: &str, extract: Option<&str>, sort_by| SelectorSpec {
        regex: Some(RegexSpec { pattern: pattern.to_owned(), extract: extract.map(str::to_owned) }),
        sort_by,
        ..SelectorSpec::default()
    };
    let extract =
        regex(r"^v?(?P<v>\d+\.\d+\.\d+.*)-build\.(?P<n>\d+)$", Some("$v"), SortBy::Semver);
    let both = SelectorSpec { semver: Some(">=1.0.0-0".to_owned()), ..extract.clone() };
    measure("semver sort", SelectorSpec::default())?;
    measure("semver constraint and sort", semver(">=10.0.0, <90.0.0 || ~95.1"))?;
    measure("regex, alphabetical", regex(r"^\d+\.[0-4]\.\d+$", None, SortBy::Alphabetical))?;
    measure("regex, semver sort", regex(r"^v?\d+\.\d+\.\d+", None, SortBy::Semver))?;
    measure("regex with extract, semver sort", extract)?;
    measure("regex with extract, constraint, semver sort", both)?;
    measure("regex with extract, numerical", regex(r"(\d+)$", Some("$1"), SortBy::Numerical))
}

fn measure(name: &str, spec: SelectorSpec) -> io::Result<()> {
    let tags: Vec<String> = (0..TAGS).map(tag).collect();
    let selector = Selector::compile(spec).map_err(io::Error::other)?;
    let mut selected = 0;
    let mut times: Vec<Duration> = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = SystemTime::now();
        selected = std::hint::black_box(selector.select(std::hint::black_box(&tags))).len();
        times.push(start.elapsed().unwrap_or(Duration::MAX));
    }
    times.sort_unstable();
    let (fastest, median) = (times[0], times[RUNS / 2]);
    writeln!(io::stdout(), "{name:45} {fastest:>10.1?} {median:>10.1?}  {selected} of {TAGS}")
}

/// Returns the tag with this number: releases, pre-releases, builds and others, in no order.
fn tag(number: usize) -> String {
    let scattered = number * 7919 % TAGS;
    let (major, minor, patch) = (scattered / 1000, scattered / 100 % 10, scattered % 100);
    match number % 4 {
        0 => format!("{major}.{minor}.{patch}"),
        1 => format!("v{major}.{minor}.{patch}-rc.{}", number % 10),
        2 => format!("{major}.{minor}.{patch}-alpha-build.{number}"),
        _ => format!("main-{scattered:08x}-{number}"),
    }
}
