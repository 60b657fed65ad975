//! A nats-server with our accounts, and as much of a client as it takes to try what a user may: the
//! server's word on each act, nothing cached and nothing asked beside it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirror_tests::binary::{Binary, Running, eventually};
use mirror_tests::servers::program;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::yaml;
use super::Act;

/// How long anything of the server's may take; a tenth of a second is usual on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody with a key.
pub(super) struct User {
    /// The variable by which the server knows the public key.
    pub(super) variable: String,
    public: String,
    nk: Binary,
}

impl User {
    /// Makes a key.
    pub(super) async fn new(variable: String) -> Self {
        let nk = Binary::new(program("nk"));
        let seed = nk.says(["-gen", "user"]).await;
        nk.write("seed", seed);
        let public = nk.says(["-inkey", "seed", "-pubout"]).await;
        Self { variable, public, nk }
    }

    /// Returns the file of the seed.
    pub(super) fn seed(&self) -> PathBuf {
        self.nk.folder().join("seed")
    }

    async fn sign(&self, nonce: &str) -> String {
        self.nk.write("nonce", nonce);
        self.nk.says(["-inkey", "seed", "-sign", "nonce"]).await
    }
}

/// A server with accounts; ends when dropped.
pub(super) struct Server {
    clients: SocketAddr,
    monitoring: SocketAddr,
    _running: Running,
}

impl Server {
    /// Starts it with the folders of the chart's pod: a config that includes the accounts by the
    /// path in our values, and public keys in the environment.
    pub(super) async fn start(accounts: &str, users: &[User]) -> Self {
        let server = Binary::new(program("nats-server"));
        let values = yaml("kubernetes/nats/values.yaml");
        let include = values["config"]["merge"]["accounts$include"].as_str().expect("a path");
        let config = format!(
            "{{\n\"listen\": \"127.0.0.1:-1\", \"http\": \"127.0.0.1:-1\", \"ports_file_dir\": \"{0}\"\n\
             \"jetstream\": {{\"store_dir\": \"{0}/data\"}}\ninclude {include};\n}}\n",
            server.folder().display()
        );
        server.write("etc/nats-config/nats.conf", config);
        server.write("etc/nats-accounts/accounts.conf", accounts);
        let mut call = server.call(["--config", "etc/nats-config/nats.conf"]);
        for user in users {
            call = call.env(&user.variable, &user.public);
        }
        let running = call.spawn();
        let ports: PathBuf = server.folder().join(format!("nats-server_{}.ports", running.pid()));
        eventually("nats-server listens", PATIENCE, || addresses(&ports).is_some()).await;
        let [clients, monitoring] = addresses(&ports).expect("it listens");
        Self { clients, monitoring, _running: running }
    }

    /// Returns the URL.
    pub(super) fn url(&self) -> String {
        format!("nats://{}", self.clients)
    }

    /// Returns the address of the monitoring port.
    pub(super) fn monitoring(&self) -> SocketAddr {
        self.monitoring
    }
}

/// Returns the addresses for clients and for monitoring, once the server has written both.
fn addresses(file: &Path) -> Option<[SocketAddr; 2]> {
    let ports: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    let address = |key: &str| ports[key][0].as_str()?.split_once("//")?.1.parse().ok();
    Some([address("nats")?, address("monitoring")?])
}

/// A message that came.
pub(super) struct Message {
    pub(super) reply: Option<String>,
    pub(super) payload: String,
}

/// A connection of a user.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    inbox: String,
    /// Subscriptions so far; the first is the inbox.
    subscriptions: u32,
}

impl Client {
    /// Connects, and listens to an inbox below `prefix`; or says why the server refuses.
    pub(super) async fn connect(
        server: &Server,
        user: &User,
        prefix: &str,
    ) -> Result<Self, String> {
        let stream = TcpStream::connect(server.clients).await;
        let stream = BufReader::new(stream.expect("the server listens"));
        let inbox = format!("{prefix}.1");
        let mut client = Self { stream, inbox, subscriptions: 0 };
        let info = client.line().await?;
        let info = info.strip_prefix("INFO ").expect("a server greets");
        let info: Value = serde_json::from_str(info).expect("the greeting is JSON");
        let nonce = info["nonce"].as_str().expect("a server with nkeys sends a nonce");
        let hello = json!({
            "verbose": false, "pedantic": false, "headers": true, "protocol": 1, "lang": "rust",
            "version": "0", "no_responders": true, "nkey": user.public, "sig": user.sign(nonce).await,
        });
        client.send(&format!("CONNECT {hello}\r\n")).await;
        client.settled().await?;
        client.act(Act::listen(client.inbox.clone())).await?;
        Ok(client)
    }

