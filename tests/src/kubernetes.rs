//! The part of a Kubernetes API that is about Secrets: over TLS, by bearer token or client certificate.
//!
//! Strict: what the real one would refuse it refuses in its words, and what nobody should ask for it does
//! not know. It keeps what it was asked, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::pki::Pki;
use crate::scripted::wire::{Head, Reading, Wire, Writing};
use crate::scripted::{Answer, Framing};

/// How the cluster behaves.
#[derive(Clone, Debug)]
pub struct KubernetesOptions {
    /// The bearer token that lets callers in; where there is none, a client certificate does.
    pub token: Option<String>,
    /// The namespaces that there are.
    pub namespaces: Vec<String>,
    /// The verbs that callers may not use on secrets.
    pub forbidden: Vec<String>,
    /// How often somebody else writes a Secret right after it was read.
    pub meddling: usize,
    /// Whether a quota is being counted by somebody else whenever a Secret is to be created.
    pub counting: bool,
    /// How many requests it puts off, to be made again at once.
    pub busy: usize,
    /// What a proxy before the cluster answers in its place.
    pub proxy: Option<Answer>,
}

/// A cluster that is running; it ends when it is dropped.
#[derive(Debug)]
pub struct Kubernetes {
    address: SocketAddr,
    pki: Pki,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    options: KubernetesOptions,
    secrets: BTreeMap<(String, String), Value>,
    version: u64,
    requests: Vec<String>,
}

impl Default for KubernetesOptions {
    /// Lets in `s3cret-token`, has `default` and `flux-system`, and is alone with its caller.
    fn default() -> Self {
        Self {
            token: Some("s3cret-token".to_owned()),
            namespaces: vec!["default".to_owned(), "flux-system".to_owned()],
            forbidden: Vec::new(),
            meddling: 0,
            counting: false,
            busy: 0,
            proxy: None,
        }
    }
}

impl Kubernetes {
    /// Starts a cluster.
    pub async fn start(options: KubernetesOptions) -> Self {
        let pki = Pki::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let acceptor = pki.acceptor(options.token.is_none());
        let (secrets, requests) = (BTreeMap::new(), Vec::new());
        let state = Arc::new(Mutex::new(State { options, secrets, version: 1, requests }));
        let serving = tokio::spawn(accept(listener, acceptor, Arc::clone(&state)));
        Self { address, pki, state, serving }
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Returns its certificates, and those of its callers.
    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Puts a Secret there.
    pub fn put(&self, namespace: &str, secret: Value) {
        let mut state = self.state();
        let name = secret["metadata"]["name"].as_str().expect("it has a name").to_owned();
        state.store(namespace, &name, secret);
    }

    /// Returns a Secret.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<Value> {
        self.state().secrets.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Returns the Docker config in a Secret.
    pub fn docker_config(&self, namespace: &str, name: &str) -> Value {
        let secret = self.secret(namespace, name).expect("the Secret is there");
        decoded(&secret["data"][".dockerconfigjson"]).expect("it holds a Docker config")
    }

    /// Returns what it was asked, each as `METHOD PATH` and the answer's status.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kubernetes {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            // A caller that does not trust us, or whom we do not: what some tests are about.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut wire = Wire::new(stream);
            while let Ok(Some(head)) = wire.request_head().await {
                let (body, _) = wire.body(&head.headers, false, Reading::default()).await;
                let answer = {
                    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    let answer = state.answer(&head, &body);
                    let path = head.target.split('?').next().unwrap_or_default();
                    state.requests.push(format!("{} {path} {}", head.method, answer.status));
                    answer
                };
                let writing = Writing {
                    stop: None,
                    bytes_per_second: None,
                    framing: Framing::Length,
                    endless: false,
                    head_only: false,
                };
                if wire.answer(&answer, &writing).await.is_err() {
                    return;
                }
            }
        });
    }
}

