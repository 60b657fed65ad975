//! Submitting: what is sent, what is refused, and what is said of it.

use mirror_proto::wire::job::v1::StatusKind;
use mirror_tests::binary::eventually;
use std::time::Duration;
use tonic::Status;

use super::server::{Coordinator, RUNS, Step, ended, planned, row};
use super::{LINES, binary, config, whole};

#[tokio::test]
async fn a_run_of_a_fleet_is_shown_as_one_of_this_process() {
    let coordinator = Coordinator::start([whole()]);
    let mirror = binary();
    let done = mirror.call(["sync", "mirror.yaml", "--coordinator", &coordinator.url]).run().await;
    done.assert_code(1);
    let lines = done.stdout.strip_prefix(LINES).unwrap_or_else(|| panic!("{done}"));
    assert!(lines.starts_with("Summary: 1 copied, 1 skipped, 1 failed in "), "{done}");
    let run = RUNS[0];
    let url = &coordinator.url;
    let hint = format!("run {run}: flux-mirror runs watch {run} --coordinator {url}\n");
    assert_eq!(done.stderr, hint);
    let submitted = coordinator.submitted();
    let [submitted] = submitted.as_slice() else { panic!("{submitted:?}") };
    assert_eq!(submitted.entries.len(), 2);
    let options = submitted.options.unwrap();
    assert_eq!((options.overwrite, options.dry_run, options.concurrency), (false, false, 0));
    assert_eq!(options.limits.unwrap().attempts, 4);
    assert!(submitted.idempotency_key.len() > 20, "random");
    assert_eq!(coordinator.watched(), [(run.to_owned(), String::new())]);
}

#[tokio::test]
async fn the_report_and_the_flags_are_those_of_sync() {
    let drifted = vec![
        Step::Say("1", planned(0, &["1.0.0"])),
        Step::Say("2", planned(1, &[])),
        Step::Say("3", row(0, 0, StatusKind::Drifted)),
        ended(),
    ];
    let coordinator = Coordinator::start([drifted.clone(), drifted]);
    let mirror = binary();
    let arguments = "sync mirror.yaml -o json --overwrite --dry-run --timeout 20s --retries 0 \
                     --concurrency 7 --idempotency-key nightly --coordinator";
    let arguments = arguments.split_whitespace().chain([coordinator.url.as_str()]);
    let arguments: Vec<&str> = arguments.collect();
    let done = mirror.call(&arguments).run().await;
    done.assert_code(2);
    let report = &done.json()["report"];
    assert_eq!(report["results"][0]["tags"][0]["status"], "drifted", "{done}");
    assert_eq!(report["results"][1]["source"], "s.example/1");
    assert_eq!(report["summary"]["exitCode"], 2);
    let submitted = coordinator.submitted();
    let options = submitted[0].options.unwrap();
    let limits = options.limits.unwrap();
    assert_eq!((options.overwrite, options.dry_run, options.concurrency), (true, true, 7));
    assert_eq!((limits.attempts, limits.timeout_nanos), (1, 20_000_000_000));
    assert_eq!(submitted[0].idempotency_key, "nightly");
    let arguments = ["sync", "mirror.yaml", "--drift-exit-code", "0", "--coordinator"];
    let call = mirror.call(arguments).arg(&coordinator.url);
    call.run().await.assert_code(0);
}

#[tokio::test]
async fn hosts_are_left_out_and_that_is_said() {
    let coordinator = Coordinator::start([whole()]);
    let mirror = binary();
    let hosts = "hosts:\n  - {host: d.example, credential: {value: s3cret}}\n  \
                 - {host: 123456789012.dkr.ecr.us-east-1.amazonaws.com, provider: ecr}\n";
    mirror.write("mirror.yaml", config(hosts));
    let call = mirror.call(["sync", "mirror.yaml"]);
    let done = call.env("FLUX_MIRROR_COORDINATOR", &coordinator.url).run().await;
    done.assert_code(1);
    let warning = "! hosts is left out: the fleet's own processes hold the credentials\n";
    assert!(done.stderr.ends_with(warning), "{done}");
    assert!(done.stdout.starts_with(LINES), "{done}");
    assert!(!format!("{:?}", coordinator.submitted()).contains("s3cret"));
}

