//! Finding the coordinator that leads.
//!
//! A [`Dialer`] connects, puts the token on each request, and learns from what comes back where to go
//! next. It never sends a token in plaintext to another machine without leave, wherever the address came
//! from. Whether to try again, and when to give up, is for the caller.

use std::error::Error as _;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Status};
use tracing::{debug, warn};
use zeroize::Zeroizing;

use crate::connect::{Connection, Connector};
use crate::error::{Attempt, Attempts};
use crate::token::TokenFile;
use crate::trust::Trust;
use crate::turn::Turn;
use crate::{RpcError, cause};

/// What calls are made over: a connection, and the token on each call.
pub type Channel = InterceptedService<Connection, Bearer>;

/// The trailer in which a coordinator that does not lead names the one that does.
pub const LEADER_TRAILER: &str = "fm-leader";

/// The longest first pause before connecting again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause at all: a worker whose link is back within 5 s keeps its jobs.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How coordinators are reached.
#[derive(Clone, Debug, Default)]
pub struct ClientOptions {
    /// URLs, `http://` or `https://`.
    pub coordinators: Vec<String>,
    /// CA certificates in place of the system's.
    pub ca: Option<PathBuf>,
    /// A client certificate, and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// A file with a bearer token, read again at each connection.
    pub token: Option<PathBuf>,
    /// Plaintext may go to other hosts than loopback.
    pub plaintext: bool,
}

/// Dials coordinators in turn, and follows the leader; cheap to clone, and clones learn together.
#[derive(Clone, Debug)]
pub struct Dialer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    trust: Trust,
    token: Option<TokenFile>,
    turn: Mutex<Turn>,
}

