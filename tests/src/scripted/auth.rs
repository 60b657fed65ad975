//! Credentials: none, Basic, or the Docker token protocol with tokens that are really checked.
//!
//! A token carries what was granted and when it ends; both are judged here at each request, as a
//! registry does, and revoking is a call. The other host asks for nothing: what a client sends
//! there is in the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::time::Instant;
use url::form_urlencoded;

use super::Shared;
use super::answer::Answer;
use super::request::{Kind, Listener, Request};

/// Who may ask what.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Anybody, anything.
    #[default]
    None,
    /// Basic with this user and password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Bearer tokens.
    Token(TokenAuth),
}

/// How tokens are to be had, and what for.
#[derive(Clone, Debug)]
pub struct TokenAuth {
    /// Where tokens are to be had.
    pub realm: Realm,
    /// The service named in the challenge.
    pub service: String,
    /// Who may have tokens.
    pub users: Vec<User>,
    /// Prefix of the repositories that anybody may pull.
    pub anonymous: Option<String>,
    /// Prefix of the repositories that anybody may push and pull.
    pub anonymous_push: Option<String>,
    /// How long a token works.
    pub lifetime: Duration,
    /// The `expires_in` told; none leaves it out.
    pub expires_in: Option<u64>,
    /// The status where a token of another scope is used: 401, at cgr.dev 403.
    pub wrong_scope: u16,
    /// Whether POST gives tokens too; without, it is 405.
    pub post: bool,
}

impl Default for TokenAuth {
    /// Tokens of five minutes on the registry itself, nobody known, nothing public.
    fn default() -> Self {
        Self {
            realm: Realm::Own,
            service: "scripted".to_owned(),
            users: Vec::new(),
            anonymous: None,
            anonymous_push: None,
            lifetime: Duration::from_mins(5),
            expires_in: Some(300),
            wrong_scope: 401,
            post: true,
        }
    }
}

/// Where the challenge sends for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Realm {
    /// `/token` of the registry.
    Own,
    /// `/token` of the other host.
    Other,
    /// Any text at all.
    Url(String),
}

/// Somebody who may have tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// An identity token, for POST with `grant_type=refresh_token`.
    pub refresh_token: Option<String>,
    /// Prefix of the repositories.
    pub prefix: String,
    /// What may be done there.
    pub actions: Vec<String>,
}

impl User {
    /// Returns a user who may push and pull everything.
    pub fn new(name: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: password.to_owned(),
            refresh_token: None,
            prefix: String::new(),
            actions: vec!["pull".to_owned(), "push".to_owned()],
        }
    }
}

/// The tokens that were issued.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    state: Mutex<Issued>,
}

#[derive(Debug, Default)]
struct Issued {
    tokens: BTreeMap<String, Token>,
    count: usize,
}

#[derive(Debug)]
struct Token {
    granted: BTreeSet<(String, String)>,
    end: Instant,
}

impl Tokens {
    /// Makes every token issued so far invalid.
    pub(super) fn revoke(&self) {
        self.lock().tokens.clear();
    }

    /// Makes every token issued so far so much older.
    pub(super) fn age(&self, by: Duration) {
        self.lock().tokens.values_mut().for_each(|token| token.end -= by);
    }

    /// Returns the refusal of a request that may not be made.
    pub(super) fn refuse(&self, request: &Request, auth: &Auth, shared: &Shared) -> Option<Answer> {
        if request.listener == Listener::Other || matches!(request.kind, Kind::Token | Kind::Cdn) {
            return None;
        }
        match auth {
            Auth::None => None,
            Auth::Basic { user, password } => {
                let given = basic(request.header("authorization"));
                let right = given == Some((user.clone(), password.clone()));
                (!right).then(|| challenge(401, "Basic realm=\"scripted\"", "UNAUTHORIZED"))
            }
            Auth::Token(auth) => self.refuse_token(request, auth, shared),
        }
    }

    fn refuse_token(&self, request: &Request, auth: &TokenAuth, shared: &Shared) -> Option<Answer> {
        let needed = needed(request);
        let bearer = request.header("authorization").and_then(|it| it.strip_prefix("Bearer "));
        let state = self.lock();
        let token = bearer.and_then(|bearer| state.tokens.get(bearer));
        let (status, error) = match token {
            None if bearer.is_none() => (401, ""),
            None => (401, ",error=\"invalid_token\""),
            Some(token) if token.end <= Instant::now() => (401, ",error=\"invalid_token\""),
            Some(token) if needed.iter().all(|one| token.granted.contains(one)) => return None,
            Some(_) => (auth.wrong_scope, ",error=\"insufficient_scope\""),
        };
        let realm = match &auth.realm {
            Realm::Own => format!("{}/token", shared.base(Listener::Main)),
            Realm::Other => format!("{}/token", shared.base(Listener::Other)),
            Realm::Url(url) => url.clone(),
        };
        let scope = if needed.is_empty() {
            String::new()
        } else {
            format!(",scope=\"{}\"", scope_text(&needed))
        };
        let service = &auth.service;
        let text = format!("Bearer realm=\"{realm}\",service=\"{service}\"{scope}{error}");
        Some(challenge(status, &text, if status == 401 { "UNAUTHORIZED" } else { "DENIED" }))
    }

