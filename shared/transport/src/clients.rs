//! The HTTP clients: one per lane, guard, way out and TLS settings, made when first needed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect::Policy;
use url::Url;

use crate::address::{GuardedResolver, Reach};
use crate::tls::{self, Roots};
use crate::{Lane, Options, RootCause, Tls, TransportError};

/// Idle connections are kept for less than load balancers do (60 s), so that they close first.
const POOL_IDLE: Duration = Duration::from_secs(55);
/// The header list of an HTTP/2 answer; `Response` bounds those of HTTP/1.1.
const MAX_HEADER_BYTES: u32 = 64 << 10;
/// Enough to fill a fast line: over one HTTP/2 connection small answers share these.
const HTTP2_WINDOW_BYTES: u32 = 2 << 20;

/// What tells one client from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Profile {
    pub(crate) lane: Lane,
    /// Where somebody stands who sent us on; `None` for hosts that the user named.
    pub(crate) guard: Option<Reach>,
    /// No proxy, whatever the environment says: this machine.
    pub(crate) direct: bool,
    /// The settings of the host that is asked; never of one that sent us on.
    pub(crate) tls: Option<Tls>,
}

/// The HTTP clients.
pub(crate) struct Clients {
    options: Options,
    roots: Roots,
    proxies: Matcher,
    made: Mutex<HashMap<Profile, reqwest::Client>>,
}

impl Clients {
    pub(crate) fn new(options: Options) -> Self {
        let roots = tls::system_roots();
        Self { options, roots, proxies: Matcher::from_env(), made: Mutex::default() }
    }

    /// Returns what the user should know about the roots.
    pub(crate) fn warning(&self) -> Option<&str> {
        self.roots.warning.as_deref().filter(|_| !self.options.insecure)
    }

    /// Returns whether requests to `url` go through a proxy of the environment.
    pub(crate) fn is_proxied(&self, url: &Url) -> bool {
        url.as_str().parse().is_ok_and(|uri| self.proxies.intercept(&uri).is_some())
    }

    /// Returns the client of a profile.
    pub(crate) fn get(
        &self,
        profile: Profile,
        host: &str,
    ) -> Result<reqwest::Client, TransportError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&profile) {
            return Ok(client.clone());
        }
        let client = self
            .make(&profile)
            .map_err(|source| TransportError::Unusable { host: host.to_owned(), source })?;
        made.insert(profile, client.clone());
        Ok(client)
    }

    fn make(&self, profile: &Profile) -> Result<reqwest::Client, RootCause> {
        let alpn: &[&[u8]] = match profile.lane {
            Lane::Small => &[b"h2", b"http/1.1"],
            // Over one HTTP/2 connection all bodies would share one congestion window.
            Lane::Bodies => &[b"http/1.1"],
        };
        let tls =
            tls::client_config(&self.roots, self.options.insecure, profile.tls.as_ref(), alpn)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(&self.options.user_agent)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(self.options.timing.connect)
            .pool_idle_timeout(POOL_IDLE)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .http2_initial_stream_window_size(HTTP2_WINDOW_BYTES)
            .http2_initial_connection_window_size(HTTP2_WINDOW_BYTES * 4);
        if profile.lane == Lane::Bodies {
            builder = builder.http1_only();
        }
        if let Some(reach) = profile.guard {
            builder = builder.dns_resolver(GuardedResolver(reach));
        }
        if profile.direct {
            builder = builder.no_proxy();
        }
        builder.build().map_err(|error| RootCause::of(&error))
    }
}