    /// Does it; or says why the server refuses.
    pub(super) async fn act(&mut self, act: Act) -> Result<(), String> {
        match act {
            // `+WPI` is "in progress" to an acknowledgement, and nothing to all else.
            Act::Publish(subject) => self.send(&format!("PUB {subject} 4\r\n+WPI\r\n")).await,
            Act::Listen(subject) => {
                self.subscriptions += 1;
                self.send(&format!("SUB {subject} {}\r\n", self.subscriptions)).await;
            }
        }
        self.settled().await
    }

    /// Asks, and returns the answer; or says why the server refuses.
    pub(super) async fn request(
        &mut self,
        subject: &str,
        payload: &str,
    ) -> Result<Message, String> {
        let (inbox, length) = (self.inbox.clone(), payload.len());
        self.send(&format!("PUB {subject} {inbox} {length}\r\n{payload}\r\n")).await;
        // The PONG says that nothing was refused; the answer may be before or after it.
        self.send("PING\r\n").await;
        let (mut is_taken, mut answer) = (false, None);
        while !is_taken || answer.is_none() {
            let line = self.line().await?;
            if line == "PONG" {
                is_taken = true;
            } else {
                answer = self.message(&line).await.or(answer);
            }
        }
        Ok(answer.expect("the loop ends with one"))
    }

    /// Reads the rest of a message to our inbox; others are passed over.
    async fn message(&mut self, line: &str) -> Option<Message> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (is_headed, words) = match words.split_first() {
            Some((&"MSG", rest)) => (false, rest),
            Some((&"HMSG", rest)) => (true, rest),
            _ => return None,
        };
        let lengths = if is_headed { 2 } else { 1 };
        let total: usize = words.last()?.parse().expect("a length");
        let headers = if is_headed { words[words.len() - 2].parse().expect("a length") } else { 0 };
        let reply = (words.len() > 2 + lengths).then(|| words[2].to_owned());
        let mut body = vec![0; total + 2];
        let read = timeout(PATIENCE, self.stream.read_exact(&mut body)).await;
        read.expect("the rest of a message").expect("the connection stays");
        let payload = String::from_utf8_lossy(&body[headers..total]).into_owned();
        (words[1] == "1").then_some(Message { reply, payload })
    }

    /// Waits until the server has taken all that was sent; or says what it refused.
    async fn settled(&mut self) -> Result<(), String> {
        self.send("PING\r\n").await;
        loop {
            let line = self.line().await?;
            if line == "PONG" {
                return Ok(());
            }
            self.message(&line).await;
        }
    }

    /// Reads a line that is no chatter; an error of the server's is one.
    async fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.stream.read_line(&mut line)).await;
        let length = read.map_err(|_elapsed| "the server says nothing".to_owned())?;
        if length.map_err(|error| error.to_string())? == 0 {
            return Err("the server has closed the connection".to_owned());
        }
        match line.trim_end().strip_prefix("-ERR ") {
            Some(error) => Err(self.rest_after(error.to_owned()).await),
            None => Ok(line.trim_end().to_owned()),
        }
    }

    /// Reads on to the PONG after an error, where the connection stays, and returns the error.
    async fn rest_after(&mut self, error: String) -> String {
        if error.contains("Permissions Violation") {
            let mut line = String::new();
            while line.trim_end() != "PONG" {
                line.clear();
                let read = timeout(PATIENCE, self.stream.read_line(&mut line)).await;
                if !matches!(read, Ok(Ok(1..))) {
                    break;
                }
            }
        }
        error
    }

    async fn send(&mut self, text: &str) {
        let sent = self.stream.write_all(text.as_bytes()).await;
        sent.expect("the connection stays");
    }
}
