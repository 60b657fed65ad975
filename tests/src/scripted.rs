//! The scripted registry: an in-memory, correct registry that records each request and does each
//! wrong thing on demand.
//!
//! It runs on a thread of its own, so that synchronous tests, paused clocks and busy runtimes do
//! not matter to it, and is gone when dropped. It has two listeners over one store: the registry,
//! and another host (CDN, token server, foreign upload place) that asks for no credentials.

mod answer;
mod auth;
mod fault;
mod gate;
pub mod habits;
mod log;
mod options;
mod request;
mod routes;
mod rule;
mod serve;
mod store;
mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::ports;

pub use answer::Answer;
pub use auth::{Auth, Realm, TokenAuth, User};
pub use fault::{At, Fault, Framing, Stop};
pub use gate::Gate;
pub use log::{Entry, Log};
pub use options::ScriptedOptions;
pub use request::{Kind, Listener, Request};
pub use rule::{Rule, Scripted};
pub use store::{Manifest, Store};

/// A scripted registry that is running; dropped, it is gone and its connections with it.
#[derive(Debug)]
pub struct ScriptedRegistry {
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    store: Store,
    script: rule::Script,
    recorder: log::Recorder,
    tokens: auth::Tokens,
    gate: Gate,
    options: Mutex<ScriptedOptions>,
    addresses: [SocketAddr; 2],
    scheme: &'static str,
    connections: AtomicUsize,
}

impl ScriptedRegistry {
    /// Starts a registry on a free port.
    pub fn start(options: ScriptedOptions) -> Self {
        let tls = options.tls.as_ref().map(|pki| pki.acceptor(options.client_certificates));
        let (told, tell) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async move {
                let listeners = [ports::listen_async(), ports::listen_async()];
                let addresses = [0, 1].map(|index: usize| {
                    listeners[index].local_addr().expect("a listener has an address")
                });
                let shared = Arc::new(Shared::new(options, addresses));
                told.send(Arc::clone(&shared)).expect("the starter waits for this");
                let [main, other] = listeners;
                tokio::select! {
                    () = accept(main, Listener::Main, Arc::clone(&shared), tls.clone()) => {}
                    () = accept(other, Listener::Other, shared, tls) => {}
                    _ = stopped => {}
                }
            });
        });
        let shared = tell.recv().expect("the registry's thread starts");
        Self { shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Starts a registry with the default options: plain HTTP, no credentials.
    pub fn plain() -> Self {
        Self::start(ScriptedOptions::default())
    }

    /// Returns `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.shared.addresses[0].to_string()
    }

    /// Returns `127.0.0.1:PORT` of the other host.
    pub fn other_host(&self) -> String {
        self.shared.addresses[1].to_string()
    }

    /// Returns the URL of the registry, without a path.
    pub fn url(&self) -> String {
        self.shared.base(Listener::Main)
    }

    /// Returns the URL of the other host, without a path.
    pub fn other_url(&self) -> String {
        self.shared.base(Listener::Other)
    }

    /// Returns the store, to seed and to judge.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Returns the requests so far.
    pub fn log(&self) -> Log {
        self.shared.recorder.snapshot()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        self.shared.recorder.clear();
    }

    /// Lets `fault` happen to the requests that `rule` chooses.
    pub fn script(&self, rule: Rule, fault: Fault) -> Scripted {
        self.shared.script.add(rule, fault)
    }

    /// Forgets all rules.
    pub fn clear_script(&self) {
        self.shared.script.clear();
    }

    /// Changes the options from the next request on.
    pub fn set(&self, change: impl FnOnce(&mut ScriptedOptions)) {
        change(&mut self.shared.options.lock().expect("nobody panics while changing options"));
    }

    /// Makes every token issued so far invalid.
    pub fn revoke_tokens(&self) {
        self.shared.tokens.revoke();
    }

    /// Makes every token issued so far so much older.
    pub fn age_tokens(&self, by: Duration) {
        self.shared.tokens.age(by);
    }

    /// Returns a way to make every token invalid, for a fault to run.
    pub fn revoker(&self) -> impl Fn() + Send + Sync + use<> {
        // Weak: a fault that held the registry would be held by it.
        let shared: Weak<Shared> = Arc::downgrade(&self.shared);
        move || {
            if let Some(shared) = shared.upgrade() {
                shared.tokens.revoke();
            }
        }
    }

    /// Returns the gate that every request passes before it is worked on: `pause`, `reached`,
    /// `resume`.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }
}

impl Drop for ScriptedRegistry {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has failed its connection and so, if it matters, the test.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn new(options: ScriptedOptions, addresses: [SocketAddr; 2]) -> Self {
        Self {
            store: Store::default(),
            script: rule::Script::default(),
            recorder: log::Recorder::default(),
            tokens: auth::Tokens::default(),
            gate: Gate::open(),
            addresses,
            scheme: if options.tls.is_some() { "https" } else { "http" },
            connections: AtomicUsize::new(0),
            options: Mutex::new(options),
        }
    }

    fn options(&self) -> ScriptedOptions {
        self.options.lock().expect("nobody panics while changing options").clone()
    }

    fn base(&self, listener: Listener) -> String {
        let address = match listener {
            Listener::Main => self.addresses[0],
            Listener::Other => self.addresses[1],
        };
        format!("{}://{address}", self.scheme)
    }
}

async fn accept(
    socket: TcpListener,
    listener: Listener,
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
) {
    while let Ok((stream, peer)) = socket.accept().await {
        if shared.options().refuse_connections {
            drop(stream.set_zero_linger());
            continue;
        }
        let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
        let shared = Arc::clone(&shared);
        let connection = serve::Connection { shared, listener, number, peer };
        // Ends with the runtime, when the registry is dropped.
        tokio::spawn(connection.serve(stream, tls.clone()));
    }
}
