//! What is too large is refused, or cut where only people read it.

use std::path::PathBuf;

use mirror_model::{
    Attached, Entry, EntryIndex, EntryPlan, Failure, FailureKind, FirstLook, Job, MAX_ATTACHED,
    Outcome, Planned, ReferrerRow, Row, Seen, Sight, SkipReason, Source, Stage, Status,
    Verification,
};
use mirror_oci::{Descriptor, Digest, LayoutPath, Place};
use mirror_proto::{
    Invalid, JobHash, MAX_JOB_BYTES, MAX_PLAIN_SUBMITTED_BYTES, MAX_RECORD_BYTES,
    MAX_SUBMITTED_BYTES, MAX_TEXT_BYTES, PlanPart, Record, SubmittedRun, body_hash, decode_batch,
    decode_job, encode_batch, encode_job, failure_from, failure_to, outcome_from, outcome_to,
    record_bytes, settle_unfit, submitted_to, tag_to,
};
use prost::Message as _;

use crate::sample;

fn layout() -> Place {
    Place::Layout(LayoutPath::new(PathBuf::from("/mirror")))
}

#[test]
fn long_messages_are_cut_at_a_character() {
    for filler in ["a", "é", "…", "🙂"] {
        let failure = Failure::text(Stage::Copy, FailureKind::Internal, filler.repeat(9000));
        let read = failure_from(Some(failure_to(&failure))).unwrap();
        assert!((MAX_TEXT_BYTES - 8..=MAX_TEXT_BYTES).contains(&read.message.len()));
        assert!(read.message.ends_with('…'));
    }
}

#[test]
fn a_row_of_many_failed_referrers_fits_a_record() {
    let failure = Failure::text(Stage::Referrers, FailureKind::Internal, "x".repeat(9000));
    let mut row = sample::referrer();
    row.status = Status::Failed(failure);
    row.artifact_type = Some("y".repeat(9000));
    let outcome = Outcome { referrers: vec![row; 1000], ..sample::outcome() };
    assert!(outcome_to(&outcome).encoded_len() < MAX_RECORD_BYTES);
}

/// What a message of a NATS server may have that nobody configured, less some headers.
const MAX_PAYLOAD_BYTES: usize = (1 << 20) - 1024;

/// A digest that does not compress.
fn noise(name: &str, index: usize) -> Digest {
    Digest::of(format!("{name} {index}").as_bytes())
}

/// A job to which so much is attached, each to a subject of its own.
fn laden(referrers: usize) -> Job {
    let attached = |index: usize| {
        let one = sample::attached().remove(0);
        let digest = noise("referrer", index);
        let descriptor = Descriptor { digest, size: 65_536, ..one.descriptor };
        let subject = noise("subject", index);
        Attached { subject, descriptor, listed: true, seen: Seen::Present(digest), ..one }
    };
    Job { referrers: (0..referrers).map(attached).collect(), ..sample::job() }
}

#[test]
fn ten_thousand_referrers_fit_a_job() {
    let job = laden(MAX_ATTACHED);
    let message = encode_job(&job).unwrap();
    assert!(message.len() < MAX_JOB_BYTES, "{} bytes", message.len());
    assert!(decode_job(&message).unwrap() == job);
    // Old tags take a few bytes more, and what is there instead of them its digest.
    let mut job = laden(MAX_ATTACHED / 2);
    for (index, attached) in job.referrers.iter_mut().enumerate() {
        let name = format!("{}.sig", attached.subject.fallback_tag());
        attached.name = Some(name.parse().unwrap());
        attached.seen = Seen::Present(noise("other", index));
    }
    let message = encode_job(&job).unwrap();
    assert!(decode_job(&message).unwrap() == job);
}

#[test]
fn a_job_with_too_many_referrers_says_so_and_what_can_be_done() {
    let error = encode_job(&laden(12_500)).unwrap_err();
    let Invalid::TooMuchAttached { referrers: 12_500, size, most: MAX_JOB_BYTES } = error else {
        panic!("{error}")
    };
    let expected = format!(
        "12500 referrers make a job of {size} bytes, and a fleet carries jobs of at most 1000000: \
         mirror it without includeReferrers, or in process (without --coordinator)"
    );
    assert_eq!(error.to_string(), expected);
}

