//! A NATS server with JetStream, on a port of its own, which it keeps when it is started again.
//!
//! Its store outlives it, until it is wiped or the runner is dropped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::ports;
use crate::servers::program;
use crate::signals;

/// How long the server may take to listen; a fifth of a second is usual.
const PATIENCE: Duration = Duration::from_secs(30);

/// Members of a cluster: the fewest that go on when one is lost.
const CLUSTER: usize = 3;
/// What stands for the store's folder in a configuration.
const STORE: &str = "$STORE";

/// A NATS server.
#[derive(Debug)]
pub struct Nats {
    folder: TempDir,
    child: Option<Child>,
    port: u16,
    config: Option<String>,
}

impl Nats {
    /// Starts a server that lets anybody do anything.
    pub async fn start() -> Self {
        Self::start_by(None).await
    }

    /// Starts a server with more configuration: `accounts`, `tls`, … The port and the store are set
    /// already; a text with a `jetstream` block of its own says `store_dir: $STORE` in it.
    pub async fn start_with(config: &str) -> Self {
        Self::start_by(Some(config.to_owned())).await
    }

    /// Starts a cluster of three, and waits until one of them leads it.
    pub async fn cluster() -> Vec<Self> {
        let routes: Vec<String> = (0..CLUSTER).map(|_| ports::free().to_string()).collect();
        let all: Vec<String> = routes.iter().map(|route| format!("nats://{route}")).collect();
        let mut servers = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            let config = format!(
                "server_name: n{number}\njetstream {{ store_dir: {STORE}, max_file: 1GB }}\n\
                 cluster {{ name: test, listen: {route:?}, routes: {all:?} }}\n"
            );
            servers.push(Self::start_with(&config).await);
        }
        let begin = Instant::now();
        while !servers.iter().any(|server| server.output().contains("metadata leader")) {
            let output = || servers.iter().map(Self::output).collect::<String>();
            assert!(begin.elapsed() < PATIENCE, "the cluster has no leader\n{}", output());
            sleep(Duration::from_millis(10)).await;
        }
        servers
    }

    async fn start_by(config: Option<String>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut nats = Self { folder, child: None, port: ports::free().port(), config };
        nats.run().await;
        nats
    }

    /// Returns `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.host())
    }

    /// Returns `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns a folder for files of the test, which goes with the server.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it as `kill -9` does; the store stays.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Starts it again, on the same port and store.
    pub async fn restart(&mut self) {
        self.kill();
        self.run().await;
    }

    /// Kills it, forgets all that it stored, and starts it again on the same port.
    pub async fn wipe(&mut self) {
        self.kill();
        // There is none if nothing was stored.
        drop(fs::remove_dir_all(self.store()));
        self.run().await;
    }

    /// Stops it where it stands, or lets it go on: connections stay, nothing is answered.
    pub fn freeze(&self, frozen: bool) {
        if let Some(child) = &self.child {
            signals::freeze(child.id(), frozen);
        }
    }

    /// Asks over a connection of its own, as anybody may, and returns what is answered.
    ///
    /// Panics when no JSON is, within 30 s.
    pub async fn ask(&self, subject: &str) -> Value {
        let asked = async {
            let mut stream = BufReader::new(TcpStream::connect(self.host()).await?);
            let text =
                format!("CONNECT {{\"verbose\":false}}\r\nSUB a 1\r\nPUB {subject} a 0\r\n\r\n");
            stream.write_all(text.as_bytes()).await?;
            let mut lines = stream.lines();
            while let Some(line) = lines.next_line().await? {
                if line.starts_with("MSG ") {
                    return lines.next_line().await;
                }
            }
            Ok(None)
        };
        let answer = timeout(PATIENCE, asked).await.expect("an answer comes in time");
        let answer = answer.expect("a server listens").expect("it answers");
        serde_json::from_str(&answer).expect("an answer in JSON")
    }

    /// Returns all that it printed.
    pub fn output(&self) -> String {
        let bytes = fs::read(self.folder.path().join("output.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    async fn run(&mut self) {
        let folder = self.folder.path();
        let log = File::options().create(true).append(true).open(folder.join("output.log"));
        let log = log.expect("our own folder");
        let mut command = Command::new(program("nats-server"));
        let port = self.port.to_string();
        command.args(["-a", "127.0.0.1", "-p", &port, "--ports_file_dir"]).arg(folder);
        let config = self.config.as_deref().unwrap_or_default();
        let config = if config.contains(STORE) {
            config.replace(STORE, &format!("\"{}\"", self.store().display()))
        } else {
            format!("{config}\n{}", with_room(&self.store()))
        };
        let path = folder.join("nats.conf");
        fs::write(&path, config).expect("our own folder");
        command.arg("-c").arg(path);
        let child = command
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .expect("nats-server starts");
        let told = folder.join(format!("nats-server_{}.ports", child.id()));
        self.child = Some(child);
        self.wait(&told).await;
    }

    /// Waits until it listens.
    async fn wait(&mut self, told: &Path) {
        let begin = Instant::now();
        loop {
            let port = fs::read(told).ok().and_then(|text| read_port(&text));
            if port == Some(self.port) && TcpStream::connect(self.host()).await.is_ok() {
                return;
            }
            let child = self.child.as_mut().expect("it was just started");
            let ended = child.try_wait().expect("a child can be asked");
            assert!(
                ended.is_none() && begin.elapsed() < PATIENCE,
                "nats-server does not listen ({ended:?})\n{}",
                self.output()
            );
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns the configuration of a store with room for what a coordinator wants, also on a machine whose disk is
/// nearly full: by default a server gives streams no more than three quarters of what is free, and none of
/// it is taken before it is written.
pub fn with_room(store: &Path) -> String {
    format!("jetstream {{ store_dir: \"{}\", max_file_store: 64GB }}\n", store.display())
}

/// Reads `{"nats":["nats://127.0.0.1:34719"]}`; with TLS, the scheme is another.
fn read_port(text: &[u8]) -> Option<u16> {
    let ports: Value = serde_json::from_slice(text).ok()?;
    ports["nats"][0].as_str()?.rsplit_once(':')?.1.parse().ok()
}
