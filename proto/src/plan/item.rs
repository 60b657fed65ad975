//! One row of a plan: what of a job its entry does not say.

use mirror_model::{
    Entry, EntrySource, Failure, FailureKind, Job, JobId, Planned, Row, RunId, RunOptions, Seen,
    Source, Stage, Status,
};

use super::{PlanItem, Work};
use crate::Invalid;
use crate::attached::{attachments_from, attachments_to};
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
                let (tag, mut referrers) = (job.destination.tag.clone(), job.referrers.clone());
                for attached in &mut referrers {
                    (attached.seen, attached.listed) = (Seen::Unknown, false);
                }
                let work = Work::Copy { root: root.clone(), tag, referrers };
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
        Work::Copy { root, tag, referrers } => {
            let (root, media_type) = pin_to(root);
            let destination_tag =
                if tag.as_str() == item.id { String::new() } else { tag.to_string() };
            let (root, referrers) = (Some(root), attachments_to(referrers));
            What::Copy(wire::PlannedCopy { root, media_type, destination_tag, referrers })
        }
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

type Settled = (Status, Option<mirror_oci::Digest>, Vec<mirror_model::ReferrerRow>);

fn settled_from(settled: wire::SettledRow) -> Result<Settled, Invalid> {
    let wire::SettledRow { status, digest, referrers, types } = settled;
    let digest = digest.map(|digest| digest_from(Some(digest)).at("digest")).transpose()?;
    Ok((status_from(status).at("status")?, digest, referrers_from(referrers, types)?))
}