#[tokio::test]
async fn what_a_fleet_cannot_do_is_refused_before_anything_is_asked() {
    let coordinator = Coordinator::start([]);
    let mirror = binary();
    let refused = async |arguments: &[&str], expected: &str| {
        let arguments = ["sync"].iter().chain(arguments).chain(&["--coordinator"]);
        let done = mirror.call(arguments).arg(&coordinator.url).run().await;
        done.assert_code(1);
        assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", expected));
    };
    refused(
        &["absent.yaml", "--insecure"],
        "✗ --insecure cannot be given with --coordinator: how registries are trusted is for the \
         fleet's own processes\n",
    )
    .await;
    refused(
        &["absent.yaml", "--layout-root", "/"],
        "✗ --layout-root cannot be given with --coordinator: a fleet does not reach the disk of \
         this machine\n",
    )
    .await;
    let layouts = "  - {source: 'oci-layout://a', destination: 'oci-layout://b'}\n";
    mirror.write("layouts.yaml", config(layouts));
    let because = "a layout is on the disk of this machine, which a fleet (--coordinator) does \
                   not reach";
    refused(
        &["layouts.yaml"],
        &format!("✗ artifacts[2].source: {because}\n✗ artifacts[2].destination: {because}\n"),
    )
    .await;
    assert!(coordinator.submitted().is_empty());
}

#[tokio::test]
async fn a_refusal_is_one_line() {
    let coordinator = Coordinator::start([]);
    let refusal = Status::already_exists("the key\nbelongs to another config");
    coordinator.state.lock().unwrap().refusal = Some(refusal);
    let done =
        binary().call(["sync", "mirror.yaml", "--coordinator", &coordinator.url]).run().await;
    done.assert_code(1);
    let expected = format!("✗ {} refuses: the key\\nbelongs to another config\n", coordinator.url);
    assert_eq!((done.stdout.as_str(), done.stderr), ("", expected));
}

#[tokio::test]
async fn detached_it_prints_the_id_and_returns() {
    let coordinator = Coordinator::start([]);
    let call = binary().call(["sync", "mirror.yaml", "--detach", "--coordinator"]);
    let done = call.arg(&coordinator.url).run().await;
    done.assert_code(0);
    assert_eq!(done.stdout, format!("{}\n", RUNS[0]));
    assert!(done.stderr.starts_with(&format!("run {}: ", RUNS[0])), "{done}");
    assert!(coordinator.watched().is_empty());
}

#[tokio::test]
async fn the_leader_is_followed() {
    let leader = Coordinator::start([whole()]);
    let standby = Coordinator::start([]);
    standby.state.lock().unwrap().leader = Some(leader.url.clone());
    let done = binary().call(["sync", "mirror.yaml", "--coordinator", &standby.url]).run().await;
    done.assert_code(1);
    assert!(done.stdout.starts_with(LINES), "{done}");
    assert_eq!((leader.submitted().len(), standby.submitted().len()), (1, 0));
}

#[tokio::test]
async fn ctrl_c_cancels_the_run_and_the_report_is_printed_all_the_same() {
    let steps = vec![
        Step::Say("1", planned(0, &["2.0.0", "1.0.0"])),
        Step::Say("2", row(0, 1, StatusKind::Copied)),
        Step::UntilCancelled,
        ended(),
    ];
    let coordinator = Coordinator::start([steps]);
    let running = binary().call(["sync", "mirror.yaml", "--coordinator", &coordinator.url]).spawn();
    let patience = Duration::from_secs(20);
    eventually("the run is watched", patience, || !coordinator.watched().is_empty()).await;
    running.interrupt();
    let done = running.wait().await;
    done.assert_code(1);
    assert_eq!(coordinator.cancelled(), [RUNS[0]]);
    assert!(done.stdout.contains("✗ s.example/0:2.0.0 — cancelled\n"), "{done}");
    assert!(done.stdout.contains("✗ s.example/1 — plan failed: cancelled\n"), "{done}");
    assert!(done.stdout.contains("Summary: 1 copied, 2 failed in "), "{done}");
}

#[tokio::test]
async fn a_run_that_another_process_began_is_watched_and_never_cancelled() {
    let steps = vec![Step::UntilCancelled, ended()];
    let coordinator = Coordinator::start([steps]);
    coordinator.state.lock().unwrap().known = true;
    let call = binary().call(["sync", "mirror.yaml", "--idempotency-key", "k", "--coordinator"]);
    let running = call.arg(&coordinator.url).spawn();
    let patience = Duration::from_secs(20);
    eventually("the run is watched", patience, || !coordinator.watched().is_empty()).await;
    running.interrupt();
    let done = running.wait().await;
    done.assert_code(130);
    assert!(coordinator.cancelled().is_empty());
    assert!(done.stderr.contains("! the idempotency key is known: this run began before\n"));
    assert!(done.stderr.contains("! the run goes on: "), "{done}");
}
