//! One row of a plan: what of a job its entry does not say.

use mirror_model::{
    ChartVersion, Entry, EntrySource, Failure, FailureKind, Job, JobId, Planned, Row, RunId,
    RunOptions, Seen, Source, Stage, Status, Verification,
};
use mirror_oci::Digest;

use super::{PlanItem, Work};
use crate::Invalid;
use crate::attached::{attachments_from, attachments_to};
use crate::chart::urls_from;
use crate::content::{digest_from, digest_to, pin_from, pin_to, tag_text_from};
use crate::outcome::{referrers_from, referrers_to, verification_from, verification_to};
use crate::path::At;
use crate::status::{status_from, status_to};
use crate::text::{MAX_TEXT_BYTES, name_from, text_to};
use crate::wire::job::v1::{self as wire, planned_item::What};

impl PlanItem {
    /// Keeps of a planned row what its entry does not say.
    pub fn of(planned: &Planned) -> Self {
        match planned {
            Planned::Job { id, verification, job } => {
                let tag = job.destination.tag.clone();
                let work = match &job.source {
                    Source::Artifact { root, .. } => {
                        let mut referrers = job.referrers.clone();
                        for attached in &mut referrers {
                            (attached.seen, attached.listed) = (Seen::Unknown, false);
                        }
                        Work::Copy { root: root.clone(), tag, referrers }
                    }
                    Source::Chart(ChartVersion { urls, archive, .. }) => {
                        Work::Chart { urls: urls.clone(), archive: *archive, tag }
                    }
                };
                Self { id: id.clone(), verification: verification.clone(), work }
            }
            Planned::Settled(row) => Self {
                id: row.tag.clone(),
                verification: row.verification.clone(),
                work: Work::Settled(row.clone()),
            },
        }
    }

    /// Returns the item as the plan of `entry` had it.
    pub fn into_planned(
        self,
        run: RunId,
        id: JobId,
        entry: &Entry,
        options: &RunOptions,
    ) -> Planned {
        let Self { id: name, verification, work } = self;
        match (work, &entry.source) {
            (Work::Settled(row), _) => Planned::Settled(row),
            (Work::Copy { root, tag, referrers }, EntrySource::Artifact { place, .. }) => {
                let source = Source::Artifact { place: place.clone(), root };
                let job = entry.job(run, id, source, tag, options);
                let job = Box::new(Job { referrers, ..job });
                Planned::Job { id: name, verification, job }
            }
            (Work::Chart { urls, archive, tag }, EntrySource::Chart(chart)) => {
                let (chart, version) = (chart.clone(), name.clone());
                let source = Source::Chart(ChartVersion { chart, version, urls, archive });
                let job = Box::new(entry.job(run, id, source, tag, options));
                Planned::Job { id: name, verification, job }
            }
            (Work::Copy { root, .. }, EntrySource::Chart(_)) => {
                misplaced(name, root.digest, verification)
            }
            (Work::Chart { archive, .. }, EntrySource::Artifact { .. }) => {
                misplaced(name, archive, verification)
            }
        }
    }
}

/// The row of an item that no plan of its entry has: a row all the same, so that none is missing.
fn misplaced(tag: String, digest: Digest, verification: Option<Verification>) -> Planned {
    let message = "the plan has a row of another kind of entry";
    let failure = Failure::text(Stage::Run, FailureKind::Internal, message);
    let (status, digest) = (Status::Failed(failure), Some(digest));
    Planned::Settled(Row { tag, status, digest, referrers: Vec::new(), verification })
}

pub(super) fn item_to(item: &PlanItem) -> wire::PlannedItem {
    let what = match &item.work {
        Work::Copy { root, tag, referrers } => {
            let (root, media_type) = pin_to(root);
            let destination_tag =
                if tag.as_str() == item.id { String::new() } else { tag.to_string() };
            let (root, referrers) = (Some(root), attachments_to(referrers));
            What::Copy(wire::PlannedCopy { root, media_type, destination_tag, referrers })
        }
        Work::Chart { urls, archive, tag } => What::Chart(wire::PlannedChart {
            urls: urls.clone(),
            archive: Some(digest_to(*archive)),
            destination_tag: tag.to_string(),
        }),
        Work::Settled(row) => {
            let (referrers, types) = referrers_to(&row.referrers);
            What::Settled(wire::SettledRow {
                status: Some(status_to(&row.status, MAX_TEXT_BYTES)),
                digest: row.digest.map(digest_to),
                referrers,
                types,
            })
        }
    };
    wire::PlannedItem {
        id: text_to(&item.id),
        verification: item.verification.as_ref().map(verification_to),
        what: Some(what),
    }
}

pub(super) fn item_from(item: wire::PlannedItem) -> Result<PlanItem, Invalid> {
    let Some(what) = item.what else {
        return Err(Invalid::value("this version does not know such rows"));
    };
    let id = name_from(item.id).at("id")?;
    let verification = item.verification.map(verification_from).transpose()?;
    let work = match what {
        What::Copy(copy) => copy_from(&id, copy).at("copy")?,
        What::Chart(chart) => chart_from(chart).at("chart")?,
        What::Settled(settled) => {
            let (status, digest, referrers) = settled_from(settled).at("settled")?;
            let (tag, verification) = (id.clone(), verification.clone());
            Work::Settled(Row { tag, status, digest, referrers, verification })
        }
    };
    Ok(PlanItem { id, verification, work })
}

fn copy_from(id: &str, copy: wire::PlannedCopy) -> Result<Work, Invalid> {
    let wire::PlannedCopy { root, media_type, destination_tag, referrers } = copy;
    let tag = if destination_tag.is_empty() { id } else { &destination_tag };
    let tag = tag_text_from(tag).at("destination_tag")?;
    let root = pin_from(root, &media_type)?;
    let referrers = referrers.map(attachments_from).transpose().at("referrers")?;
    Ok(Work::Copy { root, tag, referrers: referrers.unwrap_or_default() })
}

fn chart_from(chart: wire::PlannedChart) -> Result<Work, Invalid> {
    let wire::PlannedChart { urls, archive, destination_tag } = chart;
    let tag = tag_text_from(&destination_tag).at("destination_tag")?;
    Ok(Work::Chart { urls: urls_from(urls)?, archive: digest_from(archive).at("archive")?, tag })
}

type Settled = (Status, Option<Digest>, Vec<mirror_model::ReferrerRow>);

fn settled_from(settled: wire::SettledRow) -> Result<Settled, Invalid> {
    let wire::SettledRow { status, digest, referrers, types } = settled;
    let digest = digest.map(|digest| digest_from(Some(digest)).at("digest")).transpose()?;
    Ok((status_from(status).at("status")?, digest, referrers_from(referrers, types)?))
}