/// Puts the bearer token on each request: the file's, as it stands then or a second before.
#[derive(Clone)]
pub struct Bearer {
    token: Option<TokenFile>,
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("token", &self.token.is_some()).finish()
    }
}

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        let tokens = self.token.as_ref().map(TokenFile::tokens);
        if let Some(token) = tokens.as_ref().and_then(|tokens| tokens.first()) {
            let value = Zeroizing::new(format!("Bearer {}", token.as_str()));
            let value: Result<MetadataValue<Ascii>, _> = value.parse();
            let mut value =
                value.map_err(|_no_header| Status::internal("the token is no header"))?;
            value.set_sensitive(true);
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

impl Dialer {
    /// Checks the options; dials nothing.
    ///
    /// # Errors
    /// An URL that is none, plaintext to another host without leave, a file that cannot be read.
    pub fn new(options: ClientOptions) -> Result<Self, RpcError> {
        let ClientOptions { coordinators, ca, certificate, token, plaintext } = options;
        let turn = Turn::new(&coordinators, plaintext)?;
        let token = token.map(TokenFile::open).transpose()?;
        let trust = Trust::new(ca, certificate);
        for address in turn.order() {
            Connector::new(&address, &trust)?;
        }
        let shared = Shared { trust, token, turn: Mutex::new(turn) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Returns a channel to whoever is thought to lead; keepalive 20 s / 10 s. Connects.
    ///
    /// If nobody is there, the other addresses are tried, each once and for at most
    /// [`CONNECT_TIMEOUT`](crate::CONNECT_TIMEOUT). Certificates and the token are read again.
    ///
    /// # Errors
    /// Nobody answered at any address: each is named, with why. A file that cannot be read now.
    pub async fn channel(&self) -> Result<Channel, RpcError> {
        if let Some(token) = &self.shared.token {
            token.reload()?;
        }
        let mut attempts = Vec::new();
        let order = self.shared.turn().order();
        for address in order {
            match Connector::new(&address, &self.shared.trust)?.connect().await {
                Ok(connection) => {
                    debug!(url = %address.url, "connected to a coordinator");
                    self.shared.turn().keep(&address);
                    let bearer = Bearer { token: self.shared.token.clone() };
                    return Ok(InterceptedService::new(connection, bearer));
                }
                Err((reason, temporary)) => {
                    debug!(url = %address.url, %reason, "no connection to a coordinator");
                    attempts.push(Attempt { url: address.url, reason, temporary });
                }
            }
        }
        self.shared.turn().pass();
        Err(RpcError::Unreachable { attempts: Attempts(attempts) })
    }

    /// Learns from an answer that the coordinator does not lead, or is gone: the next call goes to the
    /// leader that it named, else to the next address. Returns whether trying again may help
    /// (`Unavailable`, a broken connection), which is not so once all of them have refused us, or the leader.
    ///
    /// Why it is one, and what to do, [`Dialer::refusal`] says.
    pub fn learn(&self, status: &Status) -> bool {
        // A status that came over the wire has no cause; one made here, of a connection that broke, has.
        let broken = status.source();
        if broken.is_some_and(|cause| cause::objection(cause).is_some()) {
            return !self.shared.turn().refuse();
        }
        if status.code() != Code::Unavailable && broken.is_none() {
            return false;
        }
        let mut turn = self.shared.turn();
        let hint = status.metadata().get(LEADER_TRAILER).and_then(|hint| hint.to_str().ok());
        if let Some(hint) = hint {
            match turn.follow(hint) {
                Ok(()) => return true,
                Err(error) => warn!(%error, "the leader that was named is not followed"),
            }
        }
        turn.pass();
        true
    }

    /// Takes note that a call was answered: refusals before it are no more than that.
    pub fn answered(&self) {
        self.shared.turn().answer();
    }

    /// Returns why a coordinator does not speak to us at all, if that is what `status` says, with what to
    /// do: a certificate or a token that is missing or not accepted.
    ///
    /// Ask before [`Dialer::learn`], which goes on to the next address.
    pub fn refusal(&self, status: &Status) -> Option<RpcError> {
        let url = self.target();
        if let Some(objection) = status.source().and_then(cause::objection) {
            return Some(RpcError::Refused { url, reason: objection.to_string() });
        }
        if status.code() != Code::Unauthenticated {
            return None;
        }
        let reason = match &self.shared.token {
            Some(token) => format!("the token in {} is not accepted", token.path().display()),
            None => "it asks for a bearer token, give a token file".to_owned(),
        };
        Some(RpcError::Refused { url, reason })
    }

    /// Where the next call goes, for messages.
    pub fn target(&self) -> String {
        self.shared.turn().target().url.clone()
    }

    /// Returns how long to wait before connecting again, after `attempt` failures in a row: any time up
    /// to a bound that doubles from 100 ms to 2 s, so that a fleet does not come back all at once.
    pub fn pause(attempt: u32) -> Duration {
        longest(attempt).mul_f64(fastrand::f64())
    }
}

impl Shared {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn longest(attempt: u32) -> Duration {
    let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use mirror_tests::pki::Pki;

    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let longest = |attempt| longest(attempt).as_millis();
        assert_eq!(
            [0, 1, 2, 3, 5, 6, 40, u32::MAX].map(longest),
            [100, 100, 200, 400, 1600, 2000, 2000, 2000]
        );
        for attempt in 0..100 {
            assert!(Dialer::pause(attempt) <= LONGEST_PAUSE);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_named_before_anybody_is_dialled() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let (empty, junk) = (file("empty", ""), file("junk", "junk"));
        let gone = folder.path().join("gone");
        let options = ClientOptions {
            coordinators: vec!["https://mirror.test".to_owned()],
            ..ClientOptions::default()
        };
        let check = |options: ClientOptions, expected: String| {
            assert_eq!(Dialer::new(options).unwrap_err().to_string(), expected);
        };
        let token = |path: &PathBuf| ClientOptions { token: Some(path.clone()), ..options.clone() };
        let ca = |path: &PathBuf| ClientOptions { ca: Some(path.clone()), ..options.clone() };
        check(token(&gone), format!("cannot read the token file {}", gone.display()));
        check(token(&empty), format!("{} is empty", empty.display()));
        check(ca(&gone), format!("cannot read the CA {}", gone.display()));
        check(ca(&junk), format!("the CA {} holds no certificate in PEM", junk.display()));
        let certificate = |certificate: &PathBuf, key: &PathBuf| ClientOptions {
            certificate: Some((certificate.clone(), key.clone())),
            ..options.clone()
        };
        check(certificate(&gone, &junk), format!("cannot read the certificate {}", gone.display()));
        let pki = Pki::new();
        let ((client, _), (_, other)) = (pki.client(), pki.server());
        check(
            certificate(&client, &junk),
            format!("the certificate's key {} holds no private key in PEM", junk.display()),
        );
        let mismatch = format!("TLS cannot use {}, {}", client.display(), other.display());
        check(certificate(&client, &other), mismatch);
        let no_der = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n";
        let odd = file("odd", no_der);
        check(ca(&odd), format!("TLS cannot use {}", odd.display()));
        let bundle =
            file("bundle", &(no_der.to_owned() + &std::fs::read_to_string(pki.ca()).unwrap()));
        Dialer::new(ca(&bundle)).unwrap();
        check(
            ClientOptions { coordinators: Vec::new(), ..options.clone() },
            "0 coordinators are given, name one at least and 16 at most".to_owned(),
        );
    }
}
