//! What is too large is refused, or cut where only people read it.

use std::path::PathBuf;

use mirror_model::{Entry, Failure, FailureKind, Outcome, Source, Stage, Status};
use mirror_oci::{LayoutPath, Place};
use mirror_proto::{
    Invalid, JobHash, MAX_PLAIN_SUBMITTED_BYTES, MAX_RECORD_BYTES, MAX_SUBMITTED_BYTES,
    MAX_TEXT_BYTES, SubmittedRun, body_hash, encode_job, failure_from, failure_to, outcome_to,
    submitted_to, tag_to,
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
