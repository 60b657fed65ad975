//! A plan is cut into parts that fit records, and put together again as it was.

use mirror_model::{
    Entry, EntryIndex, EntryPlan, EntrySource, Failure, FailureKind, JobId, Planned, Row,
    RunOptions, Source, Stage, Status,
};
use mirror_proto::wire::log::v1 as log;
use mirror_proto::{
    DEFAULT_CONCURRENCY, MAX_RECORD_BYTES, PlanItem, PlanPart, Record, WatchedPlan, decode_batch,
    encode_batch,
};
use prost::Message as _;

use crate::sample;

fn planned(entry: &Entry, row: usize, verified: bool) -> Planned {
    let EntrySource::Artifact { place, .. } = &entry.source else { panic!("{entry:?}") };
    let source = Source::Artifact { place: place.clone(), root: sample::pin() };
    let id = JobId { entry: EntryIndex(3), row };
    let tag = format!("v1.0.{row}");
    let options = options();
    let mut job = entry.job(sample::RUN, id, source, tag.parse().unwrap(), &options);
    if row.is_multiple_of(3) {
        job.referrers = sample::attached();
    }
    let verification = verified.then(sample::verification);
    Planned::Job { id: tag, verification, job: Box::new(job) }
}

fn options() -> RunOptions {
    let concurrency = DEFAULT_CONCURRENCY;
    RunOptions { overwrite: false, dry_run: true, concurrency, limits: sample::limits() }
}

fn plan(items: Result<Vec<Planned>, Failure>, warnings: usize) -> EntryPlan {
    EntryPlan {
        source: "a".to_owned(),
        destination: "b".to_owned(),
        items,
        warnings: vec!["w".repeat(10_000); warnings],
    }
}

fn record_bytes(part: &PlanPart) -> usize {
    let bytes = encode_batch(&[Record::Planned(part.clone())]);
    log::Batch::decode(zstd::decode_all(bytes.as_slice()).unwrap().as_slice())
        .unwrap()
        .encoded_len()
}

/// Cuts and joins a plan; returns the number of parts.
#[track_caller]
fn check(items: Vec<Planned>, warnings: usize) -> usize {
    let expected = format!("{items:?}");
    let total = items.len();
    let parts = PlanPart::of(EntryIndex(3), &plan(Ok(items), warnings));
    let (entry, options) = (sample::entry(), options());
    let mut joined = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        assert!(record_bytes(part) <= MAX_RECORD_BYTES, "part {index} of {}", parts.len());
        assert_eq!(part.warnings.is_empty(), index > 0 || warnings == 0);
        let read = PlanPart::from_wire(part.to_wire()).unwrap().items.unwrap();
        assert_eq!((read.first, read.total), (joined.len(), total));
        for item in read.items {
            let id = JobId { entry: EntryIndex(3), row: joined.len() };
            joined.push(item.into_planned(sample::RUN, id, &entry, &options));
        }
        let watched = WatchedPlan::from_wire(part.to_watchers(&entry)).unwrap();
        assert_eq!(watched.source, entry.source_name);
        assert_eq!(watched.rows.unwrap().total, total);
    }
    assert_eq!(format!("{joined:?}"), expected);
    parts.len()
}

#[test]
fn a_plan_comes_together_as_it_was() {
    assert_eq!(check(Vec::new(), 0), 1);
    let entry = sample::entry();
    assert_eq!(check(vec![planned(&entry, 0, true)], 1), 1);
    assert!(check((0..5000).map(|row| planned(&entry, row, row % 2 == 0)).collect(), 100) > 2);
}

#[test]
fn rows_with_long_errors_still_fit() {
    let failed = |row: usize| {
        Planned::Settled(Row {
            tag: format!("v1.0.{row}"),
            status: Status::Failed(Failure::text(
                Stage::Resolve,
                FailureKind::Corrupt,
                "é".repeat(50_000),
            )),
            digest: None,
            referrers: vec![sample::referrer(); 600],
            verification: None,
        })
    };
    for part in PlanPart::of(EntryIndex(3), &plan(Ok((0..9).map(failed).collect()), 0)) {
        assert!(record_bytes(&part) <= MAX_RECORD_BYTES);
        let batch = encode_batch(&[Record::Planned(part)]);
        assert_eq!(decode_batch(&batch).unwrap().len(), 1);
    }
}

#[test]
fn a_plan_that_failed_is_one_part() {
    let parts = PlanPart::of(EntryIndex(3), &plan(Err(sample::failure()), 1));
    let [part] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    assert_eq!(part.items, Err(sample::failure()));
    let watched = WatchedPlan::from_wire(part.to_watchers(&sample::entry())).unwrap();
    assert_eq!(watched.rows, Err(sample::failure()));
}

#[test]
fn a_job_of_a_chart_is_a_failed_row() {
    let item = PlanItem::of(&planned(&sample::entry(), 0, true));
    let options = options();
    let planned =
        item.into_planned(sample::RUN, sample::job_id(), &sample::chart_entry(), &options);
    let Planned::Settled(row) = planned else { panic!("{planned:?}") };
    assert_eq!((row.tag.as_str(), row.status.as_str()), ("v1.0.0", "failed"));
}
