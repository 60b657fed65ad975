//! The port, asked over real sockets.

use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::*;

#[derive(Default)]
struct Switches {
    alive: AtomicBool,
    ready: AtomicBool,
}

impl Health for Switches {
    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

struct Served {
    address: SocketAddr,
    switches: Arc<Switches>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

async fn start() -> Served {
    let mut registry = Registry::default();
    let jobs = Counter::<u64>::default();
    registry.register("jobs", "Jobs that are done", jobs.clone());
    jobs.inc_by(7);
    let monitor = Monitor::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, shutdown) = (monitor.address(), CancellationToken::new());
    let switches = Arc::new(Switches::default());
    let health: Arc<dyn Health> = switches.clone();
    let task = tokio::spawn(monitor.serve(Arc::new(registry), health, shutdown.clone()));
    Served { address, switches, shutdown, task }
}

/// Sends a request as it stands; returns the whole answer.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may have answered and gone before it has read everything.
    stream.write_all(request.as_bytes()).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8(answer).unwrap()
}

/// Returns status, content type and body.
async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: monitor\r\n\r\n");
    let answer = raw(address, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let types = head.lines().filter_map(|line| line.strip_prefix("content-type: "));
    (status, types.collect(), body.to_owned())
}

#[tokio::test]
async fn metrics_are_open_metrics() {
    let served = start().await;
    let (status, content_type, body) = ask(served.address, "GET", "/metrics").await;
    assert_eq!((status, content_type.as_str()), (200, METRICS_TYPE));
    assert!(body.contains("jobs_total 7\n") && body.ends_with("# EOF\n"), "{body}");
    let (status, content_type, body) = ask(served.address, "HEAD", "/metrics").await;
    assert_eq!((status, content_type.as_str(), body.as_str()), (200, METRICS_TYPE, ""));
}

#[tokio::test]
async fn probes_are_told_in_a_word() {
    let served = start().await;
    let plain = "text/plain; charset=utf-8".to_owned();
    let check = async |path: &str, status: u16, body: &str| {
        let expected = (status, plain.clone(), body.to_owned());
        assert_eq!(ask(served.address, "GET", path).await, expected, "{path}");
    };
    check("/healthz", 503, "failing").await;
    check("/readyz", 503, "unready").await;
    served.switches.alive.store(true, Ordering::Relaxed);
    check("/healthz", 200, "ok").await;
    check("/readyz", 503, "unready").await;
    served.switches.ready.store(true, Ordering::Relaxed);
    check("/readyz", 200, "ready").await;
}

#[tokio::test]
async fn nothing_else_is_served() {
    let served = start().await;
    for path in ["/", "/metrics/", "/debug", "/healthz/../metrics"] {
        assert_eq!(ask(served.address, "GET", path).await.0, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        assert_eq!(ask(served.address, method, "/metrics").await.0, 405, "{method}");
    }
    let long = "a".repeat(2 * MAX_HEAD_BYTES);
    let request = format!("GET /metrics HTTP/1.1\r\nHost: monitor\r\nX: {long}\r\n\r\n");
    let answer = raw(served.address, &request).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_head_that_never_ends_is_not_waited_for() {
    let served = start().await;
    let answer = raw(served.address, "GET /metrics HTTP/1.1\r\n").await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn it_ends_when_it_is_told() {
    let served = start().await;
    served.shutdown.cancel();
    served.task.await.unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
    let error = Monitor::bind("192.0.2.1:1".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot listen on 192.0.2.1:1");
}
