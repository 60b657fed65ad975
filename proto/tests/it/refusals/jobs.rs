//! Jobs and what comes of them.

use mirror_proto::wire::job::v1 as job;
use mirror_proto::{decode_job, encode_job, outcome_from, outcome_to};
use prost::Message as _;

use super::expect;
use crate::sample;

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
fn jobs_of_charts() {
    #[track_caller]
    fn check(expected: &str, spoil: fn(&mut job::CopyChart)) {
        let message = encode_job(&sample::chart_job()).unwrap();
        let mut wire = job::Job::decode(message.as_slice()).unwrap();
        let Some(job::job::Work::CopyChart(copy)) = &mut wire.work else {
            panic!("{:?}", wire.work)
        };
        spoil(copy);
        expect(decode_job(&wire.encode_to_vec()), &format!("job.copy_chart.{expected}"));
    }
    check("chart is absent", |copy| copy.chart = None);
    check("chart.name is absent", |copy| copy.chart.as_mut().unwrap().name.clear());
    check("chart.repository is not understood: a user or password", |copy| {
        copy.chart.as_mut().unwrap().repository = "https://a:b@charts.example.com".to_owned();
    });
    check("version is absent", |copy| copy.version.clear());
    check("version has 5000 bytes", |copy| copy.version = "1".repeat(5000));
    check("urls is not understood: there are 9, of 8 at most", |copy| {
        copy.urls = vec!["app.tgz".to_owned(); 9];
    });
    check("urls[1] is absent", |copy| copy.urls[1].clear());
    check("urls[1] has 8193 bytes, 8192 are allowed", |copy| copy.urls[1] = "u".repeat(8193));
    check("urls[0] is not understood: a user or password does not travel", |copy| {
        copy.urls[0] = "//a:b@cdn.example.com/app.tgz".to_owned();
    });
    check("archive is absent", |copy| copy.archive = None);
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
