//! One repository: the core that all requests to it go through.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use mirror_oci::{RepositoryName, RepositoryRef};
use mirror_transport::{Body, Budget, Host, Lane, Method, Request, Response, Validity, header};
use url::Url;

use crate::auth::{Scope, Scopes};
use crate::registries::{Registries, Registry};
use crate::{Notice, RegistryError, answer};

/// What will be done with a repository; tokens are asked for accordingly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It is read.
    Pull,
    /// It is read and written.
    Push,
}

/// A repository of a registry, read or written within one budget.
#[derive(Clone)]
pub struct Repository {
    pub(crate) registries: Arc<Registries>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) name: RepositoryName,
    pub(crate) access: Access,
    pub(crate) budget: Arc<Budget>,
}

/// A request before it is known who we say we are.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) headers: Vec<(header::HeaderName, header::HeaderValue)>,
    pub(crate) lane: Lane,
    /// A repository of the same registry that the request reads beside this one.
    pub(crate) beside: Option<RepositoryName>,
    /// Bytes of an upload that the registry may have to work through before it answers.
    pub(crate) settling: u64,
    /// How long the request may be sent.
    pub(crate) validity: Option<Validity>,
}

pub(crate) enum Target {
    Path(String),
    Url(Url),
}

impl Ask {
    pub(crate) fn new(method: Method, path: String) -> Self {
        let target = Target::Path(path);
        Self {
            method,
            target,
            headers: Vec::new(),
            lane: Lane::Small,
            beside: None,
            settling: 0,
            validity: None,
        }
    }

    pub(crate) fn to(method: Method, url: Url) -> Self {
        Self { target: Target::Url(url), ..Self::new(method, String::new()) }
    }

    pub(crate) fn header(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.push((name, value));
        }
        self
    }

    pub(crate) fn lane(self, lane: Lane) -> Self {
        Self { lane, ..self }
    }

    fn request(&self, body: Body) -> Request {
        let request = match &self.target {
            Target::Path(path) => Request::new(self.method.clone(), path.clone()),
            Target::Url(url) => Request::to(self.method.clone(), url.clone()),
        };
        let request =
            request.lane(self.lane).settling(self.settling).validity(self.validity).body(body);
        self.headers
            .iter()
            .fold(request, |request, (name, value)| request.header(name.clone(), value.clone()))
    }
}

impl Repository {
    pub(crate) fn new(
        registries: Arc<Registries>,
        registry: Arc<Registry>,
        name: RepositoryName,
        access: Access,
        budget: Arc<Budget>,
    ) -> Self {
        Self { registries, registry, name, access, budget }
    }

    /// Returns which repository this is.
    pub fn reference(&self) -> RepositoryRef {
        RepositoryRef { host: self.registry.host.clone(), name: self.name.clone() }
    }

    /// Returns how its registry is reached.
    pub fn host(&self) -> &Arc<Host> {
        &self.registry.http
    }

    /// Returns by how many seconds the registry's clock is ahead of ours, negative where it is behind; `None`
    /// where none of its answers has said.
    pub fn clock_offset(&self) -> Option<i64> {
        self.registry.clock.offset()
    }

    /// Returns a path below this repository.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.name)
    }

    /// Sends a request, meeting a challenge on the way if its body can be sent again.
    pub(crate) async fn send(&self, ask: Ask, body: Body) -> Result<Response, RegistryError> {
        let (first, again) = match body {
            Body::Empty => (Body::Empty, Some(Body::Empty)),
            Body::Bytes(bytes) => (Body::Bytes(bytes.clone()), Some(Body::Bytes(bytes))),
            Body::Stream { .. } => (body, None),
        };
        let (response, renewed) = self.send_once(&ask, first).await?;
        match (renewed, again) {
            // A 401 carries the challenge; it is met once, and what then comes is the answer.
            (Some(value), Some(again)) => {
                drop(response);
                self.dispatch(ask.request(again).header(header::AUTHORIZATION, value)).await
            }
            (_, _) => Ok(response),
        }
    }

    /// Sends a request once; where the answer is a challenge that can be met, returns what to show.
    pub(crate) async fn send_once(
        &self,
        ask: &Ask,
        body: Body,
    ) -> Result<(Response, Option<header::HeaderValue>), RegistryError> {
        let scopes = self.scopes(ask);
        let auth = &self.registry.auth;
        let again = !matches!(body, Body::Stream { .. });
        let admitted = auth.admit(self, &scopes, again).await?;
        let request = ask.request(body);
        let request = match &admitted.authorization {
            Some(value) => request.header(header::AUTHORIZATION, value.clone()),
            None => request,
        };
        let mut response = self.dispatch(request).await?;
        // Whoever we were sent on to may ask for what he likes: he is no registry of ours (threat S2).
        if !self.host().is_own(&response.url) {
            return Ok((response, None));
        }
        if response.status.as_u16() != 401 {
            auth.learn(&admitted, response.status);
            return Ok((response, None));
        }
        // The token server is asked through the same window: those who wait for it hold no slots.
        response.release_slot();
        let renewed = auth.renew(self, &scopes, admitted, &response).await?;
        Ok((response, renewed))
    }

    async fn dispatch(&self, request: Request) -> Result<Response, RegistryError> {
        let sent = SystemTime::now();
        let response = self.registry.http.send(request, &self.budget).await?;
        if self.host().is_own(&response.url) {
            self.registry.clock.learn(sent, &response.headers, SystemTime::now());
        }
        for warning in response.headers.get_all(header::WARNING) {
            if let Some(message) = warning_text(&response.quoted(warning)) {
                let host = self.registry.host.to_string();
                self.registries.tell(Notice::Warning { host, message });
            }
        }
        Ok(response)
    }

    fn scopes(&self, ask: &Ask) -> Scopes {
        let own = Scope { repository: self.name.clone(), push: self.access == Access::Push };
        let beside = ask.beside.clone().map(|repository| Scope { repository, push: false });
        Scopes::new(std::iter::once(own).chain(beside))
    }

    /// Turns an answer that is no success into an error about `subject`.
    pub(crate) async fn refusal(&self, subject: String, response: Response) -> RegistryError {
        answer::refusal(self.registry.host.as_str(), subject, response).await
    }

    /// Returns the error of an answer that the specification does not allow.
    pub(crate) fn protocol(&self, subject: String, reason: impl Into<String>) -> RegistryError {
        let host = self.registry.host.to_string();
        RegistryError::Protocol { host, subject, reason: reason.into() }
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry.host, self.name)
    }
}

/// The text of `299 - "text"`, the only form that the distribution specification allows.
fn warning_text(value: &str) -> Option<String> {
    let text = value.strip_prefix("299 - \"")?.strip_suffix('"')?;
    Some(text.replace("\\\"", "\"").replace("\\\\", "\\"))
}
