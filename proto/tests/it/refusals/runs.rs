//! Runs: what is submitted, planned, logged and told of.

use mirror_proto::wire::control::v1::SubmitRunRequest;
use mirror_proto::wire::job::v1 as job;
use mirror_proto::wire::log::v1 as log;
use mirror_proto::wire::worker::v1 as worker;
use mirror_proto::{
    PlanPart, attempt_from, attempt_to, decode_batch, encode_batch, event_from, event_to,
    seen_from, submitted_from, submitted_to, tag_from, tag_to, verification_from,
};
use prost::Message as _;

use super::expect;
use crate::sample;

#[test]
fn submissions() {
    #[track_caller]
    fn check(expected: &str, spoil: fn(&mut SubmitRunRequest)) {
        let mut wire = submitted_to(&sample::run()).unwrap();
        spoil(&mut wire);
        expect(submitted_from(wire), expected);
    }
    fn artifact(request: &mut SubmitRunRequest) -> &mut job::Artifact {
        let source = request.entries[0].source.as_mut().unwrap();
        let job::entry::Source::Artifact(artifact) = source else { panic!("no artifact") };
        artifact
    }
    fn identity(request: &mut SubmitRunRequest) -> &mut job::Identity {
        &mut artifact(request).verify.as_mut().unwrap().identities[0]
    }
    fn chart(request: &mut SubmitRunRequest) -> &mut job::Chart {
        let source = request.entries[1].source.as_mut().unwrap();
        let job::entry::Source::Chart(chart) = source else { panic!("no chart") };
        chart
    }
    fn selector(request: &mut SubmitRunRequest) -> &mut job::Selector {
        request.entries[0].selector.as_mut().unwrap()
    }
    check("options is absent", |request| request.options = None);
    check("options.limits is absent", |request| request.options.as_mut().unwrap().limits = None);
    check("idempotency_key has 5000 bytes", |request| {
        request.idempotency_key = "k".repeat(5000);
    });
    check("entries[1].source_name is absent", |request| request.entries[1].source_name.clear());
    check("entries[1].destination_name is absent", |request| {
        request.entries[1].destination_name.clear();
    });
    check("entries[1].destination is absent", |request| request.entries[1].destination = None);
    check("entries[1].destination.name is not understood", |request| {
        request.entries[1].destination.as_mut().unwrap().name = "a//b".to_owned();
    });
    check("entries[0].source is not understood", |request| request.entries[0].source = None);
    check("entries[0].artifact.repository is absent", |request| {
        artifact(request).repository = None;
    });
    check("entries[0].artifact.verify.identities is absent", |request| {
        artifact(request).verify.as_mut().unwrap().identities.clear();
    });
    check("entries[0].artifact.verify.identities[0].issuer is absent", |request| {
        identity(request).issuer.clear();
    });
    check("entries[0].artifact.verify.identities[0].subject is absent", |request| {
        identity(request).subject.clear();
    });
    check(
        "entries[0].artifact.verify.identities[0].subject is not understood: missing",
        |request| {
            identity(request).subject = "(".to_owned();
        },
    );
    check("entries[1].chart.repository is absent", |request| chart(request).repository.clear());
    check("entries[1].chart.repository is not understood: a user or password", |request| {
        chart(request).repository = "https://a:b@charts.example.com".to_owned();
    });
    check("entries[1].chart.name is absent", |request| chart(request).name.clear());
    check("entries[0].selector is absent", |request| request.entries[0].selector = None);
    check("entries[0].selector.sort_by is absent", |request| selector(request).sort_by = 0);
    check("entries[0].selector.sort_by is not understood", |request| {
        selector(request).sort_by = 9;
    });
    check("entries[0].selector is not understood: semver `x!` is no constraint: ", |request| {
        selector(request).semver = Some("x!".to_owned());
    });
    check("entries[0].selector is not understood: regex.pattern", |request| {
        selector(request).regex.as_mut().unwrap().pattern = "[".to_owned();
    });
}

