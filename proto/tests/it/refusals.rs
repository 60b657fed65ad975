//! Each field that can be wrong, wrong once: the error names it.

use mirror_proto::wire::control::v1::SubmitRunRequest;
use mirror_proto::wire::job::v1 as job;
use mirror_proto::wire::log::v1 as log;
use mirror_proto::wire::worker::v1 as worker;
use mirror_proto::{
    Invalid, PlanPart, attempt_from, attempt_to, decode_batch, decode_job, encode_batch,
    encode_job, event_from, event_to, outcome_from, outcome_to, seen_from, submitted_from,
    submitted_to, tag_from, tag_to, verification_from,
};
use prost::Message as _;

use crate::sample;

#[track_caller]
fn expect<T: std::fmt::Debug>(read: Result<T, Invalid>, expected: &str) {
    let error = read.unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn jobs() {
    #[track_caller]
    fn check(expected: &str, spoil: fn(&mut job::Job)) {
        let message = encode_job(&sample::job()).unwrap();
        let mut wire = job::Job::decode(message.as_slice()).unwrap();
        spoil(&mut wire);
        expect(decode_job(&wire.encode_to_vec()), expected);
    }
    fn copy(job: &mut job::Job) -> &mut job::Copy {
        let Some(job::job::Work::Copy(copy)) = &mut job.work else { panic!("no copy") };
        copy
    }
    check("job.run is absent", |job| job.run.clear());
    check("job.run is not understood: it has 3 bytes rather than 16", |job| job.run = vec![1; 3]);
    check("job.id is absent", |job| job.id = None);
    check("job.policy is absent", |job| job.policy = None);
    check("job.limits is absent", |job| job.limits = None);
    check("job.limits.attempts is absent", |job| job.limits.as_mut().unwrap().attempts = 0);
    check("job.limits.timeout_nanos is absent", |job| {
        job.limits.as_mut().unwrap().timeout_nanos = 0;
    });
    check("job.seen is absent", |job| job.seen = None);
    check("job.seen is absent", |job| job.seen = Some(job::Seen { what: None }));
    check("job.seen.present is not understood: a digest has 32 or 64 bytes, not 1", |job| {
        let what = job::seen::What::Present(job::Digest { value: vec![1] });
        job.seen = Some(job::Seen { what: Some(what) });
    });
    check("job.destination is absent", |job| job.destination = None);
    check("job.destination.repository is absent", |job| {
        job.destination.as_mut().unwrap().repository = None;
    });
    check("job.destination.tag is absent", |job| {
        job.destination.as_mut().unwrap().tag.clear();
    });
    check("job.destination.tag is not understood: `a/b` is no tag", |job| {
        job.destination.as_mut().unwrap().tag = "a/b".to_owned();
    });
    check("job.work is not understood", |job| job.work = None);
    check("job.copy.source is absent", |job| copy(job).source = None);
    check("job.copy.source.host is absent", |job| {
        copy(job).source.as_mut().unwrap().host.clear();
    });
    check("job.copy.source.host is not understood", |job| {
        copy(job).source.as_mut().unwrap().host = "a b".to_owned();
    });
    check(
        "job.copy.source is not understood: `single/fluxcd/flux` names no registry host",
        |job| {
            copy(job).source.as_mut().unwrap().host = "single".to_owned();
        },
    );
    check("job.copy.source.name is absent", |job| {
        copy(job).source.as_mut().unwrap().name.clear();
    });
    check("job.copy.source.name is not understood", |job| {
        copy(job).source.as_mut().unwrap().name = "A".to_owned();
    });
    check("job.copy.source.name has 5000 bytes, 4096 are allowed", |job| {
        copy(job).source.as_mut().unwrap().name = "a".repeat(5000);
    });
    check("job.copy.root is absent", |job| copy(job).root = None);
    check("job.copy.root is absent", |job| copy(job).root.as_mut().unwrap().value.clear());
    check("job.copy.media_type is not understood", |job| {
        copy(job).media_type = "a/b; charset=c".to_owned();
    });
}

#[test]
fn jobs_with_referrers() {
    #[track_caller]
    fn check(expected: &str, spoil: fn(&mut job::CopyAttached)) {
        let message = encode_job(&sample::job_with_referrers()).unwrap();
        let mut wire = job::Job::decode(message.as_slice()).unwrap();
        let Some(job::job::Work::CopyAttached(attached)) = &mut wire.work else {
            panic!("{:?}", wire.work)
        };
        spoil(attached);
        expect(decode_job(&wire.encode_to_vec()), &format!("job.copy_attached.{expected}"));
    }
    fn referrers(attached: &mut job::CopyAttached) -> &mut job::Attachments {
        attached.referrers.as_mut().unwrap()
    }
    fn sights(attached: &mut job::CopyAttached) -> &mut job::Sights {
        attached.sights.as_mut().unwrap()
    }
    check("copy is absent", |attached| attached.copy = None);
    check("copy.root is absent", |attached| attached.copy.as_mut().unwrap().root = None);
    check("referrers is absent", |attached| attached.referrers = None);
    check("referrers.rows is absent", |attached| referrers(attached).rows.clear());
    check("referrers.rows is not understood: there are 10001, 10000 are allowed", |attached| {
        let row = referrers(attached).rows[0].clone();
        referrers(attached).rows = vec![row; 10_001];
    });
    check("referrers.subjects[1] is not understood: a digest has 32 or", |attached| {
        referrers(attached).subjects[1].pop();
    });
    check("referrers.media_types[0] is not understood", |attached| {
        referrers(attached).media_types[0] = "json".to_owned();
    });
    check("referrers.artifact_types[1] has 5000 bytes", |attached| {
        referrers(attached).artifact_types[1] = "a".repeat(5000);
    });
    check("referrers.rows[1].digest is absent", |attached| {
        referrers(attached).rows[1].digest.clear();
    });
    check("referrers.rows[1].subject is absent", |attached| {
        referrers(attached).rows[1].subject = 0;
    });
    let beyond = "referrers.rows[1].subject is not understood: the table has 3 places, not 4";
    check(beyond, |attached| referrers(attached).rows[1].subject = 4);
    check("referrers.rows[4].media_type is absent", |attached| {
        referrers(attached).rows[4].media_type = 0;
    });
    check("referrers.rows[4].media_type is not understood: the table has 1", |attached| {
        referrers(attached).rows[4].media_type = u32::MAX;
    });
    check("referrers.rows[0].artifact_type is not understood: the table has 2", |attached| {
        referrers(attached).rows[0].artifact_type = 3;
    });
    check("referrers.rows[3].name is not understood: `sha256-", |attached| {
        referrers(attached).rows[3].name = ".a/b".to_owned();
    });
    check("referrers.rows[4].name is not understood: `a/b` is no tag", |attached| {
        referrers(attached).rows[4].name = "a/b".to_owned();
    });
    check("sights is absent", |attached| attached.sights = None);
    check("sights.states is absent", |attached| *sights(attached) = job::Sights::default());
    check("sights.states[0] is absent", |attached| sights(attached).states[0] = 0);
    check("sights.states[0] is absent", |attached| sights(attached).states[0] = 8);
    check("sights.states[1] is not understood: 5 is none", |attached| {
        sights(attached).states[1] = 5;
    });
    check("sights.states[1] is not understood: 17 is none", |attached| {
        sights(attached).states[1] = 17;
    });
    check("sights is not understood: there are 4 of 5 referrers", |attached| {
        sights(attached).states.pop();
    });
    check("sights.states[5] is not understood: nothing here says", |attached| {
        sights(attached).states.push(2);
    });
    check("sights is not understood: there are 6 of 5 referrers", |attached| {
        sights(attached).states.push(1);
    });
    let few = "sights.others is not understood: 0 are there, and the states tell of 1";
    check(few, |attached| sights(attached).others.clear());
    check("sights.others is not understood: 1 are there, and the states tell of 0", |attached| {
        sights(attached).states[3] = 1;
    });
    check("sights.others[0] is absent", |attached| sights(attached).others[0].clear());
}

#[test]
fn outcomes() {
    #[track_caller]
    fn check(expected: &str, spoil: fn(&mut job::Outcome)) {
        let mut wire = outcome_to(&sample::outcome());
        spoil(&mut wire);
        expect(outcome_from(Some(wire)), expected);
    }
    fn failure(outcome: &mut job::Outcome) -> &mut job::Failure {
        outcome.referrers[1].status.as_mut().unwrap().failure.as_mut().unwrap()
    }
    expect(outcome_from(None), "outcome is absent");
    check("outcome.job is absent", |outcome| outcome.job = None);
    check("outcome.status is absent", |outcome| outcome.status = None);
    check("outcome.status.kind is absent", |outcome| outcome.status.as_mut().unwrap().kind = 0);
    check("outcome.status.kind is not understood: 99 is none", |outcome| {
        outcome.status.as_mut().unwrap().kind = 99;
    });
    check("outcome.status.failure is absent", |outcome| {
        outcome.status.as_mut().unwrap().kind = job::StatusKind::Failed.into();
    });
    check("outcome.status.failure is not understood: only what failed has", |outcome| {
        outcome.status.as_mut().unwrap().failure = Some(job::Failure::default());
    });
    check("outcome.digest is absent", |outcome| {
        outcome.digest.as_mut().unwrap().value.clear();
    });
    check("outcome.referrers[0].digest is absent", |outcome| outcome.referrers[0].digest = None);
    check("outcome.referrers is not understood: there are 10001, 10000 are", |outcome| {
        outcome.referrers = vec![outcome.referrers[0].clone(); 10_001];
    });
    check("outcome.types[0] has 5000 bytes", |outcome| outcome.types[0] = "a".repeat(5000));
    check("outcome.referrers[0].artifact_type has 5000 bytes", |outcome| {
        outcome.referrers[0].r#type = 0;
        outcome.referrers[0].artifact_type = Some("a".repeat(5000));
    });
    check("outcome.referrers[1].type is not understood: the table has 1 places", |outcome| {
        outcome.referrers[1].r#type = 2;
    });
    check("outcome.referrers[2].name is not understood: `a b` is no tag", |outcome| {
        outcome.referrers[2].name = "a b".to_owned();
    });
    check("outcome.referrers[0].status is absent", |outcome| outcome.referrers[0].status = None);
    check("outcome.referrers[1].status.failure.stage is absent", |outcome| {
        failure(outcome).stage = 0;
    });
    check("outcome.referrers[1].status.failure.kind is absent", |outcome| {
        failure(outcome).kind = 0;
    });
    check("outcome.referrers[1].status.failure.message has 5000 bytes", |outcome| {
        failure(outcome).message = "a".repeat(5000);
    });
}

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
    check("plan.items is absent", |plan| plan.items = None);
    check("plan.failure.stage is absent", |plan| {
        plan.items = Some(job::entry_plan::Items::Failure(job::Failure::default()));
    });
    check("plan.warnings[0] has 5000 bytes", |plan| plan.warnings[0] = "w".repeat(5000));
    check("plan.planned.total is not understood: there are only 2, not 3 from 10 on", |plan| {
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
