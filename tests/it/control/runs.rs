//! `runs`: what a fleet knows, in each form, and what it does not know.

use mirror_tests::binary::{Finished, eventually};
use std::time::Duration;

use super::server::{Coordinator, RUNS, Step, ended};
use super::{LINES, binary, whole};

async fn runs(coordinator: &Coordinator, arguments: &[&str]) -> Finished {
    let arguments = ["runs"].iter().chain(arguments).chain(&["--coordinator"]);
    binary().call(arguments).arg(&coordinator.url).run().await
}

#[tokio::test]
async fn runs_are_listed_and_shown_in_each_form() {
    let coordinator = Coordinator::start([]);
    let done = runs(&coordinator, &["list"]).await;
    done.assert_code(0);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{done}");
    assert!(lines[1].starts_with(&format!("{}   ended   2026-05-13T09:00:00Z", RUNS[0])));
    let done = runs(&coordinator, &["list", "-o", "json"]).await;
    assert_eq!(done.json()["runs"][1]["run"], RUNS[1]);
    let done = runs(&coordinator, &["get", &RUNS[0].to_lowercase(), "-o", "yaml"]).await;
    done.assert_code(0);
    assert!(done.stdout.contains("plannedEntries: 2\n"), "{done}");
    let done = runs(&coordinator, &["get", RUNS[0]]).await;
    assert!(done.stdout.contains("\nrows        3 of 3 settled\n"), "{done}");
}

#[tokio::test]
async fn a_run_is_watched_by_another_process() {
    let coordinator = Coordinator::start([whole(), whole()]);
    let done = runs(&coordinator, &["watch", RUNS[0]]).await;
    done.assert_code(1);
    assert_eq!(done.stdout, format!("{LINES}Summary: 1 copied, 1 skipped, 1 failed in 4s.\n"));
    assert_eq!(done.stderr, "");
    let done = runs(&coordinator, &["watch", RUNS[0], "-o", "json"]).await;
    let report = &done.json()["report"];
    assert_eq!(report["timestamp"], "2026-05-13T09:00:00Z");
    assert_eq!(report["results"][0]["tags"][0]["tag"], "2.0.0");
}

#[tokio::test]
async fn ctrl_c_ends_the_watching_and_not_the_run() {
    let coordinator = Coordinator::start([vec![Step::UntilCancelled, ended()]]);
    let call = binary().call(["runs", "watch", RUNS[0], "--coordinator", &coordinator.url]);
    let running = call.spawn();
    let patience = Duration::from_secs(20);
    eventually("the run is watched", patience, || !coordinator.watched().is_empty()).await;
    running.interrupt();
    let done = running.wait().await;
    done.assert_code(130);
    let run = RUNS[0];
    let note = format!("! run {run} goes on; flux-mirror runs cancel {run} would end it\n");
    assert_eq!((done.stdout.as_str(), done.stderr), ("", note));
    assert!(coordinator.cancelled().is_empty());
}

#[tokio::test]
async fn a_run_is_cancelled_and_it_says_what_came_of_it() {
    let coordinator = Coordinator::start([]);
    let done = runs(&coordinator, &["cancel", RUNS[0]]).await;
    done.assert_code(0);
    assert!(done.stdout.starts_with(&format!("run {} is being cancelled: ", RUNS[0])), "{done}");
    let done = runs(&coordinator, &["cancel", RUNS[0], "-ojson"]).await;
    assert_eq!(done.json()["state"], "cancelling");
    assert_eq!(coordinator.cancelled(), [RUNS[0], RUNS[0]]);
}

#[tokio::test]
async fn an_unknown_run_is_one_clear_error() {
    let coordinator = Coordinator::start([]);
    let unknown = "01JZ8Q4T7M3V5X9B2C6D8E0F3J";
    for command in ["get", "watch", "cancel"] {
        let done = runs(&coordinator, &[command, unknown]).await;
        done.assert_code(1);
        let expected = format!(
            "✗ run {unknown} is not known: runs are kept for 7 days, see flux-mirror runs list\n"
        );
        assert_eq!((done.stdout.as_str(), done.stderr), ("", expected), "{command}");
    }
}

#[tokio::test]
async fn a_variable_names_the_fleet_unless_it_is_empty() {
    let coordinator = Coordinator::start([]);
    let call = |value: &str| binary().call(["runs", "list"]).env("FLUX_MIRROR_COORDINATOR", value);
    call(&coordinator.url).run().await.assert_code(0);
    let done = call("").run().await;
    done.assert_code(1);
    let expected =
        "✗ the following required arguments were not provided: --coordinator <URL[,URL]>\n";
    assert_eq!(done.stderr, expected);
}
