//! Planning the versions of a chart: found in its repository's index, selected, pinned to their archives.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use mirror_charts::{ChartVersion as Listed, Index, Lost, tag};
use mirror_model::{
    Chart, ChartVersion, Entry, Failure, FailureKind, JobId, PlanNote, Planned, Row, Source, Stage,
    Status,
};
use mirror_oci::Digest;
use mirror_transport::Budget;

use crate::cause::At;
use crate::origin::chart_ref;
use crate::persist::persist;
use crate::plan::{Planning, TAGS_AT_ONCE};

/// Notes of one entry, of each kind: who looks for a version finds it in as many, and 30,000 are no log.
const MOST_NOTES: usize = 100;

impl Planning<'_> {
    /// Plans the versions of a chart.
    pub(crate) async fn chart(&self, chart: &Chart) -> Result<Vec<Planned>, Failure> {
        let index = self.engine.index(chart, self.options.limits).await?;
        let listed = index.require(&chart.name).at(Stage::List).map_err(|error| error.failure())?;
        let selected: Vec<Listed> =
            self.entry.selector.select(listed).into_iter().cloned().collect();
        self.note(chart, &index, listed);
        if selected.is_empty() {
            self.warn(none_selected(self.entry, chart, &index));
        }
        drop(index);
        if let Some(unusable) = without_url(chart, &selected) {
            self.warn(unusable);
        }
        let versions = stream::iter(selected.into_iter().enumerate())
            .map(|(row, version)| self.version(chart, row, version))
            .buffered(TAGS_AT_ONCE);
        Ok(versions.collect().await)
    }

    /// Plans one version; one that cannot be planned is a failed row, and the others go on.
    async fn version(&self, chart: &Chart, row: usize, version: Listed) -> Planned {
        let id = version.version.clone();
        let failed = |failure| {
            let (tag, status) = (version.version.clone(), Status::Failed(failure));
            Planned::Settled(Row {
                tag,
                status,
                digest: version.digest,
                referrers: Vec::new(),
                verification: None,
            })
        };
        let destination = match tag(&version.version) {
            Ok(tag) => tag,
            Err(error) => {
                return failed(Failure::new(Stage::Resolve, FailureKind::Rejected, &error));
            }
        };
        let archive = match version.digest {
            Some(digest) => digest,
            None => match self.archive(chart, &version).await {
                Ok(digest) => digest,
                Err(failure) => return failed(failure),
            },
        };
        let Listed { version, urls, .. } = version;
        let source = Source::Chart(ChartVersion { chart: chart.clone(), version, urls, archive });
        let job = JobId { entry: self.index, row };
        let job = self.entry.job(self.run, job, source, destination, self.options);
        Planned::Job { id, verification: None, job: Box::new(job) }
    }

    /// Finds the digest of an archive of which the index does not say it.
    async fn archive(&self, chart: &Chart, version: &Listed) -> Result<Digest, Failure> {
        let limits = self.options.limits;
        let budget = Budget::new(limits.timeout);
        let archive = chart_ref(chart, &version.version, &version.urls, None);
        let pull = self.engine.pull(&budget);
        let hash = || async {
            self.engine.charts.digest(&archive, &pull, &budget).await.at(Stage::Resolve)
        };
        persist(&budget, limits, Stage::Resolve, |_, _, _| (), hash).await.result
    }

    /// Notes what was passed over of the chart, and what the selector does not take.
    fn note(&self, chart: &Chart, index: &Arc<Index>, listed: &[Listed]) {
        let of_chart = index.passed_over().iter().filter(|one| one.chart == chart.name);
        let passed_over = of_chart
            .map(|one| PlanNote::PassedOver { version: one.version.clone(), reason: one.reason });
        let excluded = listed.iter().filter_map(|one| {
            let reason = self.entry.selector.exclusion(&one.version)?.as_str();
            Some(PlanNote::Excluded { version: one.version.clone(), reason })
        });
        let mut notes = self.notes();
        notes.extend(passed_over.take(MOST_NOTES));
        let mut excluded = excluded.fuse();
        notes.extend(excluded.by_ref().take(MOST_NOTES));
        match excluded.count() {
            0 => {}
            more => notes.push(PlanNote::More(more)),
        }
    }
}

/// Says that a chart has no version that is wanted, and which ones it has.
fn none_selected(entry: &Entry, chart: &Chart, index: &Index) -> String {
    let newest = index.newest(&chart.name);
    if newest.is_empty() {
        let why = index.lost(&chart.name).map_or_else(String::new, told);
        return format!("the index has no version of chart {}{why}", chart.name);
    }
    let constraint = entry.selector.spec().semver.as_deref().unwrap_or("*");
    let are = if newest.len() == 1 { "newest is" } else { "newest are" };
    // One that names none takes none.
    let hint = if index.has_prereleases_alone(&chart.name) && !constraint.contains('-') {
        "; pre-releases, as all of them are, are taken where the constraint names one: `>=0.0.0-0`"
    } else {
        ""
    };
    format!(
        "no version of chart {} satisfies `{constraint}`, the {are} {}{hint}",
        chart.name,
        newest.join(", ")
    )
}

/// Says that versions which are wanted have something in the place of their URLs, where some do.
fn without_url(chart: &Chart, selected: &[Listed]) -> Option<String> {
    let mut unusable =
        selected.iter().filter_map(|one| one.no_url.map(|reason| (&one.version, reason)));
    let (version, reason) = unusable.next()?;
    let name = &chart.name;
    Some(match unusable.count() {
        0 => format!("version {version} of chart {name} has no usable URL: {reason}"),
        more => format!(
            "{} versions of chart {name} have no usable URL (first {version}: {reason})",
            more + 1
        ),
    })
}

/// Says what stands where a chart's versions should, and why the first of it is none.
fn told(lost: &Lost) -> String {
    let Lost { entries, first } = lost;
    if *entries == 1 {
        return format!(": 1 entry of it was passed over ({first})");
    }
    format!(": {entries} entries of it were passed over (first {first}; a verbose log names them)")
}
