//! Connecting: which servers, whether by TLS, how long to try, and whether the server will do.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr, ServerInfo};
use rustls::ClientConfig;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use crate::identity::Identity;
use crate::link::Link;
use crate::{Nats, NatsOptions, QueueError, tls};

/// How long the first connection is tried for: a server beside us starts in this time, and who started
/// us wants to know why nothing comes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one attempt may take: resolving, connecting, the handshake.
const ATTEMPT: Duration = Duration::from_secs(5);
/// The first wait between two attempts, and the longest: a fleet must not come back all at once.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(4));
/// A connection that answers no ping for two of these is down; the leader is thought lost after 15 s.
const PING: Duration = Duration::from_secs(5);
/// The prefix of async-nats where none is asked for.
const INBOX: &str = "_INBOX";
/// The oldest server that will do alone, and in a cluster.
const ALONE: (&str, [u64; 3]) = ("2.9.10", [2, 9, 10]);
const CLUSTERED: (&str, [u64; 3]) = ("2.12.0", [2, 12, 0]);

pub(crate) async fn connect(options: NatsOptions) -> Result<Nats, QueueError> {
    let (servers, secure) = servers(&options)?;
    let identity = identity(&options)?;
    identity.check().await?;
    let config = tls::client_config(&options)?;
    let deadline = Instant::now() + PATIENCE;
    let mut attempt = 0;
    loop {
        let link = Arc::new(Link::new(
            options.name.clone(),
            options.inbox_prefix.clone().unwrap_or_else(|| INBOX.to_owned()),
        ));
        let tried = connect_options(&options, &identity, &link)
            .require_tls(secure)
            .tls_client_config(ClientConfig::clone(&config))
            .connect(servers.clone());
        let error = match timeout_at(deadline, tried).await {
            Ok(Ok(client)) => {
                check_server(&options, &client.server_info())?;
                return Ok(Nats { client, link });
            }
            Ok(Err(error)) => error,
            Err(_) => ConnectError::new(ConnectErrorKind::TimedOut),
        };
        if is_about_us(error.kind()) {
            return Err(QueueError::Identity { servers: options.servers, source: error.into() });
        }
        attempt += 1;
        let wait = wait(attempt);
        if Instant::now() + wait >= deadline {
            return Err(QueueError::Connect {
                servers: options.servers,
                patience: PATIENCE,
                source: error.into(),
            });
        }
        warn!(servers = %options.servers, %error, "cannot connect to NATS, trying on");
        sleep(wait).await;
    }
}

fn connect_options(options: &NatsOptions, identity: &Identity, link: &Arc<Link>) -> ConnectOptions {
    let (identity, link) = (identity.clone(), Arc::clone(link));
    let connect = ConnectOptions::with_auth_callback(move |nonce| identity.clone().answer(nonce))
        .event_callback(move |event| {
            link.tell(&event);
            std::future::ready(())
        })
        .name(&options.name)
        .connection_timeout(ATTEMPT)
        .ping_interval(PING)
        .reconnect_delay_callback(wait);
    match &options.inbox_prefix {
        Some(prefix) => connect.custom_inbox_prefix(prefix),
        None => connect,
    }
}

/// Returns the servers, and whether TLS is wanted of all of them.
fn servers(options: &NatsOptions) -> Result<(Vec<ServerAddr>, bool), QueueError> {
    let mut secure = options.ca.is_some() || options.certificate.is_some();
    let mut servers = Vec::new();
    for text in options.servers.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let no = |reason: &str| QueueError::Server {
            server: text.rsplit_once('@').map_or(text, |(_, host)| host).to_owned(),
            reason: reason.to_owned(),
        };
        let server: ServerAddr =
            text.parse().map_err(|error: std::io::Error| no(&error.to_string()))?;
        if server.username().is_some() || server.password().is_some() {
            return Err(no("a user has no place in it, use a credentials file or an nkey"));
        }
        if server.is_websocket() {
            return Err(no("websockets are not supported"));
        }
        secure |=
            if text.contains("://") { server.tls_required() } else { !is_loopback(server.host()) };
        servers.push(server);
    }
    if servers.is_empty() {
        let server = options.servers.clone();
        return Err(QueueError::Server { server, reason: "no server is named".to_owned() });
    }
    Ok((servers, secure))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn identity(options: &NatsOptions) -> Result<Identity, QueueError> {
    Ok(match (&options.creds, &options.nkey) {
        (None, None) => Identity::Anonymous,
        (Some(creds), None) => Identity::Creds(creds.clone()),
        (None, Some(nkey)) => Identity::Nkey(nkey.clone()),
        (Some(_), Some(nkey)) => {
            let reason = "there is a credentials file too: one of them, please".to_owned();
            return Err(QueueError::File { path: nkey.clone(), reason });
        }
    })
}

