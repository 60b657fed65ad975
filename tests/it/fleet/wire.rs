//! A wire between a coordinator and NATS that knows appends to the log: it cuts, or holds, where the
//! test says so.
//!
//! What a client sends is carried message by message; what NATS answers, as it comes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use mirror_proto::{Record, decode_batch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a test waits for an append that ought to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where appends to the log go.
const LOG: &str = "fm.v1.log.";
/// What an answer holds that tells of an append's place in the log.
const STORED: &[u8] = b"\"seq\"";

/// What is done with an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// It is stored, and the connection breaks before that is said.
    LoseAnswer,
    /// It does not get through, nor does anything behind it.
    Hold,
}

/// Which appends are caught: those whose records this says yes to.
type Choice = Box<dyn Fn(&[Record]) -> bool + Send>;

/// Says when an append was caught.
#[derive(Debug)]
pub(crate) struct Caught(watch::Receiver<bool>);

impl Caught {
    /// Waits until the append was caught and dealt with.
    pub(crate) async fn wait(mut self) {
        let caught = timeout(PATIENCE, self.0.wait_for(|caught| *caught)).await;
        assert!(matches!(caught, Ok(Ok(_))), "no such append within {PATIENCE:?}");
    }
}

/// A snare for the next append of a kind.
struct Snare {
    act: Act,
    choose: Choice,
    caught: watch::Sender<bool>,
}

/// A wire; dropped, it is cut.
pub(crate) struct Wire {
    address: SocketAddr,
    snares: Arc<Mutex<Vec<Snare>>>,
    _tasks: JoinSet<()>,
}

impl Wire {
    /// Lays a wire to NATS at `HOST:PORT`.
    pub(crate) async fn to(nats: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let snares: Arc<Mutex<Vec<Snare>>> = Arc::default();
        let (nats, shared) = (nats.to_owned(), Arc::clone(&snares));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, nats.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, snares, _tasks: tasks }
    }

    /// Returns its URL, as a client of NATS takes it.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Catches the next append whose records `choose` says yes to.
    pub(crate) fn catch(
        &self,
        act: Act,
        choose: impl Fn(&[Record]) -> bool + Send + 'static,
    ) -> Caught {
        let (caught, told) = watch::channel(false);
        let snare = Snare { act, choose: Box::new(choose), caught };
        self.snares.lock().unwrap_or_else(PoisonError::into_inner).push(snare);
        Caught(told)
    }
}

/// Carries one connection, until one end closes or a snare cuts it.
async fn carry(mut client: TcpStream, nats: String, snares: Arc<Mutex<Vec<Snare>>>) {
    let Ok(mut server) = TcpStream::connect(nats).await else { return };
    let (mut sent, mut answered) = (BytesMut::new(), BytesMut::new());
    loop {
        tokio::select! {
            read = client.read_buf(&mut sent) => if !matches!(read, Ok(1..)) { return },
            read = server.read_buf(&mut answered) => {
                if !matches!(read, Ok(1..)) || client.write_all(&answered).await.is_err() {
                    return;
                }
                answered.clear();
            }
        }
        while let Some(message) = next_message(&mut sent) {
            let snare = records(&message).and_then(|records| take(&snares, &records));
            match snare {
                None => {
                    if server.write_all(&message).await.is_err() {
                        return;
                    }
                }
                Some(Snare { act: Act::Hold, caught, .. }) => {
                    caught.send_replace(true);
                    // Until the client is gone.
                    while matches!(client.read_buf(&mut sent).await, Ok(1..)) {}
                    return;
                }
                Some(Snare { act: Act::LoseAnswer, caught, .. }) => {
                    if server.write_all(&message).await.is_err() {
                        return;
                    }
                    while !answered.windows(STORED.len()).any(|part| part == STORED) {
                        if !matches!(server.read_buf(&mut answered).await, Ok(1..)) {
                            return;
                        }
                    }
                    drop(client.set_zero_linger());
                    drop(client);
                    caught.send_replace(true);
                    return;
                }
            }
        }
    }
}

/// Takes the first snare that an append runs into.
fn take(snares: &Mutex<Vec<Snare>>, records: &[Record]) -> Option<Snare> {
    let mut snares = snares.lock().unwrap_or_else(PoisonError::into_inner);
    let index = snares.iter().position(|snare| (snare.choose)(records))?;
    Some(snares.remove(index))
}

/// Takes a whole message of the protocol out of what was sent.
fn next_message(sent: &mut BytesMut) -> Option<Bytes> {
    let line = sent.windows(2).position(|end| end == b"\r\n")?;
    let payload = words(&sent[..line]).map_or(0, |(_, sizes)| sizes.1 + 2);
    let length = line + 2 + payload;
    (sent.len() >= length).then(|| sent.split_to(length).freeze())
}

/// Returns the subject, and the sizes of headers and of headers and payload, of a line that publishes.
fn words(line: &[u8]) -> Option<(String, (usize, usize))> {
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let size = |back: usize| words.get(words.len().checked_sub(back)?)?.parse().ok();
    match words.first() {
        Some(&"PUB") => Some((words.get(1)?.to_string(), (0, size(1)?))),
        Some(&"HPUB") => Some((words.get(1)?.to_string(), (size(2)?, size(1)?))),
        Some(_) | None => None,
    }
}

/// Returns the records of an append.
fn records(message: &Bytes) -> Option<Vec<Record>> {
    let line = message.windows(2).position(|end| end == b"\r\n")?;
    let (subject, (headers, size)) = words(&message[..line])?;
    if !subject.starts_with(LOG) {
        return None;
    }
    let mut payload = message.slice(line + 2..line + 2 + size);
    payload.advance(headers);
    decode_batch(&payload).ok()
}
