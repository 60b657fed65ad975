//! What travels, byte by byte, so that a change of the wire shows in review.
//!
//! `UPDATE_GOLDEN=1 cargo test -p mirror-proto` writes the files of `tests/golden` anew.

use std::fmt::{Debug, Write as _};
use std::path::Path;

use mirror_proto::wire::control::v1 as control;
use mirror_proto::wire::job::v1 as job;
use mirror_proto::wire::log::v1 as log;
use mirror_proto::wire::worker::v1 as worker;
use mirror_proto::{
    attempt_to, encode_batch, encode_job, event_to, failure_to, outcome_to, run_to, seen_to,
    submitted_to, tag_to,
};
use prost::Message;

use crate::sample;

/// Compares messages of one type with their file.
#[track_caller]
fn check<M: Message + Default + Debug>(name: &str, messages: &[M]) {
    let mut shown = String::new();
    for message in messages {
        let bytes = message.encode_to_vec();
        assert_eq!(M::decode(bytes.as_slice()).unwrap().encode_to_vec(), bytes, "{name}");
        for line in hex::encode(&bytes).as_bytes().chunks(96) {
            writeln!(shown, "{}", str::from_utf8(line).unwrap()).unwrap();
        }
        writeln!(shown, "{}\n", dump(message)).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
    if option_env!("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(shown, expected, "the wire form of {name} has changed: see {}", path.display());
}

/// Shows the fields, bytes in hexadecimal.
fn dump(message: &impl Debug) -> String {
    let (mut lines, mut bytes) = (Vec::new(), Vec::new());
    for line in format!("{message:#?}").lines() {
        match line.trim().strip_suffix(',').and_then(|number| number.parse::<u8>().ok()) {
            Some(byte) => bytes.push(byte),
            None if bytes.is_empty() => lines.push(line.to_owned()),
            None => {
                let list: String = lines.pop().unwrap();
                lines.push(format!("{list}{}{}", hex::encode(&bytes), line.trim()));
                bytes.clear();
            }
        }
    }
    lines.join("\n")
}

#[test]
fn jobs() {
    let jobs = [sample::job(), sample::job_with_referrers()];
    let jobs = jobs.map(|job| encode_job(&job).unwrap());
    check("job", &jobs.map(|message| job::Job::decode(message.as_slice()).unwrap()));
}

#[test]
fn batches() {
    let plain = zstd::decode_all(encode_batch(&sample::records()).as_slice()).unwrap();
    check("batch", &log::Batch::decode(plain.as_slice()).unwrap().records);
}

#[test]
fn what_workers_say() {
    use worker::from_worker::What;
    let attempt = || Some(attempt_to(&sample::attempt()));
    let name = tag_to(&sample::job().destination).unwrap();
    let hello = worker::Hello {
        worker: 1,
        region: "eu".to_owned(),
        slots: 16,
        version: "0.1.0".to_owned(),
        held: attempt().into_iter().collect(),
        features: vec!["charts".to_owned()],
    };
    let commit = worker::Commit {
        attempt: attempt(),
        name: Some(name),
        seen: Some(seen_to(sample::job().seen)),
        ask: 2,
    };
    let events = sample::events().iter().map(|event| event_to(event).unwrap()).collect();
    let row = worker::Row { attempt: attempt(), outcome: Some(outcome_to(&sample::outcome())) };
    let reason = worker::ReleaseReason::Drain.into();
    let whats = [
        What::Hello(hello),
        What::Started(worker::Started { attempt: attempt() }),
        What::Commit(commit),
        What::Progress(worker::Progress { run: run_to(sample::RUN), events }),
        What::Rows(worker::Rows { rows: vec![row] }),
        What::Release(worker::Release { attempt: attempt(), reason }),
        What::HostSignal(worker::HostSignal { host: "ghcr.io".to_owned(), pause_nanos: 9 }),
        What::Draining(worker::Draining {}),
    ];
    check("from_worker", &whats.map(|what| worker::FromWorker { what: Some(what) }));
}

#[test]
fn what_workers_are_told() {
    use worker::to_worker::What;
    let attempt = || Some(attempt_to(&sample::attempt()));
    let seen = Some(seen_to(sample::job().seen));
    let outcome = Some(outcome_to(&sample::outcome()));
    let whats = [
        What::Welcome(worker::Welcome { term: 3, beat_nanos: 5_000_000_000 }),
        What::Go(worker::Go { attempt: attempt(), ask: 2, seen }),
        What::Hold(worker::Hold { attempt: attempt(), ask: 2 }),
        What::Superseded(worker::Superseded { attempt: attempt(), ask: 2 }),
        What::Done(worker::Done { attempt: attempt(), outcome }),
        What::Drop(worker::Drop { attempt: attempt() }),
        What::RowsAck(worker::RowsAck { attempts: attempt().into_iter().collect() }),
        What::Cancelled(worker::Cancelled { run: run_to(sample::RUN) }),
        What::HostPause(worker::HostPause { host: "ghcr.io".to_owned(), pause_nanos: 9 }),
        What::Drain(worker::Drain {}),
        What::Share(worker::Share { requests: 6 }),
    ];
    check("to_worker", &whats.map(|what| worker::ToWorker { what: Some(what) }));
}

#[test]
fn what_the_command_line_asks() {
    let run = || "01J9SV9HEPWZW0J48H24GN22GP".to_owned();
    check("submit_run_request", &[submitted_to(&sample::run()).unwrap()]);
    check("submit_run_response", &[control::SubmitRunResponse { run: run(), known: true }]);
    check("watch_run_request", &[control::WatchRunRequest { run: run(), cursor: vec![1, 2] }]);
    check("get_run_request", &[control::GetRunRequest { run: run() }]);
    check("cancel_run_request", &[control::CancelRunRequest { run: run() }]);
    let state = control::RunState::Cancelling.into();
    check("cancel_run_response", &[control::CancelRunResponse { state }]);
    check("get_run_response", &[control::GetRunResponse { run: Some(run_row()) }]);
    check("list_runs_response", &[control::ListRunsResponse { runs: vec![run_row()] }]);
}

#[test]
fn what_watchers_get() {
    use control::watch_run_response::What;
    let planned = sample::part().to_watchers(&sample::entry());
    let items = Some(control::entry_planned::Items::Failure(failure_to(&sample::failure())));
    let failed = control::EntryPlanned { items, ..planned.clone() };
    let outcome = Some(outcome_to(&sample::outcome()));
    let events = vec![event_to(&sample::events()[0]).unwrap()];
    let whats = [
        What::Reset(control::Reset {}),
        What::Run(run_row()),
        What::Planned(planned),
        What::Planned(failed),
        What::Row(control::RowSettled { outcome }),
        What::Progress(worker::Progress { run: run_to(sample::RUN), events }),
        What::Ended(control::RunState::Ended.into()),
    ];
    let response = |what| control::WatchRunResponse { cursor: vec![8], what: Some(what) };
    check("watch_run_response", &whats.map(response));
}

fn run_row() -> control::Run {
    control::Run {
        run: "01J9SV9HEPWZW0J48H24GN22GP".to_owned(),
        state: control::RunState::Running.into(),
        submitted_at: 1_760_000_000,
        ended_at: Some(1_760_000_100),
        owner: "system".to_owned(),
        entries: 2,
        planned_entries: 1,
        rows: 20,
        settled: 10,
        failed: 1,
        drifted: 3,
        options: submitted_to(&sample::run()).unwrap().options,
    }
}
