//! A fleet: coordinators, workers and a real nats-server, and what happens when any of them fails.
//!
//! All times of the protocol are a tenth of the usual. Safety is asserted without times: from what the
//! registries were asked, and from a reader of the log.

mod appends;
mod attached;
mod bounds;
mod cancelling;
mod drains;
mod keys;
mod leaders;
mod links;
mod losses;
mod midway;
mod newer;
mod pauses;
mod plans;
mod poison;
pub(crate) mod processes;
mod regions;
mod roots;
mod runs;
mod stores;
mod story;
mod turns;
mod watching;
mod wire;
mod zombies;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use mirror_proto::Record;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Kind, ScriptedRegistry};
use serde_json::Value;

use self::processes::Fleet;

/// What ought to come comes within this, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Long enough for whoever would come wrongly to have come.
pub(crate) const SETTLED: Duration = Duration::from_millis(1500);

/// Two scripted registries, mirrored by a fleet.
pub(crate) struct Mirrored {
    pub(crate) source: ScriptedRegistry,
    pub(crate) destination: ScriptedRegistry,
    pub(crate) fleet: Fleet,
}

impl Mirrored {
    /// Puts a fleet between two registries.
    pub(crate) fn by(fleet: Fleet) -> Self {
        let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
        Self { source, destination, fleet }
    }

    /// Pushes images of a repository to the source: one for each tag, each other.
    pub(crate) fn push(&self, repository: &str, tags: &[&str]) {
        for tag in tags {
            self.source.store().push(repository, tag, &image(&format!("{repository} {tag}")));
        }
    }

    /// Writes a config that mirrors all tags of these repositories into those of the same names; `more`
    /// is the rest of each entry, in YAML's flow style.
    pub(crate) fn config(&self, name: &str, repositories: &[&str], more: &str) {
        let mut config =
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n".to_owned();
        let (source, destination) = (self.source.host(), self.destination.host());
        for repository in repositories {
            writeln!(
                config,
                "- {{source: {source}/{repository}, destination: {destination}/{repository}, \
                 selector: {{limit: 0}}{more}}}"
            )
            .expect("a String takes all");
        }
        self.fleet.binary.write(name, config);
    }

    /// Asserts that the destination holds what the source holds.
    #[track_caller]
    pub(crate) fn assert_mirrored(&self, repository: &str, tags: &[&str]) {
        for tag in tags {
            let expected = image(&format!("{repository} {tag}"));
            self.destination.store().assert_holds(repository, tag, &expected);
        }
    }

    /// Asserts that the log has exactly one row for each job of the run that was planned, and no name
    /// was written by two at once.
    pub(crate) async fn assert_one_row_each(&self) {
        let mut rows = BTreeMap::new();
        for batch in self.fleet.log().await {
            for record in batch.records {
                if let Record::Row(outcome) = record {
                    *rows.entry((batch.subject, outcome.job)).or_insert(0) += 1;
                }
            }
        }
        assert!(!rows.is_empty(), "no rows in the log");
        assert!(rows.values().all(|count| *count == 1), "more than one row: {rows:?}");
    }

    /// Returns the log's records that `choose` says yes to.
    pub(crate) async fn records(&self, choose: impl Fn(&Record) -> bool) -> Vec<Record> {
        let batches = self.fleet.log().await.into_iter();
        batches.flat_map(|batch| batch.records).filter(choose).collect()
    }

    /// Returns how many losses of workers the log has.
    pub(crate) async fn losses(&self) -> usize {
        self.records(|record| matches!(record, Record::Lost(_))).await.len()
    }

    /// Returns how often a tag of the destination was written.
    pub(crate) fn writes(&self, repository: &str, tag: &str) -> usize {
        let log = self.destination.log().of(repository).kind(Kind::ManifestPut);
        log.only(|entry| entry.reference.as_deref() == Some(tag)).count()
    }
}

/// A report without what differs from run to run.
pub(crate) fn comparable(report: &Value) -> Value {
    let mut report = report.clone();
    let report_part = &mut report["report"];
    report_part["timestamp"].take();
    report_part["durationMs"].take();
    report
}

/// Returns `tag status` of each row of a report, sorted.
pub(crate) fn statuses(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let entries = report["report"]["results"].as_array().into_iter().flatten();
    let tags = entries.flat_map(|entry| entry["tags"].as_array().into_iter().flatten());
    let mut statuses: Vec<String> =
        tags.map(|tag| format!("{} {}", text(&tag["tag"]), text(&tag["status"]))).collect();
    statuses.sort();
    statuses
}