#[test]
fn plans() {
    #[track_caller]
    fn check(expected: &str, spoil: fn(&mut job::EntryPlan)) {
        let mut wire = sample::part().to_wire();
        spoil(&mut wire);
        expect(PlanPart::from_wire(wire), expected);
    }
    fn planned(plan: &mut job::EntryPlan) -> &mut job::PlannedItems {
        let Some(job::entry_plan::Items::Planned(planned)) = &mut plan.items else {
            panic!("no items")
        };
        planned
    }
    fn copy(plan: &mut job::EntryPlan) -> &mut job::PlannedCopy {
        let what = planned(plan).items[1].what.as_mut().unwrap();
        let job::planned_item::What::Copy(copy) = what else { panic!("no copy") };
        copy
    }
    fn settled(plan: &mut job::EntryPlan) -> &mut job::SettledRow {
        let what = planned(plan).items[2].what.as_mut().unwrap();
        let job::planned_item::What::Settled(settled) = what else { panic!("no row") };
        settled
    }
    fn chart(plan: &mut job::EntryPlan) -> &mut job::PlannedChart {
        let Some(job::planned_item::What::Chart(chart)) = &mut planned(plan).items[3].what else {
            panic!()
        };
        chart
    }
    check("plan.items is absent", |plan| plan.items = None);
    check("plan.failure.stage is absent", |plan| {
        plan.items = Some(job::entry_plan::Items::Failure(job::Failure::default()));
    });
    check("plan.warnings[0] has 5000 bytes", |plan| plan.warnings[0] = "w".repeat(5000));
    check("plan.planned.total is not understood: there are only 2, not 4 from 10 on", |plan| {
        planned(plan).total = 2;
    });
    check("plan.planned.items[0].id is absent", |plan| planned(plan).items[0].id.clear());
    check("plan.planned.items[0] is not understood", |plan| planned(plan).items[0].what = None);
    check("plan.planned.items[0].verification.issuer has 5000 bytes", |plan| {
        planned(plan).items[0].verification.as_mut().unwrap().issuer = Some("i".repeat(5000));
    });
    check("plan.planned.items[1].copy.root is absent", |plan| copy(plan).root = None);
    check("plan.planned.items[1].copy.media_type is not understood", |plan| {
        copy(plan).media_type = "json".to_owned();
    });
    check("plan.planned.items[1].copy.destination_tag is not understood: `1.1.0+b`", |plan| {
        copy(plan).destination_tag.clear();
    });
    check("plan.planned.items[1].copy.referrers.rows is absent", |plan| {
        copy(plan).referrers = Some(job::Attachments::default());
    });
    check("plan.planned.items[1].copy.referrers.rows[2].subject is not understood", |plan| {
        copy(plan).referrers.as_mut().unwrap().rows[2].subject = 9;
    });
    check("plan.planned.items[2].settled.referrers[0].type is not understood", |plan| {
        settled(plan).types.clear();
    });
    check("plan.planned.items[2].settled.status is absent", |plan| settled(plan).status = None);
    check("plan.planned.items[2].settled.digest is absent", |plan| {
        settled(plan).digest.as_mut().unwrap().value.clear();
    });
    check("plan.planned.items[2].settled.referrers[0].digest is absent", |plan| {
        settled(plan).referrers[0].digest = None;
    });
    check("plan.planned.items[3].chart.archive is absent", |plan| chart(plan).archive = None);
    check("plan.planned.items[3].chart.urls[0] is absent", |plan| chart(plan).urls[0].clear());
    check("plan.planned.items[3].chart.destination_tag is not understood", |plan| {
        chart(plan).destination_tag = "1.2.0+b".to_owned();
    });
}

#[test]
fn records() {
    #[track_caller]
    fn check(expected: &str, spoil: fn(&mut [log::Record])) {
        let plain = zstd::decode_all(encode_batch(&sample::records()).as_slice()).unwrap();
        let mut batch = log::Batch::decode(plain.as_slice()).unwrap();
        spoil(&mut batch.records);
        let bytes = zstd::bulk::compress(&batch.encode_to_vec(), 1).unwrap();
        expect(decode_batch(&bytes), expected);
    }
    use log::record::What;
    check("records[0].submitted.options is absent", |records| {
        records[0].what = Some(What::Submitted(log::Submitted::default()));
    });
    check("records[0].submitted.body_hash is absent", |records| {
        let Some(What::Submitted(submitted)) = &mut records[0].what else { panic!() };
        submitted.body_hash.clear();
    });
    check("records[0].submitted.owner has 5000 bytes", |records| {
        let Some(What::Submitted(submitted)) = &mut records[0].what else { panic!() };
        submitted.owner = "o".repeat(5000);
    });
    check("records[1].planned.items is absent", |records| {
        records[1].what = Some(What::Planned(job::EntryPlan::default()));
    });
    check("records[3].seen.job is absent", |records| {
        records[3].what = Some(What::Seen(log::Sighting::default()));
    });
    check("records[3].seen.seen is absent", |records| {
        let job = Some(job::JobId::default());
        let sighting = log::Sighting { job, seen: None, sights: None };
        records[3].what = Some(What::Seen(sighting));
    });
    check("records[13].seen.sights.states[0] is not understood: nothing here says", |records| {
        let Some(What::Seen(sighting)) = &mut records[13].what else { panic!() };
        let sights = sighting.sights.as_mut().unwrap();
        sights.states[0] = 2;
        sights.others.remove(0);
    });
    check("records[13].seen.sights.states is absent", |records| {
        let Some(What::Seen(sighting)) = &mut records[13].what else { panic!() };
        sighting.sights = Some(job::Sights::default());
    });
    check("records[4].intent.job is absent", |records| {
        records[4].what = Some(What::Intent(log::Intent::default()));
    });
    check("records[4].intent.name is absent", |records| {
        let Some(What::Intent(intent)) = &mut records[4].what else { panic!() };
        intent.name = None;
    });
    check("records[4].intent.seen is absent", |records| {
        let Some(What::Intent(intent)) = &mut records[4].what else { panic!() };
        intent.seen = None;
    });
    check("records[5].row.job is absent", |records| {
        records[5].what = Some(What::Row(job::Outcome::default()));
    });
    check("records[6].lost.job is absent", |records| {
        records[6].what = Some(What::Lost(log::Lost::default()));
    });
    check("records[7] is not understood", |records| records[7].what = None);
    check("records[10].term.advertise has 5000 bytes", |records| {
        let advertise = "a".repeat(5000);
        records[10].what = Some(What::Term(log::Term { term: 1, advertise }));
    });
    check("records[11].beat.advertise has 5000 bytes", |records| {
        let advertise = "a".repeat(5000);
        records[11].what = Some(What::Beat(log::Beat { term: 1, advertise }));
    });
}

