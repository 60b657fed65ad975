//! Our own processes as the users of `accounts.conf`: with these permissions and no others a
//! coordinator comes to lead and a worker to pull.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mirror_tests::binary::{Binary, Running};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::super::text;
use super::client::{Server, User};
use super::{BASE, COORDINATOR, WORKER};

/// How long a process may take to be ready; a leader is elected within 20 s.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(100);

/// Returns an address that nobody listens on.
async fn free() -> SocketAddr {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    bound.and_then(|it| it.local_addr()).expect("a free port")
}

/// Starts a process as a user, and waits until it says that it is ready.
async fn start(server: &Server, user: &User, arguments: &[String]) -> (Binary, Running) {
    let program = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let metrics = free().await;
    let call = program.call(arguments).arg("--nats").arg(server.url());
    let call = call.arg("--nats-nkey").arg(user.seed()).arg("--metrics").arg(metrics.to_string());
    let running = call.spawn();
    let ready = timeout(PATIENCE, async {
        while !says_ready(metrics).await.unwrap_or(false) {
            sleep(PAUSE).await;
        }
    });
    if ready.await.is_err() {
        running.terminate();
        panic!("{arguments:?} is not ready: {}", running.wait().await);
    }
    (program, running)
}

async fn says_ready(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

#[tokio::test]
async fn a_coordinator_and_a_worker_live_with_these_permissions() {
    let boss = User::new(COORDINATOR.to_owned()).await;
    let hand = User::new(format!("{WORKER}DEFAULT")).await;
    let users = [boss, hand];
    let server = Server::start(&text(BASE), &users).await;
    let listen = free().await.to_string();
    let words = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let coordinator = words(&["coordinator", "--listen", &listen]);
    let _coordinator = start(&server, &users[0], &coordinator).await;
    let url = format!("http://{listen}");
    let worker =
        words(&["worker", "--region", "default", "--concurrency", "2", "--coordinator", &url]);
    let _worker = start(&server, &users[1], &worker).await;
}