fn is_about_us(kind: ConnectErrorKind) -> bool {
    match kind {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => true,
        ConnectErrorKind::ServerParse
        | ConnectErrorKind::Dns
        | ConnectErrorKind::TimedOut
        | ConnectErrorKind::Tls
        | ConnectErrorKind::Io
        | ConnectErrorKind::MaxReconnects => false,
    }
}

/// Returns how long to wait before an attempt: a random part of twice the wait before, up to a limit.
fn wait(attempt: usize) -> Duration {
    let (first, most) = WAITS;
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let whole = first.saturating_mul(1 << doublings).min(most);
    whole.mul_f64(0.5 + fastrand::f64() / 2.0)
}

fn check_server(options: &NatsOptions, info: &ServerInfo) -> Result<(), QueueError> {
    let clustered = info.cluster.is_some();
    let (needed, least) = if clustered { CLUSTERED } else { ALONE };
    if !is_at_least(&info.version, least) {
        return Err(QueueError::Version { found: info.version.clone(), needed, clustered });
    }
    if !info.jetstream {
        return Err(QueueError::NoJetStream { servers: options.servers.clone() });
    }
    Ok(())
}

/// Compares `2.12.1-RC.2` by its numbers; what is no version is too old.
fn is_at_least(version: &str, least: [u64; 3]) -> bool {
    let core = version.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    let numbers: Result<Vec<u64>, _> = core.split('.').map(str::parse).collect();
    numbers.is_ok_and(|numbers| numbers.len() == 3 && numbers.as_slice() >= least.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_version(version: &str, alone: bool, clustered: bool) {
        assert_eq!(is_at_least(version, ALONE.1), alone, "{version}");
        assert_eq!(is_at_least(version, CLUSTERED.1), clustered, "{version}");
    }

    #[test]
    fn old_servers_are_told_from_new_ones() {
        check_version("2.9.9", false, false);
        check_version("2.9.10", true, false);
        check_version("2.11.9", true, false);
        check_version("2.12.0", true, true);
        check_version("2.12.1-RC.2", true, true);
        check_version("3.0.0", true, true);
        check_version("", false, false);
        check_version("2.12", false, false);
    }

    #[track_caller]
    fn check_servers(text: &str, expected: Option<(usize, bool)>) {
        let options = NatsOptions { servers: text.to_owned(), ..NatsOptions::default() };
        let found = servers(&options).ok().map(|(servers, secure)| (servers.len(), secure));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn tls_is_wanted_unless_loopback_or_asked_otherwise() {
        check_servers("nats://a:4222", Some((1, false)));
        check_servers("tls://a", Some((1, true)));
        check_servers("a", Some((1, true)));
        check_servers("127.0.0.1:4222, localhost", Some((2, false)));
        check_servers("nats://a,tls://b", Some((2, true)));
        check_servers("", None);
        check_servers("http://a", None);
        check_servers("ws://a", None);
        check_servers("nats://user:secret@a", None);
    }

    #[test]
    fn a_password_is_not_repeated() {
        let servers_text = "nats://user:secret@a".to_owned();
        let options = NatsOptions { servers: servers_text, ..NatsOptions::default() };
        assert!(!servers(&options).unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn waits_grow_to_their_limit() {
        for attempt in 0..100 {
            assert!((WAITS.0 / 2..=WAITS.1).contains(&wait(attempt)));
        }
        assert!(wait(50) >= WAITS.1 / 2);
    }
}