#[test]
fn events() {
    #[track_caller]
    fn check(index: usize, expected: &str, spoil: fn(&mut worker::Event)) {
        let mut wire = event_to(&sample::events()[index]).unwrap();
        spoil(&mut wire);
        expect(event_from(wire), expected);
    }
    use worker::event::What;
    for index in 0..6 {
        check(index, "event.job is absent", |event| event.job = None);
    }
    check(0, "event is not understood", |event| event.what = None);
    check(0, "event.started.source has 5000 bytes", |event| {
        let source = "s".repeat(5000);
        event.what = Some(What::Started(worker::JobStarted { source, ..Default::default() }));
    });
    check(3, "event.blob.digest is absent", |event| {
        event.what = Some(What::Blob(worker::BlobSettled::default()));
    });
    check(3, "event.blob.how is absent", |event| {
        let Some(What::Blob(blob)) = &mut event.what else { panic!() };
        blob.how = 0;
    });
    check(4, "event.manifest.media_type is absent", |event| {
        let Some(What::Manifest(manifest)) = &mut event.what else { panic!() };
        manifest.media_type.clear();
    });
    check(5, "event.retrying.attempt is absent", |event| {
        event.what = Some(What::Retrying(worker::JobRetrying::default()));
    });
    check(5, "event.retrying.failure is absent", |event| {
        let Some(What::Retrying(retrying)) = &mut event.what else { panic!() };
        retrying.failure = None;
    });
    check(6, "event.warning.message has 5000 bytes", |event| {
        let Some(What::Warning(warning)) = &mut event.what else { panic!() };
        warning.message = "m".repeat(5000);
    });
    check(8, "event.fallback_tag.tag is absent", |event| {
        event.what = Some(What::FallbackTag(worker::FallbackTag::default()));
    });
    check(8, "event.job is absent", |event| event.job = None);
    check(7, "event.realm.realm has 5000 bytes", |event| {
        let Some(What::Realm(realm)) = &mut event.what else { panic!() };
        realm.realm = "r".repeat(5000);
    });
}

#[test]
fn attempts_tags_and_signatures() {
    #[track_caller]
    fn check(expected: &str, spoil: fn(&mut worker::Attempt)) {
        let mut wire = attempt_to(&sample::attempt());
        spoil(&mut wire);
        expect(attempt_from(Some(wire)), expected);
    }
    expect(attempt_from(None), "attempt is absent");
    check("attempt.run is absent", |attempt| attempt.run.clear());
    check("attempt.job is absent", |attempt| attempt.job = None);
    check("attempt.hash is absent", |attempt| attempt.hash.clear());
    check("attempt.hash is not understood: it has 31 bytes", |attempt| attempt.hash = vec![1; 31]);
    expect(seen_from(None), "seen is absent");
    expect(tag_from(None), "tag is absent");
    let mut tag = tag_to(&sample::job().destination).unwrap();
    tag.tag.clear();
    expect(tag_from(Some(tag)), "tag.tag is absent");
    let provider = "p".repeat(5000);
    let verification = job::Verification { provider, ..Default::default() };
    expect(verification_from(verification), "verification.provider has 5000 bytes");
}
