//! A registry that asks a fleet for peace: all of it keeps the one pause.

use std::time::Duration;

use mirror_tests::binary::eventually;
use mirror_tests::client::Client;
use mirror_tests::ports;
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};
use tokio::time::Instant;

use super::{Fleet, Mirrored, PATIENCE};
use crate::requests::pair::assert_rows;

/// How long the registry wants to be left alone.
const PAUSE: Duration = Duration::from_secs(6);
/// Within this all of a fleet have heard of it, on a busy machine too.
const HEARD: Duration = Duration::from_secs(2);
const WORKERS: usize = 3;
const NEIGHBOURS: [&str; 4] = ["b", "c", "d", "e"];

#[tokio::test]
async fn a_registry_that_is_busy_is_left_alone_by_all() {
    let mut mirrored = Mirrored::by(Fleet::new(1).await);
    mirrored.fleet.coordinator(0, &[]);
    let metrics: Vec<String> = (0..WORKERS).map(|_| ports::free().to_string()).collect();
    for (worker, address) in metrics.iter().enumerate() {
        mirrored.fleet.worker(worker, &["--concurrency=2", &format!("--metrics={address}")]);
        if worker == 0 {
            // Who begins before there is a queue may look for it again after a while, and then has none of
            // the jobs below.
            mirrored.push("first", &["1.0.0"]);
            mirrored.config("first.yaml", &["first"], "");
            mirrored.fleet.sync("first.yaml").run().await.assert_code(0);
        }
    }
    let linked = || mirrored.fleet.logs().iter().filter(|log| log.contains("link up")).count();
    eventually("all workers are linked", PATIENCE, || linked() == WORKERS).await;
    mirrored.push("a", &["1.0.0"]);
    mirrored.push("late", &["1.0.0"]);
    for repository in NEIGHBOURS {
        mirrored.push(repository, &["1.0.0"]);
    }
    mirrored.config("mirror.yaml", &["a", "b", "c", "d", "e"], "");
    mirrored.config("late.yaml", &["late"], "");
    // All neighbours are about to send their blobs.
    let beside = Gate::closed();
    let read = Rule::on(Kind::BlobGet).matching(|it| it.repository.as_deref() != Some("a"));
    mirrored.source.script(read, Fault::none().hold(&beside));
    let told = Gate::closed();
    let tag = Rule::on(Kind::ManifestPut).repository("a").first(1);
    let seconds = PAUSE.as_secs().to_string();
    let busy = Fault::status(429).header("Retry-After", &seconds).hold_answer(&told);
    mirrored.destination.script(tag, busy);
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    let held = || mirrored.source.log().kind(Kind::BlobGet).repositories().len();
    // These, `a`, and the first.
    eventually("all are under way", PATIENCE, || held() == NEIGHBOURS.len() + 2).await;
    told.reached(1).await;
    let begin = Instant::now();
    told.resume();
    tokio::time::sleep(HEARD).await;
    // Now all others would ask the registry, and the coordinator too.
    beside.resume();
    let late = mirrored.fleet.sync("late.yaml").arg("-o").arg("json").spawn();
    let done = running.wait().await;
    assert!(begin.elapsed() >= PAUSE, "nobody kept the pause");
    for entry in 0..=NEIGHBOURS.len() {
        assert_rows(done.assert_code(0), entry, &[("1.0.0", "copied")]);
    }
    assert_rows(late.wait().await.assert_code(0), 0, &[("1.0.0", "copied")]);

    let log = mirrored.destination.log();
    let refused = log.only(|entry| entry.status == Some(429));
    assert_eq!(refused.count(), 1, "one was refused\n{log}");
    let told = refused.entries()[0].end.unwrap();
    let early = log.only(|it| it.start > told + HEARD / 2 && it.start < told + PAUSE - HEARD / 4);
    assert_eq!(early.count(), 0, "{early}");
    mirrored.assert_one_row_each().await;

    let mut counted = 0;
    for address in &metrics {
        let answer = Client::new(address).send("GET", "/metrics", &[], b"").await;
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let line = format!(
            "flux_mirror_worker_requests_total{{host=\"{}\",code=\"429\"}} ",
            mirrored.destination.host()
        );
        counted += text
            .lines()
            .filter_map(|it| it.strip_prefix(&line)?.parse::<usize>().ok())
            .sum::<usize>();
    }
    assert_eq!(counted, 1);
}
