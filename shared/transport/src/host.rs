//! One registry: how it is spoken to, and how much at once.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH};
use reqwest::{Method, StatusCode};
use tokio::sync::Semaphore;
use url::Url;

use crate::address::{ForbiddenAddress, Near, REFUSED, Reach};
use crate::clients::Profile;
use crate::echo::Shown;
use crate::pause::Pause;
use crate::plain::says_http;
use crate::question::{Question, outgoing};
use crate::request::Target;
use crate::transport::Shared;
use crate::window::{Slot, Window};
use crate::{
    Body, Budget, Expired, HostOptions, Lane, Noticed, Request, Response, Scheme, TransportError,
    error, redirect, retry_after,
};

/// Blobs that move to or from a host at once. Beyond this, latency is hidden and memory is not.
const TRANSFERS: usize = 48;
/// A pause is waited out inline this often; a host that never stops asking uses up the budget first.
const MOST_PAUSES: u32 = 1000;

/// One registry, as all requests of a run share it.
pub struct Host {
    authority: String,
    shared: Arc<Shared>,
    near: Near,
    scheme: AtomicU8,
    first_contact: tokio::sync::Mutex<()>,
    peer: Mutex<Option<IpAddr>>,
    window: Arc<Window>,
    bodies: Arc<Semaphore>,
    pause: Pause,
    options: HostOptions,
}

const UNKNOWN: u8 = 0;
const HTTPS: u8 = 1;
const HTTP: u8 = 2;

impl Host {
    pub(crate) fn new(authority: String, options: HostOptions, shared: Arc<Shared>) -> Self {
        let shared_requests = shared.requests();
        let near = Near::of(&authority);
        // Only where plain HTTP is allowed is there anything to find out: whoever asks for TLS of his
        // own gets it, on this machine too.
        let may_be_plain = shared.options.insecure || (near == Near::Here && options.tls.is_none());
        let scheme = match options.scheme {
            Scheme::Found if may_be_plain => UNKNOWN,
            Scheme::Found | Scheme::Https => HTTPS,
            Scheme::Http => HTTP,
        };
        Self {
            authority,
            shared,
            near,
            scheme: AtomicU8::new(scheme),
            first_contact: tokio::sync::Mutex::default(),
            peer: Mutex::default(),
            window: Window::new(shared_requests),
            bodies: Arc::new(Semaphore::new(TRANSFERS)),
            pause: Pause::default(),
            options,
        }
    }

    /// Returns the host and port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns whether this is the host that such options make, but for its pause.
    pub(crate) fn is_of(&self, options: &HostOptions) -> bool {
        let by = [&self.options.sent_by, &options.sent_by].map(|by| by.as_ref().map(Arc::as_ptr));
        by[0] == by[1] && self.options.scheme == options.scheme && self.options.tls == options.tls
    }

    /// Returns whether the host was found to speak plain HTTP.
    pub fn is_plain(&self) -> bool {
        self.scheme.load(Ordering::Relaxed) == HTTP
    }

    /// Leaves the host alone for `wait`, because somebody else was asked to.
    pub(crate) fn impose(&self, wait: Duration) {
        self.pause.imposed(wait);
    }

    pub(crate) fn window(&self) -> &Arc<Window> {
        &self.window
    }

    pub(crate) fn bodies(&self) -> &Arc<Semaphore> {
        &self.bodies
    }

