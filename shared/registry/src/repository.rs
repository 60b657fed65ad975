//! One repository: the core that all requests to it go through.

use std::fmt;
use std::sync::Arc;

use mirror_oci::{RepositoryName, RepositoryRef};
use mirror_transport::{Body, Budget, Host, Lane, Method, Request, Response, header};
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
}

pub(crate) enum Target {
    Path(String),
    Url(Url),
}

impl Ask {
    pub(crate) fn new(method: Method, path: String) -> Self {
        let target = Target::Path(path);
        Self { method, target, headers: Vec::new(), lane: Lane::Small, beside: None }
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
        let request = request.lane(self.lane).body(body);
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

    /// Returns a path below this repository.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.name)
    }

    /// Sends a request whose body can be sent again, meeting a challenge on the way.
    pub(crate) async fn send(&self, ask: Ask, body: Body) -> Result<Response, RegistryError> {
        let (first, again) = match body {
            Body::Bytes(bytes) => (Body::Bytes(bytes.clone()), Body::Bytes(bytes)),
            body @ (Body::Empty | Body::Stream { .. }) => (body, Body::Empty),
        };
        let is_stream = matches!(first, Body::Stream { .. });
        let scopes = self.scopes(&ask);
        let auth = &self.registry.auth;
        let admitted = auth.admit(self, &scopes).await?;
        let request = ask.request(first);
        let response = match &admitted.authorization {
            Some(value) => {
                self.dispatch(request.header(header::AUTHORIZATION, value.clone())).await?
            }
            None => self.dispatch(request).await?,
        };
        auth.learn(&admitted, response.status);
        if response.status.as_u16() != 401 || is_stream {
            return Ok(response);
        }
        // A 401 carries the challenge; it is met once, and what then comes is the answer.
        let Some(value) = auth.renew(self, &scopes, admitted, &response).await? else {
            return Ok(response);
        };
        drop(response);
        self.dispatch(ask.request(again).header(header::AUTHORIZATION, value)).await
    }

    /// Forgets the token that a streamed request met a 401 with, and gets another.
    pub(crate) async fn renew(
        &self,
        ask: &Ask,
        response: &Response,
    ) -> Result<bool, RegistryError> {
        let scopes = self.scopes(ask);
        let admitted = self.registry.auth.admit(self, &scopes).await?;
        let renewed = self.registry.auth.renew(self, &scopes, admitted, response).await?;
        Ok(renewed.is_some())
    }

    async fn dispatch(&self, request: Request) -> Result<Response, RegistryError> {
        let response = self.registry.http.send(request, &self.budget).await?;
        for warning in response.headers.get_all(header::WARNING) {
            // `to_str` takes ASCII alone, and not every registry speaks English.
            if let Some(message) = warning_text(&String::from_utf8_lossy(warning.as_bytes())) {
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