    /// Answers a request for a token: GET with Basic, POST with a password or a refresh token.
    pub(super) fn issue(&self, request: &Request, auth: &Auth) -> Answer {
        let Auth::Token(auth) = auth else { return Answer::status(404) };
        let posted = request.method == "POST";
        if posted && !auth.post {
            return Answer::status(405);
        }
        let form: Vec<(String, String)> = if posted {
            form_urlencoded::parse(&request.body).into_owned().collect()
        } else {
            request.query.clone()
        };
        let field =
            |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let credentials = if posted {
            field("username").zip(field("password"))
        } else {
            basic(request.header("authorization"))
        };
        let refresh = field("refresh_token").filter(|_| posted);
        let user = auth.users.iter().find(|user| match (&credentials, &refresh) {
            (Some((name, password)), _) => user.name == *name && user.password == *password,
            (None, Some(refresh)) => user.refresh_token.as_ref() == Some(refresh),
            (None, None) => false,
        });
        if user.is_none() && (credentials.is_some() || refresh.is_some()) {
            return Answer::error(401, "UNAUTHORIZED", "wrong credentials");
        }
        let scopes = form.iter().filter(|(key, _)| key == "scope").map(|(_, value)| value.as_str());
        let asked: BTreeSet<_> = scopes.flat_map(str::split_whitespace).flat_map(scope).collect();
        let granted = asked.into_iter().filter(|one| may(user, auth, one)).collect();
        let text = self.add(granted, auth.lifetime);
        let mut answer = json!({"token": text, "access_token": text});
        if let Some(seconds) = auth.expires_in {
            answer["expires_in"] = json!(seconds);
        }
        Answer::json(200, &answer)
    }

    fn add(&self, granted: BTreeSet<(String, String)>, lifetime: Duration) -> String {
        let mut state = self.lock();
        state.count += 1;
        let text = format!("scripted-token-{}", state.count);
        state.tokens.insert(text.clone(), Token { granted, end: Instant::now() + lifetime });
        text
    }

    fn lock(&self) -> MutexGuard<'_, Issued> {
        self.state.lock().expect("nobody panics while holding the tokens")
    }
}

/// Returns what a request needs, as repository and action.
fn needed(request: &Request) -> BTreeSet<(String, String)> {
    let mut needed = BTreeSet::new();
    let Some(repository) = &request.repository else { return needed };
    needed.insert((repository.clone(), "pull".to_owned()));
    if !matches!(request.method.as_str(), "GET" | "HEAD") || request.kind == Kind::UploadStatus {
        needed.insert((repository.clone(), "push".to_owned()));
    }
    if let Some(source) = request.parameter("from").filter(|_| request.kind == Kind::MountPost) {
        needed.insert((source.to_owned(), "pull".to_owned()));
    }
    needed
}

fn scope_text(needed: &BTreeSet<(String, String)>) -> String {
    let mut repositories: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (repository, action) in needed {
        repositories.entry(repository).or_default().push(action);
    }
    let scope = |(repository, actions): (&str, Vec<&str>)| {
        format!("repository:{repository}:{}", actions.join(","))
    };
    repositories.into_iter().map(scope).collect::<Vec<_>>().join(" ")
}

/// Reads `repository:NAME:ACTION,ACTION`.
fn scope(text: &str) -> Vec<(String, String)> {
    let parts = text.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':'));
    let Some((repository, actions)) = parts else { return Vec::new() };
    actions.split(',').map(|action| (repository.to_owned(), action.to_owned())).collect()
}

fn may(user: Option<&User>, auth: &TokenAuth, (repository, action): &(String, String)) -> bool {
    let below = |prefix: &Option<String>| {
        prefix.as_ref().is_some_and(|prefix| repository.starts_with(prefix))
    };
    let own = user
        .is_some_and(|user| repository.starts_with(&user.prefix) && user.actions.contains(action));
    own || (action == "pull" && below(&auth.anonymous)) || below(&auth.anonymous_push)
}

fn challenge(status: u16, text: &str, code: &str) -> Answer {
    Answer::error(status, code, "authentication required").with("WWW-Authenticate", text)
}

fn basic(authorization: Option<&str>) -> Option<(String, String)> {
    let encoded = authorization?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