    /// Sends a request and returns the answer, whatever its status.
    ///
    /// Redirects of GET and HEAD are followed; credentials stay with the host. A pause that the host
    /// asked for is waited out within `budget`, as is one that it asks for now if the body can be sent
    /// again; a request that met a stale connection is sent once more.
    ///
    /// # Errors
    /// See [`TransportError`].
    pub async fn send(
        &self,
        request: Request,
        budget: &Arc<Budget>,
    ) -> Result<Response, TransportError> {
        let shown = Shown::by(&request);
        let Request {
            method, target, headers, mut body, lane, is_realm, settling, validity, ..
        } = request;
        self.options.ready(&self.authority).await?;
        let mut is_stale = false;
        for _ in 0..MOST_PAUSES {
            self.wait_for_pause(budget).await?;
            // Before the slot: whoever goes ahead needs slots himself.
            let ahead = self.go_ahead(budget).await;
            let slot = self.slot(lane, budget).await;
            // One that began while others were waited for is waited out as well.
            if self.pause.remaining().is_some() {
                continue;
            }
            let (sent, again) = match body {
                Body::Empty => (Body::Empty, Some(Body::Empty)),
                Body::Bytes(bytes) => (Body::Bytes(bytes.clone()), Some(Body::Bytes(bytes))),
                Body::Stream { .. } => (body, None),
            };
            let has_answered = self.pause.has_answered();
            let question = Question {
                method: &method,
                target: &target,
                headers: &headers,
                lane,
                is_realm,
                settling,
                validity,
            };
            let asked = self.ask(&question, sent, slot).await;
            drop(ahead);
            match (asked, again) {
                (Ok(response), Some(again)) if self.asks_for_pause(&response) => body = again,
                (Ok(response), _) => return Ok(response.to(shown)),
                (Err(TransportError::Broken { .. }), Some(again)) if has_answered && !is_stale => {
                    is_stale = true;
                    body = again;
                }
                (Err(error), _) => {
                    if error.is_unreachable(&self.authority) {
                        self.pause.unreachable(self.shared.options.timing.unreachable, &error);
                    }
                    return Err(error);
                }
            }
        }
        Err(self.pause.error(&self.authority, self.pause.remaining().unwrap_or_default()))
    }