/// A plan of one job, with as much beside it as there can be.
fn plan(job: Job) -> EntryPlan {
    let text = |index: usize| noise("text", index).hex().repeat(60);
    let verification = Verification {
        provider: text(1),
        issuer: Some(text(2)),
        identity: Some(text(3)),
        ..sample::verification()
    };
    let id = job.destination.tag.to_string();
    EntryPlan {
        source: "a".to_owned(),
        destination: "b".to_owned(),
        items: Ok(vec![Planned::Job { id, verification: Some(verification), job: Box::new(job) }]),
        warnings: (10..30).map(text).collect(),
        notes: Vec::new(),
    }
}

#[test]
fn the_plan_of_the_largest_job_is_a_message_of_the_log() {
    let mut job = laden(MAX_ATTACHED);
    // Types that compress little: as many as the job may have.
    let room = MAX_JOB_BYTES - encode_job(&job).unwrap().len();
    let mut digests = (0..).map(|index| noise("type", index).hex());
    for attached in job.referrers.iter_mut().take(room / 70) {
        attached.descriptor.artifact_type = digests.next();
    }
    let mut plan = plan(job.clone());
    settle_unfit(&mut plan);
    let parts = PlanPart::of(EntryIndex(3), &plan);
    let [part] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    let record = Record::Planned(part.clone());
    assert!(record_bytes(&record) > 980_000, "{} bytes", record_bytes(&record));
    let batch = encode_batch(std::slice::from_ref(&record));
    assert!(batch.len() < MAX_PAYLOAD_BYTES, "{} bytes", batch.len());
    assert!(decode_batch(&batch).unwrap() == [record]);
}

#[test]
fn a_plan_with_a_job_that_a_fleet_cannot_carry_has_a_failed_row_instead() {
    let mut plan = plan(laden(12_500));
    let Ok(items) = &mut plan.items else { panic!() };
    let fits = Planned::Job {
        id: "small".to_owned(),
        verification: None,
        job: Box::new(sample::job_with_referrers()),
    };
    items.push(fits);
    settle_unfit(&mut plan);
    let Ok(items) = plan.items else { panic!() };
    let [Planned::Settled(row), Planned::Job { .. }] = items.as_slice() else {
        panic!("{items:?}")
    };
    let Status::Failed(failure) = &row.status else { panic!("{row:?}") };
    assert_eq!((failure.stage, failure.kind), (Stage::Referrers, FailureKind::TooLarge));
    assert!(failure.message.starts_with("12500 referrers make a job of"), "{}", failure.message);
    assert_eq!((row.tag.as_str(), row.digest), ("v2.7.0", Some(sample::pin().digest)));
    assert!(row.verification.is_some());
}

#[test]
fn a_chart_whose_plan_nobody_could_read_again_is_a_failed_row() {
    for (url, expected) in [
        ("https://me:pw@h:99999/a.tgz", "a user or password does not travel"),
        ("//me@h/app.tgz", "a user or password does not travel"),
        ("", "job.copy_chart.urls[0] is absent"),
        ("charts//app@1.0.0.tgz", ""),
        ("app@1.0.0.tgz", ""),
    ] {
        let mut job = sample::chart_job();
        let Source::Chart(version) = &mut job.source else { unreachable!() };
        version.urls = vec![url.to_owned()];
        let mut plan = plan(job);
        settle_unfit(&mut plan);
        let Ok(items) = &plan.items else { panic!() };
        match &items[0] {
            Planned::Job { .. } => assert!(expected.is_empty(), "{url}"),
            Planned::Settled(Row { status: Status::Failed(failure), .. }) => {
                assert!(!expected.is_empty() && failure.message.contains(expected), "{failure:?}");
            }
            Planned::Settled(row) => panic!("{url}: {row:?}"),
        }
        let records: Vec<Record> =
            PlanPart::of(EntryIndex(3), &plan).into_iter().map(Record::Planned).collect();
        assert_eq!(decode_batch(&encode_batch(&records)).unwrap().len(), records.len(), "{url}");
    }
}