impl State {
    fn answer(&mut self, head: &Head, body: &[u8]) -> Answer {
        if let Some(answer) = &self.options.proxy {
            return answer.clone();
        }
        if self.options.busy > 0 {
            self.options.busy -= 1;
            let message = "the server is currently unable to handle the request";
            return status(429, "TooManyRequests", message).with("Retry-After", "0");
        }
        let header = |name: &str| {
            let found = head.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str())
        };
        let wanted = self.options.token.as_ref().map(|token| format!("Bearer {token}"));
        if header("authorization") != wanted.as_deref() {
            return status(401, "Unauthorized", "Unauthorized");
        }
        let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (namespace, name) = match parts[..] {
            ["api", "v1", "namespaces", namespace, "secrets"] => (namespace, None),
            ["api", "v1", "namespaces", namespace, "secrets", name] => (namespace, Some(name)),
            _ => {
                return status(404, "NotFound", "the server could not find the requested resource");
            }
        };
        let verb = match (head.method.as_str(), name) {
            ("GET", Some(_)) => "get",
            ("POST", None) => "create",
            ("PUT", Some(_)) => "update",
            _ => return status(405, "MethodNotAllowed", "the server does not allow this method"),
        };
        if self.options.forbidden.iter().any(|forbidden| forbidden == verb) {
            let message = format!(
                "secrets is forbidden: User \"test\" cannot {verb} resource \"secrets\" in API \
                 group \"\" in the namespace \"{namespace}\""
            );
            return status(403, "Forbidden", &message);
        }
        if verb != "get" {
            if header("content-type") != Some("application/json") {
                return status(415, "UnsupportedMediaType", "the body is not application/json");
            }
            if !query.split('&').any(|part| part == "fieldManager=flux-mirror") {
                return status(400, "BadRequest", "who writes is to be named");
            }
        }
        match (verb, name) {
            ("get", Some(name)) => self.get(namespace, name),
            ("create", None) => self.create(namespace, body),
            ("update", Some(name)) => self.update(namespace, name, body),
            _ => status(500, "InternalError", "no verb"),
        }
    }

    fn get(&mut self, namespace: &str, name: &str) -> Answer {
        let Some(found) = self.found(namespace, name) else { return missing(name) };
        if self.options.meddling > 0 {
            self.options.meddling -= 1;
            self.store(namespace, name, found.clone());
        }
        Answer::json(200, &found)
    }

    fn create(&mut self, namespace: &str, body: &[u8]) -> Answer {
        let object = match judged(namespace, body) {
            Ok(object) => object,
            Err(answer) => return *answer,
        };
        if !self.options.namespaces.iter().any(|known| known == namespace) {
            let message = format!("namespaces \"{namespace}\" not found");
            return status(404, "NotFound", &message);
        }
        let Some(name) = object["metadata"]["name"].as_str().map(str::to_owned) else {
            return status(422, "Invalid", "metadata.name: Required value: name is required");
        };
        if !object["metadata"]["resourceVersion"].is_null() {
            let message = "resourceVersion should not be set on objects to be created";
            return status(500, "InternalError", message);
        }
        if self.found(namespace, &name).is_some() {
            let message = format!("secrets \"{name}\" already exists");
            return status(409, "AlreadyExists", &message);
        }
        if self.options.counting {
            let message = "Operation cannot be fulfilled on resourcequotas \"all\": the object has been \
                           modified; please apply your changes to the latest version and try again";
            return status(409, "Conflict", message);
        }
        Answer::json(201, &self.store(namespace, &name, object))
    }

    fn update(&mut self, namespace: &str, name: &str, body: &[u8]) -> Answer {
        let object = match judged(namespace, body) {
            Ok(object) => object,
            Err(answer) => return *answer,
        };
        let Some(found) = self.found(namespace, name) else { return missing(name) };
        if object["metadata"]["name"] != name {
            return status(400, "BadRequest", "the name of the object does not match the URL");
        }
        if object["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"] {
            let message = format!(
                "Operation cannot be fulfilled on secrets \"{name}\": the object has been modified; \
                 please apply your changes to the latest version and try again"
            );
            return status(409, "Conflict", &message);
        }
        if object["type"] != found["type"] {
            let message = format!("Secret \"{name}\" is invalid: type: field is immutable");
            return status(422, "Invalid", &message);
        }
        Answer::json(200, &self.store(namespace, name, object))
    }

    fn found(&self, namespace: &str, name: &str) -> Option<Value> {
        self.secrets.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    fn store(&mut self, namespace: &str, name: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["namespace"] = namespace.into();
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let managed = json!([{"manager": "test", "operation": "Update", "apiVersion": "v1"}]);
        object["metadata"]["managedFields"] = managed;
        object["apiVersion"] = "v1".into();
        object["kind"] = "Secret".into();
        self.secrets.insert((namespace.to_owned(), name.to_owned()), object.clone());
        object
    }
}

/// Reads a Secret that is to be written, or says what is wrong with it.
fn judged(namespace: &str, body: &[u8]) -> Result<Value, Box<Answer>> {
    let invalid = |message: &str| Box::new(status(422, "Invalid", message));
    let object: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| Box::new(status(400, "BadRequest", &error.to_string())))?;
    let known = ["apiVersion", "kind", "metadata", "type", "data", "immutable"];
    let known: BTreeSet<&str> = known.into_iter().collect();
    if let Some(field) = object.keys().find(|field| !known.contains(field.as_str())) {
        return Err(invalid(&format!("unknown field {field}")));
    }
    if object.get("apiVersion") != Some(&"v1".into())
        || object.get("kind") != Some(&"Secret".into())
    {
        return Err(Box::new(status(400, "BadRequest", "no v1 Secret")));
    }
    let object = Value::Object(object);
    let metadata = &object["metadata"];
    if !(metadata["namespace"].is_null() || metadata["namespace"] == namespace) {
        let message = "the namespace of the object does not match the namespace on the request";
        return Err(Box::new(status(400, "BadRequest", message)));
    }
    if object["type"] == "kubernetes.io/dockerconfigjson"
        && decoded(&object["data"][".dockerconfigjson"]).is_none()
    {
        return Err(invalid("data[.dockerconfigjson]: Invalid value: no JSON in base64"));
    }
    Ok(object)
}

fn decoded(value: &Value) -> Option<Value> {
    serde_json::from_slice(&STANDARD.decode(value.as_str()?).ok()?).ok()
}

fn missing(name: &str) -> Answer {
    status(404, "NotFound", &format!("secrets \"{name}\" not found"))
}

fn status(code: u16, reason: &str, message: &str) -> Answer {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    Answer::json(code, &body)
}
