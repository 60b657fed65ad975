//! All hosts of a run, and what they share.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::StatusCode;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::clients::{Clients, Profile};
use crate::{Budget, Host, Lane, Tls, TransportError};

/// How long what may take. There is no limit on a whole request: layers are large, and silence is
/// what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From a name to an encrypted connection.
    pub connect: Duration,
    /// From the last byte of a request to the first of its answer.
    pub answer: Duration,
    /// Between two chunks of a body, either way.
    pub idle: Duration,
    /// Over how long a body must bring 16 KiB/s.
    pub floor: Duration,
    /// How long a host is left alone after it could not be reached; twice and four times as long when
    /// that happens again.
    pub unreachable: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(10),
            answer: seconds(30),
            idle: seconds(30),
            floor: seconds(60),
            unreachable: seconds(15),
        }
    }
}

/// What holds for all hosts.
#[derive(Clone, Debug)]
pub struct Options {
    /// No certificate is checked, and a host that does not speak TLS is asked in the clear.
    pub insecure: bool,
    /// Who we say we are.
    pub user_agent: String,
    /// How long what may take.
    pub timing: Timing,
}

/// How one host is spoken to.
#[derive(Clone, Debug, Default)]
pub struct HostOptions {
    /// How long a 429 without `Retry-After` is waited out there; where it is not known, one second,
    /// doubling.
    pub pause: Option<Duration>,
    /// Whom it must be and who we are to it; the system's authorities, and nobody, where it is `None`.
    pub tls: Option<Tls>,
    /// What it speaks.
    pub scheme: Scheme,
    /// Who sent us there, where that was not the user: it is then dialled only at an address that is no
    /// more private than the sender's own. The scheme has to be said.
    pub sent_by: Option<Arc<Host>>,
}

impl HostOptions {
    /// Waits until it is known who we are to the host, and who vouches for it.
    pub(crate) async fn ready(&self, authority: &str) -> Result<(), TransportError> {
        let Some(tls) = &self.tls else { return Ok(()) };
        let fault = |source| TransportError::Identity { host: authority.to_owned(), source };
        tls.ready().await.map_err(fault)
    }
}

/// What a host speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTPS; HTTP where that is allowed and found: on this machine, unless it has TLS settings of its
    /// own, and everywhere by [`Options::insecure`].
    #[default]
    Found,
    /// HTTPS, whatever else it may speak.
    Https,
    /// HTTP: somebody wrote so.
    Http,
}

/// All hosts of a run.
#[derive(Clone)]
pub struct Transport {
    shared: Arc<Shared>,
}

/// What the hosts share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) clients: Clients,
    hosts: Mutex<Hosts>,
    /// Small requests that any host may be asked at once.
    requests: AtomicUsize,
    watcher: OnceLock<Watcher>,
}

#[derive(Default)]
struct Hosts {
    /// By authority; one that is spoken to in several ways is a host for each.
    known: HashMap<String, Vec<Arc<Host>>>,
    /// Until when which authorities are to be left alone: those that nobody has asked yet, too.
    paused: HashMap<String, Instant>,
}

/// Pauses that are kept at most: a fleet has few registries.
const MOST_PAUSED: usize = 1_000;

/// What is noticed of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// It answered a request.
    Answered(StatusCode),
    /// It asks to be left alone for so long, and longer than it was known to.
    Paused(Duration),
}

/// Is told what is noticed of which host. Returns at once, never blocks.
pub type Watcher = Arc<dyn Fn(&str, Noticed) + Send + Sync>;

impl Shared {
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn tell(&self, authority: &str, noticed: Noticed) {
        if let Some(watcher) = self.watcher.get() {
            watcher(authority, noticed);
        }
    }
}

