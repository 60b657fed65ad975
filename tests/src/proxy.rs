//! A TCP proxy that makes a server far away, narrow, crowded or gone, and records what is asked.
//!
//! Latency does not limit throughput: each chunk is due at its own time, and as much may be under
//! way as 64 MiB. It runs on a thread of its own and is gone when dropped.

mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc as blocking};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, oneshot, watch as signal};
use tokio::time::{Instant, sleep, sleep_until};

use self::watch::Watch;
use crate::ports;
use crate::scripted::wire::{step, time_for};
use crate::scripted::{Gate, Kind};

pub use self::watch::Seen;

/// How often it is tried whether nobody listens any more.
const ASK_AGAIN: Duration = Duration::from_millis(5);
/// The most bytes in a chunk.
const CHUNK: usize = 64 * 1024;
/// The most chunks under way in one direction: 64 MiB, more than any bandwidth times delay here.
const UNDER_WAY: usize = 1024;

/// What the way to the server is like.
#[derive(Clone, Debug, Default)]
pub struct ProxyOptions {
    /// What a round trip takes longer, half of it in each direction.
    pub latency: Duration,
    /// What a new connection takes longer, as its handshake is a round trip too.
    pub connect: Duration,
    /// The most bytes a second in each direction of each connection.
    pub bytes_per_second: Option<u64>,
    /// The most connections at once; others wait.
    pub connections: Option<usize>,
}

/// A proxy that is running.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    target: String,
    options: ProxyOptions,
    requests: Gate,
    answers: Gate,
    /// Counts up when all connections are to break.
    breaks: signal::Sender<usize>,
    /// Whether nobody listens.
    away: signal::Sender<bool>,
    seen: Mutex<Vec<Seen>>,
    accepted: AtomicUsize,
    carried: AtomicU64,
    slots: Semaphore,
}

impl Proxy {
    /// Starts a proxy to `target`, a `HOST:PORT`, on a free port.
    pub fn start(target: &str, options: ProxyOptions) -> Self {
        let slots = options.connections.unwrap_or(Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            options,
            requests: Gate::open(),
            answers: Gate::open(),
            breaks: signal::Sender::new(0),
            away: signal::Sender::new(false),
            seen: Mutex::default(),
            accepted: AtomicUsize::new(0),
            carried: AtomicU64::new(0),
            slots: Semaphore::new(slots),
        });
        let (told, tell) = blocking::channel();
        let (stop, stopped) = oneshot::channel();
        let own = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async move {
                let listener = ports::listen_async();
                let address = listener.local_addr().expect("a listener has an address");
                told.send(address).expect("the starter waits for this");
                tokio::select! {
                    () = listen(listener, own) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = tell.recv().expect("the proxy's thread starts");
        Self { shared, address, stop: Some(stop), thread: Some(thread) }
    }

    /// Starts a proxy that adds `latency` to each round trip and nothing else.
    pub fn with_latency(target: &str, latency: Duration) -> Self {
        Self::start(target, ProxyOptions { latency, ..ProxyOptions::default() })
    }

    /// Returns `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Returns the HTTP/1.1 requests that went through, in order; of TLS, none is seen.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("nobody panics in here").clone()
    }

    /// Returns how many requests of each kind went through.
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for seen in self.requests() {
            *counts.entry(seen.kind).or_default() += 1;
        }
        counts
    }

    /// Forgets the requests so far.
    pub fn clear(&self) {
        self.shared.seen.lock().expect("nobody panics in here").clear();
    }

    /// Returns how many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Returns how many bytes came in so far, both directions together.
    pub fn bytes(&self) -> u64 {
        self.shared.carried.load(Ordering::SeqCst)
    }

    /// Lets nothing through, in either direction; connections stay.
    pub fn pause(&self) {
        self.shared.requests.pause();
        self.hold_answers();
    }

    /// Lets nothing back from the server; what is sent to it goes through.
    pub fn hold_answers(&self) {
        self.shared.answers.pause();
    }

    /// Lets all through again.
    pub fn resume(&self) {
        self.shared.requests.resume();
        self.shared.answers.resume();
    }

    /// Resets every connection; new ones are accepted.
    pub fn break_connections(&self) {
        self.shared.breaks.send_modify(|breaks| *breaks += 1);
    }

    /// Goes away: resets every connection, and returns once new ones are refused.
    pub async fn leave(&self) {
        self.shared.away.send_replace(true);
        while TcpStream::connect(self.address).await.is_ok() {
            sleep(ASK_AGAIN).await;
        }
        self.break_connections();
    }

    /// Comes back to where it was.
    pub fn come_back(&self) {
        self.shared.away.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has broken its connection, and the test has seen that.
            drop(thread.join());
        }
    }
}

async fn listen(mut listener: TcpListener, shared: Arc<Shared>) {
    let address = listener.local_addr().expect("a listener has an address");
    let mut away = shared.away.subscribe();
    loop {
        tokio::select! {
            () = accept(&listener, &shared) => return,
            gone = away.wait_for(|away| *away) => drop(gone),
        }
        drop(listener);
        // The sender is in `shared`, so this ends only by coming back.
        drop(away.wait_for(|away| !*away).await);
        listener = TcpListener::bind(address).await.expect("nobody took the port meanwhile");
    }
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst) + 1;
        // Ends with the runtime, when the proxy is dropped.
        tokio::spawn(carry(client, number, Arc::clone(shared)));
    }
}