    /// Waits until the host may be asked again.
    async fn wait_for_pause(&self, budget: &Arc<Budget>) -> Result<(), TransportError> {
        while let Some(left) = self.pause.remaining() {
            // Up to a tenth later, so that those who wait do not all come at once.
            let wait = left.mul_f64(1.0 + fastrand::f64() / 10.0);
            if wait >= budget.remaining() {
                return Err(self.pause.error(&self.authority, left));
            }
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    async fn slot(&self, lane: Lane, budget: &Arc<Budget>) -> Option<Slot> {
        match lane {
            Lane::Bodies => None,
            Lane::Small => match self.window.try_acquire() {
                Some(slot) => Some(slot),
                None => {
                    let _waiting = budget.wait();
                    Some(self.window.acquire().await)
                }
            },
        }
    }

    /// Takes note of a 429, or a 503 that says when; returns whether it was one.
    fn asks_for_pause(&self, response: &Response) -> bool {
        let wait = retry_after(&response.headers, SystemTime::now());
        let asks = match response.status {
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::SERVICE_UNAVAILABLE => wait.is_some(),
            _ => false,
        };
        if asks && let Some(left) = self.pause.asked(wait, self.options.pause) {
            self.shared.tell(&self.authority, Noticed::Paused(left));
        }
        asks
    }

    /// Sends one request, finding out the scheme on first contact.
    async fn ask(
        &self,
        question: &Question<'_>,
        body: Body,
        slot: Option<Slot>,
    ) -> Result<Response, TransportError> {
        if self.scheme.load(Ordering::Acquire) != UNKNOWN {
            return self.follow(question, body, slot).await;
        }
        let (sent, again) = match body {
            Body::Bytes(bytes) => (Body::Bytes(bytes.clone()), Body::Bytes(bytes)),
            // First contact is never made with a stream: whoever uploads has asked before.
            body @ (Body::Empty | Body::Stream { .. }) => (body, Body::Empty),
        };
        match self.follow(question, sent, slot).await {
            Err(error) if self.speaks_plain(&error).await => {
                self.scheme.store(HTTP, Ordering::Release);
                let slot = match question.lane {
                    Lane::Small => Some(self.window.acquire().await),
                    Lane::Bodies => None,
                };
                self.follow(question, again, slot).await
            }
            result => {
                if result.is_ok() {
                    self.scheme.store(HTTPS, Ordering::Release);
                }
                result
            }
        }
    }

    /// While the scheme is not known, lets one request go ahead, and those that waited for it follow.
    async fn go_ahead(&self, budget: &Arc<Budget>) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if self.scheme.load(Ordering::Acquire) != UNKNOWN {
            return None;
        }
        if let Ok(ahead) = self.first_contact.try_lock() {
            return Some(ahead);
        }
        let _waiting = budget.wait();
        drop(self.first_contact.lock().await);
        None
    }

    /// Returns whether the host, which gave no TLS session, speaks plain HTTP: an answer that is no TLS
    /// proves it. One that only hung up, or listens at HTTP's port alone, has to say something in the
    /// clear, without having been told anything: a TLS server may hang up too.
    async fn speaks_plain(&self, error: &TransportError) -> bool {
        match error {
            TransportError::NotTls { .. } => true,
            TransportError::Connect { source, .. } => {
                let Ok(url) = Url::parse(&format!("http://{}/", self.authority)) else {
                    return false;
                };
                if self.shared.clients.is_proxied(&url) && !self.near.is_direct() {
                    // Proxies open tunnels to few ports, and show plain HTTP of all.
                    return source.is_about("tunnel");
                }
                let timing = self.shared.options.timing;
                tokio::time::timeout(timing.connect, says_http(&url)).await.is_ok_and(|says| says)
            }
            TransportError::Dns { .. }
            | TransportError::Tls { .. }
            | TransportError::Broken { .. }
            | TransportError::Silent { .. }
            | TransportError::Slow { .. }
            | TransportError::RateLimited { .. }
            | TransportError::Unreachable { .. }
            | TransportError::Forbidden { .. }
            | TransportError::Redirects { .. }
            | TransportError::TooLarge { .. }
            | TransportError::Expired { .. }
            | TransportError::Identity { .. }
            | TransportError::Unusable { .. } => false,
        }
    }

    /// Sends one request and follows where it is sent on.
    async fn follow(
        &self,
        question: &Question<'_>,
        body: Body,
        slot: Option<Slot>,
    ) -> Result<Response, TransportError> {
        let base = self.base()?;
        let mut url = match question.target {
            Target::Path(path) => base.join(path).map_err(|error| self.unusable(&error))?,
            Target::Url(url) => self.kept_encrypted(url, &base)?,
        };
        // Who has been sent away once carries nothing any more, wherever he is sent then.
        let mut is_own = self.is_own(&url);
        let mut response = self.exchange(question, is_own, url.clone(), body, slot).await?;
        if question.is_realm {
            return Ok(response);
        }
        for _ in 0..redirect::MOST {
            let (status, headers) = (response.status, &response.headers);
            let next = redirect::target(&self.authority, question.method, &url, status, headers)?;
            let Some(next) = next else { return Ok(response) };
            let slot = response.take_slot();
            url = next;
            is_own &= self.is_own(&url);
            response = self.exchange(question, is_own, url.clone(), Body::Empty, slot).await?;
        }
        match redirect::target(
            &self.authority,
            question.method,
            &url,
            response.status,
            &response.headers,
        )? {
            None => Ok(response),
            Some(_) => Err(TransportError::Redirects {
                host: self.authority.clone(),
                most: redirect::MOST,
            }),
        }
    }

    /// One request on the wire.
    async fn exchange(
        &self,
        question: &Question<'_>,
        is_own: bool,
        url: Url,
        body: Body,
        slot: Option<Slot>,
    ) -> Result<Response, TransportError> {
        let timing = self.shared.options.timing;
        let client = self.client(question.lane, &url, is_own)?;
        let (body, watch, length) = outgoing(body, timing, question);
        let mut request = reqwest::Request::new(question.method.clone(), url.clone());
        *request.headers_mut() = match is_own || question.is_realm {
            true => question.headers.clone(),
            false if *question.method == Method::GET || *question.method == Method::HEAD => {
                redirect::harmless(question.headers)
            }
            false => {
                let mut headers = question.headers.clone();
                headers.remove(AUTHORIZATION);
                headers
            }
        };
        if let Some(length) = length {
            request.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        *request.body_mut() = body;
        let target = if is_own { self.authority.clone() } else { redirect::shown(&url) };
        let expired = async {
            match question.validity {
                None => std::future::pending().await,
                Some(validity) => tokio::time::sleep(validity.lasting()).await,
            }
        };
        let answer = tokio::select! {
            biased;
            () = expired => return Err(TransportError::Expired { host: target, source: Expired }),
            answer = client.execute(request) => answer.map_err(|error| self.explain(&target, &url, &error))?,
            error = watch.silence(&target) => return Err(error),
        };
        if is_own {
            self.note(&answer, &url, slot.as_ref());
        }
        Response::new(&target, answer, slot, timing)
    }

    /// Takes note of an answer of the host itself.
    fn note(&self, answer: &reqwest::Response, url: &Url, slot: Option<&Slot>) {
        self.shared.tell(&self.authority, Noticed::Answered(answer.status()));
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            if let Some(slot) = slot {
                slot.refused();
            }
        } else {
            self.pause.answered();
            if let Some(slot) = slot {
                slot.answered();
            }
        }
        if !self.shared.clients.is_proxied(url) || self.near.is_direct() {
            let peer = answer.remote_addr().map(|address| address.ip());
            *self.peer.lock().unwrap_or_else(PoisonError::into_inner) = peer;
        }
    }

    /// Returns the client for `url`; one that the host sent us to is checked first. The host's TLS
    /// settings are for itself, and not for who was sent away from it and came back.
    fn client(
        &self,
        lane: Lane,
        url: &Url,
        is_own: bool,
    ) -> Result<reqwest::Client, TransportError> {
        let tls = self.options.tls.clone().filter(|_| is_own);
        let Some(sender) = self.sender(url) else {
            let profile = Profile { lane, guard: None, direct: self.near.is_direct(), tls };
            return self.shared.clients.get(profile, &self.authority);
        };
        let reach = sender.reach();
        if !reach.allows_host_of(url) {
            return Err(sender.forbidden(url, REFUSED));
        }
        let direct = reach == Reach::Loopback;
        // A proxy resolves names itself, and is no place that the host sends us to.
        let is_proxied = !direct && self.shared.clients.is_proxied(url);
        let profile = Profile { lane, guard: (!is_proxied).then_some(reach), direct, tls };
        self.shared.clients.get(profile, &self.authority)
    }

    /// Returns who sends us to `url`: the host itself, or to its own whoever sent us there. `None` where
    /// that was the user.
    fn sender(&self, url: &Url) -> Option<&Self> {
        if self.is_own(url) { self.options.sent_by.as_deref() } else { Some(self) }
    }

    /// Returns how private a place the host may send us to: its own, and a public one where that is not
    /// known.
    fn reach(&self) -> Reach {
        self.address().and_then(Reach::of).unwrap_or(Reach::Public)
    }

    /// Returns whether it is known where the host stands: by its literal address, or because it has
    /// answered something. Nothing is known of one behind a proxy.
    pub fn is_placed(&self) -> bool {
        self.address().is_some()
    }

    fn address(&self) -> Option<IpAddr> {
        let peer = *self.peer.lock().unwrap_or_else(PoisonError::into_inner);
        let literal = || self.base().ok()?.host_str()?.trim_matches(['[', ']']).parse().ok();
        peer.or_else(literal)
    }

    /// Returns whether `url` is the host's own: its scheme, name and port.
    pub fn is_own(&self, url: &Url) -> bool {
        self.base().is_ok_and(|base| base.origin() == url.origin())
    }

    /// A registry behind a TLS proxy may write its own `Location` as http: it is meant as https. To
    /// another host, nothing goes in the clear that came encrypted.
    fn kept_encrypted(&self, url: &Url, base: &Url) -> Result<Url, TransportError> {
        let mut kept = url.clone();
        let is_same = url.host() == base.host()
            && (url.port() == base.port() || (url.port().is_none() && base.port() == Some(443)));
        match (base.scheme(), url.scheme()) {
            (_, "https") | ("http", "http") => {}
            ("https", "http") if is_same => {
                let _ = kept.set_scheme("https");
            }
            ("https", "http") => {
                return Err(self.forbidden(url, "it leads from https to http"));
            }
            (_, _) => return Err(self.forbidden(url, "it is neither https nor http")),
        }
        Ok(kept)
    }

    fn base(&self) -> Result<Url, TransportError> {
        let scheme = if self.is_plain() { "http" } else { "https" };
        let text = format!("{scheme}://{}/", self.authority);
        Url::parse(&text).map_err(|error| self.unusable(&error))
    }

    fn explain(&self, target: &str, url: &Url, error: &reqwest::Error) -> TransportError {
        if let Some(&source) = error::find::<Expired>(error) {
            return TransportError::Expired { host: target.to_owned(), source };
        }
        match error::find::<ForbiddenAddress>(error) {
            Some(_) => self.sender(url).unwrap_or(self).forbidden(url, REFUSED),
            None => TransportError::from_reqwest(target, error),
        }
    }

    fn forbidden(&self, url: &Url, reason: &'static str) -> TransportError {
        let (host, target) = (self.authority.clone(), redirect::shown(url));
        TransportError::Forbidden { host, target, reason }
    }

    fn unusable(&self, error: &(dyn std::error::Error + 'static)) -> TransportError {
        TransportError::Unusable {
            host: self.authority.clone(),
            source: crate::RootCause::of(error),
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.authority)
    }
}