impl Transport {
    /// Makes a transport; nothing is dialled before the first request.
    pub fn new(options: Options) -> Self {
        let clients = Clients::new(options.clone());
        let shared = Shared {
            options,
            clients,
            hosts: Mutex::default(),
            requests: AtomicUsize::new(usize::MAX),
            watcher: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Returns what the user should know about the CA certificates in use, if anything.
    pub fn warning(&self) -> Option<&str> {
        self.shared.clients.warning()
    }

    /// Returns a client for what has a protocol of its own, with the proxies and roots of the environment:
    /// none of the limits of a host hold for it.
    ///
    /// # Errors
    /// [`TransportError::Unusable`] where the roots make no client; `purpose` says whose.
    pub fn client(&self, purpose: &str) -> Result<reqwest::Client, TransportError> {
        let profile = Profile { lane: Lane::Small, guard: None, direct: false, tls: None };
        self.shared.clients.get(profile, purpose)
    }

    /// Returns the host at `authority` (`ghcr.io`, `127.0.0.1:5000`), spoken to as any other.
    ///
    /// `pause` is that of [`HostOptions`].
    pub fn host(&self, authority: &str, pause: Option<Duration>) -> Arc<Host> {
        self.host_with(authority, HostOptions { pause, ..HostOptions::default() })
    }

    /// Returns the host at `authority`, spoken to as `options` say: one and the same for equal TLS
    /// settings, scheme and sender, with the pause of the first.
    pub fn host_with(&self, authority: &str, options: HostOptions) -> Arc<Host> {
        let mut hosts = self.shared.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let Hosts { known, paused } = &mut *hosts;
        let known = known.entry(authority.to_owned()).or_default();
        if let Some(host) = known.iter().find(|host| host.is_of(&options)) {
            return Arc::clone(host);
        }
        let host = Arc::new(Host::new(authority.to_owned(), options, Arc::clone(&self.shared)));
        if let Some(until) = paused.get(authority) {
            host.impose(until.saturating_duration_since(Instant::now()));
        }
        known.push(Arc::clone(&host));
        host
    }

    /// Tells `watcher` from now on what is noticed of hosts; the first one stays.
    pub fn watch(&self, watcher: Watcher) {
        let _ = self.shared.watcher.set(watcher);
    }

    /// Leaves a host alone for `wait`: it asked somebody else to, on behalf of all. The watcher is not
    /// told.
    pub fn pause(&self, authority: &str, wait: Duration) {
        let mut hosts = self.shared.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.known.get(authority).into_iter().flatten().for_each(|host| host.impose(wait));
        let now = Instant::now();
        hosts.paused.retain(|_, until| *until > now);
        if let Some(until) = now.checked_add(wait)
            && hosts.paused.len() < MOST_PAUSED
        {
            hosts.paused.insert(authority.to_owned(), until);
        }
    }

    /// Asks each host for no more than so many small things at once, and one in any case: others want
    /// their share.
    pub fn share(&self, requests: usize) {
        let hosts = self.shared.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.requests.store(requests, Ordering::Relaxed);
        hosts.known.values().flatten().for_each(|host| host.window().share(requests));
    }

    /// Waits for the right to move one blob between `hosts`, while `budget` stands still.
    ///
    /// Taken in the order of their names, and once where both sides are one host, so that no two
    /// transfers can wait for each other.
    pub async fn transfer(&self, hosts: &[&Arc<Host>], budget: &Arc<Budget>) -> Transfer {
        let _waiting = budget.wait();
        let names: BTreeSet<&str> = hosts.iter().map(|host| host.authority()).collect();
        let mut permits = Vec::with_capacity(names.len());
        for name in names {
            let host = hosts.iter().find(|host| host.authority() == name);
            if let Some(host) = host
                && let Ok(permit) = Arc::clone(host.bodies()).acquire_owned().await
            {
                permits.push(permit);
            }
        }
        Transfer(permits)
    }
}

/// The right to move one blob, until dropped.
#[derive(Debug)]
pub struct Transfer(#[expect(dead_code, reason = "held for its drop")] Vec<OwnedSemaphorePermit>);