#[test]
fn a_row_of_ten_thousand_referrers_is_a_message_of_the_log_with_its_types_whole() {
    let types = ["application/vnd.dev.sigstore.bundle.v0.3+json", "application/spdx+json"];
    let up_to_date = Status::Skipped(SkipReason::UpToDate);
    let row = |index: usize| ReferrerRow {
        digest: noise("referrer", index),
        artifact_type: Some(types[index % 2].to_owned()),
        name: None,
        status: if index.is_multiple_of(3) { Status::Copied } else { up_to_date.clone() },
    };
    let rows = (0..MAX_ATTACHED).map(row).collect();
    let outcome = Outcome { referrers: rows, ..sample::outcome() };
    let record = Record::Row(Box::new(outcome.clone()));
    assert!(record_bytes(&record) > MAX_RECORD_BYTES);
    let batch = encode_batch(std::slice::from_ref(&record));
    assert!(batch.len() < MAX_PAYLOAD_BYTES, "{} bytes", batch.len());
    assert!(decode_batch(&batch).unwrap() == [record]);
    assert!(outcome_from(Some(outcome_to(&outcome))).unwrap() == outcome);
}

#[test]
fn what_was_seen_of_ten_thousand_referrers_is_a_message_of_the_log() {
    let sight = |index| Sight { seen: Seen::Present(noise("referrer", index)), listed: true };
    let referrers = (0..MAX_ATTACHED).map(sight).collect();
    let look = FirstLook { seen: Seen::Absent, referrers };
    let record = Record::Seen { job: sample::job_id(), look };
    let batch = encode_batch(std::slice::from_ref(&record));
    assert!(batch.len() < MAX_PAYLOAD_BYTES, "{} bytes", batch.len());
    assert!(decode_batch(&batch).unwrap() == [record]);
}

#[test]
fn a_type_is_written_once_however_many_rows_have_it() {
    let rows = vec![sample::referrer(); 100];
    let outcome = Outcome { referrers: rows, ..sample::outcome() };
    let wire = outcome_to(&outcome);
    assert_eq!(wire.types, [sample::referrer().artifact_type.unwrap()]);
    assert!(wire.referrers.iter().all(|row| row.r#type == 1 && row.artifact_type.is_none()));
}

#[test]
fn rows_of_an_older_version_are_read() {
    let mut wire = outcome_to(&sample::outcome());
    wire.types.clear();
    for row in &mut wire.referrers {
        row.r#type = 0;
        row.artifact_type = Some("text/x".to_owned());
    }
    let read = outcome_from(Some(wire)).unwrap();
    let types: Vec<_> = read.referrers.iter().map(|row| row.artifact_type.as_deref()).collect();
    assert_eq!(types, [Some("text/x"); 3]);
}

#[test]
fn a_submission_must_fit_a_record() {
    let entry = sample::entry();
    let entries = |count: usize, name: &dyn Fn(usize) -> String| SubmittedRun {
        entries: (0..count)
            .map(|index| Entry { source_name: name(index), ..entry.clone() })
            .collect(),
        ..sample::run()
    };
    let expect = |run: &SubmittedRun, expected: usize| {
        let error = submitted_to(run).unwrap_err();
        let Invalid::TooLarge { field, most, .. } = &error else { panic!("{error}") };
        assert_eq!((field.as_str(), *most), ("entries", expected));
    };
    expect(&entries(3000, &|_| "n".repeat(4000)), MAX_PLAIN_SUBMITTED_BYTES);
    // Names that do not repeat, and so do not compress: half of their digits are left.
    let noise = |index: usize| {
        let block = |part: usize| hex::encode(JobHash::of(format!("{index} {part}").as_bytes()).0);
        (0..64).map(block).collect::<String>()
    };
    assert!(submitted_to(&entries(100, &noise)).is_ok());
    expect(&entries(600, &noise), MAX_SUBMITTED_BYTES);
}

#[test]
fn layouts_do_not_travel() {
    let mut run = sample::run();
    run.entries[1].destination = layout();
    let field = |field: &str| Invalid::Layout { field: field.to_owned() };
    assert_eq!(submitted_to(&run).unwrap_err(), field("entries[1].destination"));

    let mut job = sample::job();
    job.source = Source::Artifact { place: layout(), root: sample::pin() };
    assert_eq!(encode_job(&job).unwrap_err(), field("job.copy.source"));
    let mut job = sample::job();
    job.destination.place = layout();
    assert_eq!(encode_job(&job).unwrap_err(), field("job.destination.repository"));
    assert_eq!(tag_to(&job.destination).unwrap_err(), field("tag.repository"));
}

#[test]
fn the_hash_of_a_submission_leaves_its_key_out() {
    let request = submitted_to(&sample::run()).unwrap();
    let mut other = request.clone();
    other.idempotency_key = "another".to_owned();
    assert_eq!(body_hash(&request), body_hash(&other));
    other.entries.pop();
    assert_ne!(body_hash(&request), body_hash(&other));
}
