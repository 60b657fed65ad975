//! What is written is read the same.

use mirror_proto::wire::worker::v1 as worker;
use mirror_proto::{
    PlanPart, attempt_from, attempt_to, decode_batch, decode_job, decode_job_name, encode_batch,
    encode_job, event_from, event_to, outcome_from, outcome_to, submitted_from, submitted_to,
};
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use prost::Message as _;

use crate::{sample, strategy};

proptest! {
    // Values are large, and each law is about fields, not about numbers of them.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn jobs_come_through(job in strategy::job()) {
        let message = encode_job(&job).unwrap();
        prop_assert_eq!(decode_job_name(&message).unwrap(), (job.run, job.id));
        prop_assert_eq!(decode_job(&message).unwrap(), job);
    }

    #[test]
    fn outcomes_come_through(outcome in strategy::outcome()) {
        prop_assert_eq!(outcome_from(Some(outcome_to(&outcome))).unwrap(), outcome);
    }

    #[test]
    fn plans_come_through(part in strategy::part()) {
        prop_assert_eq!(PlanPart::from_wire(part.to_wire()).unwrap(), part);
    }

    #[test]
    fn submissions_come_through(run in strategy::run()) {
        let request = submitted_to(&run).unwrap();
        let read = submitted_from(request).unwrap();
        prop_assert_eq!(&read.options, &run.options);
        prop_assert_eq!(read, run);
    }

    #[test]
    fn batches_come_through(records in proptest::collection::vec(strategy::record(), 0..5)) {
        prop_assert_eq!(decode_batch(&encode_batch(&records)).unwrap(), records);
    }
}

#[test]
fn samples_come_through() {
    let (job, run) = (sample::job(), sample::run());
    for job in [job, sample::job_with_referrers()] {
        assert_eq!(decode_job(&encode_job(&job).unwrap()).unwrap(), job);
    }
    assert_eq!(submitted_from(submitted_to(&run).unwrap()).unwrap(), run);
    assert_eq!(decode_batch(&encode_batch(&sample::records())).unwrap(), sample::records());
    let attempt = sample::attempt();
    assert_eq!(attempt_from(Some(attempt_to(&attempt))).unwrap(), attempt);
}

#[test]
fn events_of_jobs_and_notices_of_registries_come_through() {
    for event in sample::events() {
        let bytes = event_to(&event).unwrap().encode_to_vec();
        let read = event_from(worker::Event::decode(bytes.as_slice()).unwrap()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{event:?}"));
    }
}

#[test]
fn rows_and_plans_are_no_events_of_a_worker() {
    use mirror_model::{EntryIndex, Event, Warning};
    let (entry, message) = (EntryIndex(0), String::new());
    for event in [
        Event::EntryPlanned { entry, rows: 1 },
        Event::EntryFailed { entry, source: String::new(), failure: sample::failure() },
        Event::Warning(Warning::Run { message }),
    ] {
        assert_eq!(event_to(&event), None);
    }
}

#[test]
fn of_concurrency_only_what_was_asked_for_travels() {
    let mut run = sample::run();
    run.jobs = None;
    let read = submitted_from(submitted_to(&run).unwrap()).unwrap();
    assert_eq!(read.jobs, None);
    assert_eq!(read.options.concurrency, mirror_proto::DEFAULT_CONCURRENCY);
    assert_eq!(read, run);
    assert_ne!(read, sample::run());
}
