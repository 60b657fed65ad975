//! One row of a plan: what of a job its entry does not say.

use mirror_model::{
    Entry, EntrySource, Failure, FailureKind, JobId, Planned, Row, RunId, RunOptions, Source,
    Stage, Status,
};

use super::{PlanItem, Work};
use crate::Invalid;
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
                let Source::Artifact { root, .. } = &job.source;
                let work = Work::Copy { root: root.clone(), tag: job.destination.tag.clone() };
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
            (Work::Copy { root, tag }, EntrySource::Artifact { place, .. }) => {
                let source = Source::Artifact { place: place.clone(), root };
                let job = Box::new(entry.job(run, id, source, tag, options));
                Planned::Job { id: name, verification, job }
            }
            // No plan has it: this version has no jobs of charts. A row all the same, so that none is
            // missing.
            (Work::Copy { root, .. }, EntrySource::Chart(_)) => Planned::Settled(Row {
                tag: name,
                status: Status::Failed(Failure::text(
                    Stage::Run,
                    FailureKind::Internal,
                    "this version has no jobs of charts",
                )),
                digest: Some(root.digest),
                referrers: Vec::new(),
                verification,
            }),
        }
    }
}

pub(super) fn item_to(item: &PlanItem) -> wire::PlannedItem {
    let what = match &item.work {
        Work::Copy { root, tag } => {
            let (root, media_type) = pin_to(root);
            let destination_tag =
                if tag.as_str() == item.id { String::new() } else { tag.to_string() };
            What::Copy(wire::PlannedCopy { root: Some(root), media_type, destination_tag })
        }
        Work::Settled(row) => What::Settled(wire::SettledRow {
            status: Some(status_to(&row.status, MAX_TEXT_BYTES)),
            digest: row.digest.map(digest_to),
            referrers: referrers_to(&row.referrers),
        }),
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
        What::Settled(settled) => {
            let (status, digest, referrers) = settled_from(settled).at("settled")?;
            let (tag, verification) = (id.clone(), verification.clone());
            Work::Settled(Row { tag, status, digest, referrers, verification })
        }
    };
    Ok(PlanItem { id, verification, work })
}

fn copy_from(id: &str, copy: wire::PlannedCopy) -> Result<Work, Invalid> {
    let wire::PlannedCopy { root, media_type, destination_tag } = copy;
    let tag = if destination_tag.is_empty() { id } else { &destination_tag };
    let tag = tag_text_from(tag).at("destination_tag")?;
    Ok(Work::Copy { root: pin_from(root, &media_type)?, tag })
}

type Settled = (Status, Option<mirror_oci::Digest>, Vec<mirror_model::ReferrerRow>);

fn settled_from(settled: wire::SettledRow) -> Result<Settled, Invalid> {
    let wire::SettledRow { status, digest, referrers } = settled;
    let digest = digest.map(|digest| digest_from(Some(digest)).at("digest")).transpose()?;
    Ok((status_from(status).at("status")?, digest, referrers_from(referrers)?))
}