/// Carries one connection both ways until both ends are done or it is to break.
async fn carry(client: TcpStream, number: usize, shared: Arc<Shared>) {
    let mut breaks = shared.breaks.subscribe();
    let Ok(_slot) = shared.slots.acquire().await else { return };
    sleep(shared.options.connect).await;
    // A server that is gone is what the client shall see: its connection ends.
    let Ok(server) = TcpStream::connect(&shared.target).await else { return };
    drop(client.set_nodelay(true).and(server.set_nodelay(true)));
    let broken = {
        let (mut client, mut server) = (client, server);
        let both = {
            let (client_in, client_out) = client.split();
            let (server_in, server_out) = server.split();
            let watch = Some(Watch::new(number));
            let up = pump(client_in, server_out, &shared.requests, watch, &shared);
            let down = pump(server_in, client_out, &shared.answers, None, &shared);
            tokio::select! {
                _ = async { tokio::join!(up, down) } => false,
                _ = breaks.changed() => true,
            }
        };
        both.then_some([client, server])
    };
    for stream in broken.into_iter().flatten() {
        drop(stream.set_zero_linger());
    }
}

/// Carries one direction: chunks are read at once and written when they are due.
async fn pump(
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
    gate: &Gate,
    mut watch: Option<Watch>,
    shared: &Shared,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Bytes)>(UNDER_WAY);
    let half = shared.options.latency / 2;
    let read = async move {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(CHUNK);
            // An end and an error look alike from behind a network.
            if !matches!(input.read_buf(&mut buffer).await, Ok(1..)) {
                return;
            }
            let bytes = buffer.split().freeze();
            shared.carried.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            if let Some(watch) = &mut watch {
                let seen = watch.feed(&bytes);
                shared.seen.lock().expect("nobody panics in here").extend(seen);
            }
            if sender.send((Instant::now() + half, bytes)).await.is_err() {
                return;
            }
        }
    };
    let write = async {
        let mut free = Instant::now();
        while let Some((due, mut bytes)) = receiver.recv().await {
            sleep_until(due).await;
            gate.pass().await;
            while !bytes.is_empty() {
                let part = match shared.options.bytes_per_second {
                    None => bytes.split_off(0),
                    Some(rate) => {
                        let part = bytes.split_to(step(rate).min(bytes.len()));
                        free = free.max(Instant::now()) + time_for(part.len(), rate);
                        sleep_until(free).await;
                        part
                    }
                };
                if output.write_all(&part).await.is_err() {
                    return receiver.close();
                }
            }
        }
        sleep(half).await;
        drop(output.shutdown().await);
    };
    tokio::join!(read, write);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::sample::{image, noise};
    use crate::scripted::ScriptedRegistry;

    #[tokio::test]
    async fn latency_is_added_and_throughput_kept() {
        let registry = ScriptedRegistry::plain();
        let chunks = 256;
        let blob = noise("big", chunks * CHUNK);
        let digest = registry.store().put_blob("app", blob.clone());
        let latency = Duration::from_millis(100);
        let proxy = Proxy::with_latency(&registry.host(), latency);
        let client = Client::new(&proxy.host());

        let begin = Instant::now();
        assert_eq!(client.send("GET", "/v2/", &[], b"").await.status, 200);
        let small = begin.elapsed();
        assert!(small >= latency, "{small:?}");

        let begin = Instant::now();
        assert_eq!(client.blob("app", &digest).await, Some(blob));
        let large = begin.elapsed();
        let one_by_one = latency / 2 * u32::try_from(chunks).unwrap();
        assert!(large < one_by_one, "{large:?}");
    }

    #[tokio::test]
    async fn requests_are_counted_through_it() {
        let registry = ScriptedRegistry::plain();
        let proxy = Proxy::start(&registry.host(), ProxyOptions::default());
        Client::new(&proxy.host()).push("app", "v1", &image("a")).await;
        assert_eq!(proxy.counts(), registry.log().counts());
        assert_eq!(proxy.connections(), registry.log().connections());
        let sent: usize = image("a").all_blobs().iter().map(Bytes::len).sum();
        assert!(proxy.bytes() > sent as u64, "{} bytes", proxy.bytes());
    }

    #[tokio::test]
    async fn it_can_be_narrow_paused_and_broken() {
        let registry = ScriptedRegistry::plain();
        let digest = registry.store().put_blob("app", noise("blob", 20_000));
        let bytes_per_second = Some(100_000);
        let options = ProxyOptions { bytes_per_second, ..ProxyOptions::default() };
        let proxy = Proxy::start(&registry.host(), options);
        let client = Client::new(&proxy.host());
        let begin = Instant::now();
        assert!(client.blob("app", &digest).await.is_some());
        assert!(begin.elapsed() > Duration::from_millis(150), "{:?}", begin.elapsed());

        proxy.pause();
        let mut stream = TcpStream::connect(proxy.host()).await.unwrap();
        stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut buffer = [0; 12];
        let silent = stream.read_exact(&mut buffer);
        assert!(tokio::time::timeout(Duration::from_millis(200), silent).await.is_err());
        proxy.resume();
        stream.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"HTTP/1.1 200");
        proxy.break_connections();
        let mut rest = Vec::new();
        assert!(stream.read_to_end(&mut rest).await.is_err());
    }
}
