//! What a worker tells of itself: to those who watch a run, to Prometheus, to probes.

use std::net::SocketAddr;

use mirror_model::Event;
use mirror_proto::wire::worker::v1::RowsAck;
use mirror_proto::wire::worker::v1::to_worker::What as Said;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fleet::{Fleet, Setup};

#[tokio::test]
async fn what_a_job_does_is_told() {
    let (mut fleet, mut link) = Fleet::linked(Setup::default()).await;
    fleet.publish("app").await;
    link.started().await;
    link.settle().await;
    let name = format!("{}/app:1.0.0", fleet.destination.host());
    // Events are gathered for a moment.
    link.told(|told| {
        let (mut begun, mut sent, mut sized, mut blobs) = (0, 0, 0, 0);
        for event in told {
            match event {
                Event::JobStarted { destination, .. } => {
                    assert_eq!(*destination, name);
                    begun += 1;
                }
                Event::JobSized { bytes, .. } => sized = *bytes,
                Event::BytesSent { bytes, .. } => sent += bytes,
                Event::BlobSettled { .. } => blobs += 1,
                _ => {}
            }
        }
        assert!(begun <= 1, "{told:?}");
        begun == 1 && sized > 0 && sent >= sized && blobs > 0
    })
    .await;
    fleet.assert_empty().await;
    fleet.end().await;
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn metrics_and_probes_say_how_it_stands() {
    let address = mirror_tests::ports::free();
    let setup = Setup { metrics: Some(address), ..Setup::default() };
    let mut fleet = Fleet::start(setup).await;
    let unwelcome = fleet.coordinator.unwelcomed().await;
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200 "));
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 503 "), "nobody leads");
    drop(unwelcome);
    let mut link = fleet.link().await;
    fleet.publish("app").await;
    link.started().await;
    let commit = link.commit().await;
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200 "));
    let row = link.row_of(&commit).await;
    let metrics = get(address, "/metrics").await;
    let host = fleet.destination.host();
    for line in [
        "flux_mirror_worker_jobs_total{status=\"copied\"} 1",
        "flux_mirror_worker_attempts_total 1",
        "flux_mirror_worker_job_duration_seconds_count 1",
        "flux_mirror_worker_slots 2",
        "flux_mirror_worker_slots_busy 0",
        "flux_mirror_worker_outbox_rows 1",
        "flux_mirror_worker_link_up 1",
        &format!("flux_mirror_worker_requests_total{{host=\"{host}\",code=\"201\"}}"),
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    link.say(Said::RowsAck(RowsAck { attempts: row.attempt.into_iter().collect() })).await;
    fleet.assert_empty().await;
    fleet.server.kill();
    for _ in 0..200 {
        if get(address, "/readyz").await.starts_with("HTTP/1.1 503 ") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("ready without NATS");
}
