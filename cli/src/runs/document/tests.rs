//! Runs as documents and as text.

use mirror_proto::wire::job::v1::{Limits, RunOptions as WireOptions};

use super::*;
use crate::runs::table;

fn run() -> Run {
    Run {
        run: "01JZ8Q4T7M3V5X9B2C6D8E0F1G".to_owned(),
        state: RunState::Running.into(),
        submitted_at: 1_778_662_800,
        ended_at: None,
        owner: String::new(),
        entries: 3,
        planned_entries: 2,
        rows: 120,
        settled: 7,
        failed: 1,
        drifted: 0,
        options: Some(WireOptions {
            overwrite: true,
            dry_run: false,
            concurrency: 0,
            limits: Some(Limits { attempts: 4, timeout_nanos: 300_000_000_000, blobs: 4 }),
        }),
    }
}

fn ended() -> Run {
    Run {
        state: RunState::Cancelled.into(),
        ended_at: Some(1_778_662_860),
        owner: "spiffe://example.org/ci\x1b".to_owned(),
        ..run()
    }
}

#[test]
fn a_run_is_a_document() {
    let document = RunDocument::try_from(ended()).unwrap();
    let expected = r#"{"run":"01JZ8Q4T7M3V5X9B2C6D8E0F1G","state":"cancelled","submittedAt":"2026-05-13T09:00:00Z","endedAt":"2026-05-13T09:01:00Z","owner":"spiffe://example.org/ci\u001b","entries":3,"plannedEntries":2,"rows":120,"settled":7,"failed":1,"drifted":0,"options":{"overwrite":true,"dryRun":false,"retries":3,"timeout":"5m0s"}}"#;
    assert_eq!(serde_json::to_string(&document).unwrap(), expected);
}

#[test]
fn runs_are_a_table() {
    let runs = |runs: Vec<Run>| RunsDocument {
        runs: runs.into_iter().map(|run| RunDocument::try_from(run).unwrap()).collect(),
    };
    assert_eq!(table::list(&runs(vec![])), "no runs\n");
    assert_eq!(
        table::list(&runs(vec![run()])),
        "RUN                          STATE     SUBMITTED              ENTRIES   ROWS    FAILED   \
         DRIFTED\n01JZ8Q4T7M3V5X9B2C6D8E0F1G   running   2026-05-13T09:00:00Z   2/3       7/120   \
         1        0\n"
    );
    let table = table::list(&runs(vec![run(), ended()]));
    assert!(table.lines().all(|line| line.trim_end() == line), "{table}");
    assert!(table.ends_with("0         spiffe://example.org/ci\\u{1b}\n"), "{table}");
}

#[test]
fn a_run_is_a_list_of_fields() {
    let text = table::run(&RunDocument::try_from(ended()).unwrap());
    assert_eq!(
        text,
        "run         01JZ8Q4T7M3V5X9B2C6D8E0F1G\nstate       cancelled\n\
         submitted   2026-05-13T09:00:00Z\nended       2026-05-13T09:01:00Z\n\
         owner       spiffe://example.org/ci\\u{1b}\nentries     2 of 3 planned\n\
         rows        7 of 120 settled\nfailed      1\ndrifted     0\n\
         options     --retries 3 --timeout 5m0s --overwrite\n"
    );
}

#[test]
fn what_is_unspecified_is_refused() {
    let check = |run: Run, field: &str| {
        let error = RunDocument::try_from(run).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    };
    check(Run { state: 0, ..run() }, "run.state");
    check(Run { state: 99, ..run() }, "run.state");
    check(Run { options: None, ..run() }, "options");
    check(Run { submitted_at: i64::MAX, ..run() }, "run.submitted_at");
}
