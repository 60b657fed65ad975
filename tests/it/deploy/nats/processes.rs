//! Our own processes as the users of `accounts.conf`: with these permissions and no others a
//! coordinator comes to lead and a worker to pull.

use std::pin::Pin;
use std::time::Duration;

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::ports;
use tokio::time::sleep;

use super::super::text;
use super::client::{Server, User};
use super::{BASE, COORDINATOR, WORKER, http};

/// How often a process is asked whether it is ready.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts a process as a user, and waits until it says that it is ready. It lives as long as what is
/// returned; where it ends, or is not ready in a minute, that panics with what it said.
async fn start(
    server: &Server,
    user: &User,
    arguments: &[&str],
) -> Pin<Box<dyn Future<Output = Finished>>> {
    let program = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let metrics = ports::free();
    let call = program.call(arguments).arg("--nats").arg(server.url());
    let call = call.arg("--nats-nkey").arg(user.seed()).arg("--metrics").arg(metrics.to_string());
    let mut ended: Pin<Box<dyn Future<Output = Finished>>> = Box::pin(call.spawn().wait());
    let ready = async {
        while http::get(metrics, "/readyz").await.is_err() {
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        finished = &mut ended => panic!("{arguments:?} is not ready: {finished}"),
        () = ready => ended,
    }
}

#[tokio::test]
async fn a_coordinator_and_a_worker_live_with_these_permissions() {
    let boss = User::new(COORDINATOR.to_owned()).await;
    let hand = User::new(format!("{WORKER}DEFAULT")).await;
    let users = [boss, hand];
    let server = Server::start(&text(BASE), &users).await;
    let listen = ports::free().to_string();
    let coordinator = ["coordinator", "--listen", &listen];
    let _coordinator = start(&server, &users[0], &coordinator).await;
    let url = format!("http://{listen}");
    let worker = ["worker", "--region", "default", "--concurrency", "2", "--coordinator", &url];
    let _worker = start(&server, &users[1], &worker).await;
}
