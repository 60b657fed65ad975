//! How long an index of the largest kind takes, and what memory: `cargo bench -p mirror-charts`.
//!
//! Prints the fastest and the median of some runs, and how much the process has grown at its most by
//! holding the text and reading it. Nothing fails on a slow machine.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::{Duration, SystemTime};

use mirror_charts::Index;

/// As many as the largest known repository has, over as many charts.
const VERSIONS: usize = 30_000;
const CHARTS: usize = 120;
/// Enough for a steady median within seconds.
const RUNS: usize = 11;

fn main() -> Result<(), Box<dyn Error>> {
    let (start, text) = (peak_kib(), index());
    let charts: Vec<String> = (0..CHARTS).map(name).collect();
    writeln!(io::stdout(), "{VERSIONS} versions, {} MB", text.len() / 1_000_000)?;
    measure("one chart of it", &text, &charts[..1])?;
    let grown = |peak: u64| peak.saturating_sub(start) >> 10;
    writeln!(io::stdout(), "{:24} {:>7} MiB", "the text and one chart", grown(peak_kib()))?;
    measure("all of its charts", &text, &charts)?;
    writeln!(io::stdout(), "{:24} {:>7} MiB", "the text and all charts", grown(peak_kib()))?;
    Ok(())
}

fn measure(what: &str, text: &str, wanted: &[String]) -> Result<(), Box<dyn Error>> {
    let wanted: BTreeSet<String> = wanted.iter().cloned().collect();
    let mut times: Vec<Duration> = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let begin = SystemTime::now();
        let index = Index::parse(text.as_bytes(), &wanted)?;
        times.push(begin.elapsed().unwrap_or(Duration::MAX));
        let found = wanted.iter().filter_map(|chart| index.versions(chart)).map(<[_]>::len);
        if found.sum::<usize>() != VERSIONS / CHARTS * wanted.len() {
            return Err("versions are missing".into());
        }
    }
    times.sort_unstable();
    writeln!(io::stdout(), "{what:24} {:>10.1?} {:>10.1?}", times[0], times[RUNS / 2])?;
    Ok(())
}

fn name(chart: usize) -> String {
    format!("chart-{chart}")
}

/// An index with all that `helm repo index` writes of a chart.
fn index() -> String {
    let mut text = String::from("apiVersion: v1\nentries:\n");
    for chart in 0..CHARTS {
        let name = name(chart);
        let _ = writeln!(text, "  {name}:");
        for version in (0..VERSIONS / CHARTS).rev() {
            let digest = format!("{:064x}", chart * VERSIONS + version);
            let _ = write!(
                text,
                "  - annotations:\n      category: Database\n      licenses: Apache-2.0\n    apiVersion: v2\n    \
                 appVersion: 2.{version}.0\n    created: \"2026-05-13T09:00:00.000000000Z\"\n    \
                 dependencies:\n    - name: common\n      repository: oci://registry.example.com/charts\n      \
                 tags:\n      - common\n      version: 2.x.x\n    description: Stores what it is given, and \
                 gives it back to whoever asks for it by the same key.\n    digest: {digest}\n    home: \
                 https://example.com\n    icon: https://example.com/icons/{name}.svg\n    keywords:\n    - \
                 database\n    - storage\n    maintainers:\n    - name: Example\n      url: \
                 https://github.com/example/charts\n    name: {name}\n    sources:\n    - \
                 https://github.com/example/charts/tree/main/{name}\n    urls:\n    - \
                 https://charts.example.com/{name}-1.{version}.0.tgz\n    version: 1.{version}.0\n"
            );
        }
    }
    text
}

/// The most memory that this process has held so far, in KiB; 0 where the system does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
