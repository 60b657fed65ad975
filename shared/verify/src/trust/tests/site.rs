//! A TUF repository with one key, and the HTTP server that it lies on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{KeyPair, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sigstore_tuf::canonical_json::to_canonical_bytes;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const EXPIRES: &str = "2030-01-01T00:00:00Z";
/// Any text: it names the one key.
const KEY: &str = "key";

/// Path to status and body.
type Files = Arc<Mutex<HashMap<String, (u16, Vec<u8>)>>>;

pub(super) struct Site {
    address: SocketAddr,
    files: Files,
    asked: Arc<AtomicUsize>,
    server: Mutex<Option<JoinHandle<()>>>,
    key: KeyPair,
}

/// The target that is published: the root of the private instance whose bundles are recorded.
pub(super) fn trusted_root() -> Vec<u8> {
    crate::tests::ROOT.to_vec()
}

/// A client that the environment's proxies do not concern.
pub(super) fn client() -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let policy = reqwest::redirect::Policy::none();
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
    builder.redirect(policy).pool_max_idle_per_host(0).build().unwrap()
}

impl Site {
    /// Serves the first version.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut site = Self {
            address: listener.local_addr().unwrap(),
            files: Files::default(),
            asked: Arc::default(),
            server: Mutex::default(),
            key: KeyPair::generate().unwrap(),
        };
        site.publish(1, trusted_root());
        site.serve(listener);
        site
    }

    /// Publishes `target` in a version of timestamp, snapshot and targets.
    pub(super) fn publish(&mut self, version: u64, target: Vec<u8>) {
        let hash = |bytes: &[u8]| json!({ "sha256": hex::encode(Sha256::digest(bytes)) });
        let meta = |bytes: &[u8]| json!({ "version": version, "length": bytes.len(), "hashes": hash(bytes) });
        let entry = json!({ "length": target.len(), "hashes": hash(&target) });
        let targets = json!({ "targets": { "trusted_root.json": entry } });
        let targets = self.signed("targets", version, targets);
        let snapshot = json!({ "meta": { "targets.json": meta(&targets) } });
        let snapshot = self.signed("snapshot", version, snapshot);
        let timestamp = json!({ "meta": { "snapshot.json": meta(&snapshot) } });
        let timestamp = self.signed("timestamp", version, timestamp);
        let files = [
            ("/timestamp.json", timestamp),
            ("/snapshot.json", snapshot),
            ("/targets.json", targets),
            ("/targets/trusted_root.json", target),
        ];
        let files = files.map(|(path, bytes)| (path.to_owned(), (200, bytes)));
        *self.files.lock().unwrap() = files.into();
    }

    /// The TUF root, which clients have from the beginning.
    pub(super) fn root(&self) -> Vec<u8> {
        let role = json!({ "keyids": [KEY], "threshold": 1 });
        let key = json!({
            "keytype": "ecdsa",
            "scheme": "ecdsa-sha2-nistp256",
            "keyval": { "public": self.key.public_key_pem() },
        });
        let root = json!({
            "consistent_snapshot": false,
            "keys": { KEY: key },
            "roles": { "root": role, "timestamp": role, "snapshot": role, "targets": role },
        });
        // Outlives the rest, so that it is the rest that expires.
        self.sign(&with(root, "root", 1, "2999-01-01T00:00:00Z"))
    }

    /// Answers everything with `status`.
    pub(super) fn answer_all(&self, status: u16) {
        let mut files = self.files.lock().unwrap();
        *files = HashMap::from([("*".to_owned(), (status, Vec::new()))]);
    }

    /// Answers the next request with `status`.
    pub(super) fn answer_next(&self, status: u16) {
        self.files.lock().unwrap().insert("next".to_owned(), (status, Vec::new()));
    }

    /// Serves something else at `path`.
    pub(super) fn replace(&self, path: &str, bytes: Vec<u8>) {
        let old = self.files.lock().unwrap().insert(path.to_owned(), (200, bytes));
        assert!(old.is_some(), "nothing was at {path}");
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests there were.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Listens no longer.
    pub(super) async fn stop(&self) {
        let server = self.server.lock().unwrap().take().unwrap();
        server.abort();
        assert!(server.await.unwrap_err().is_cancelled());
    }

    /// Listens again, where it did.
    pub(super) async fn go_on(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    fn serve(&mut self, listener: TcpListener) {
        let (files, asked) = (Arc::clone(&self.files), Arc::clone(&self.asked));
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                asked.fetch_add(1, Ordering::Relaxed);
                answer(stream, &files).await;
            }
        });
        *self.server.lock().unwrap() = Some(server);
    }

    fn signed(&self, role: &str, version: u64, metadata: Value) -> Vec<u8> {
        self.sign(&with(metadata, role, version, EXPIRES))
    }

    fn sign(&self, metadata: &Value) -> Vec<u8> {
        let signature = self.key.sign(&to_canonical_bytes(metadata).unwrap()).unwrap();
        let signature = json!({ "keyid": KEY, "sig": hex::encode(signature) });
        json!({ "signed": metadata, "signatures": [signature] }).to_string().into_bytes()
    }
}

fn with(mut metadata: Value, role: &str, version: u64, expires: &str) -> Value {
    metadata["_type"] = json!(role);
    metadata["spec_version"] = json!("1.0.0");
    metadata["version"] = json!(version);
    metadata["expires"] = json!(expires);
    metadata
}

/// One request, one answer, and the end of the connection.
async fn answer(stream: TcpStream, files: &Files) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line).await.unwrap() == 0 {
            return;
        }
    }
    let (status, body) = {
        let mut files = files.lock().unwrap();
        let next = files.remove("next");
        let served = || files.get(&path).or_else(|| files.get("*")).cloned();
        next.or_else(served).unwrap_or((404, Vec::new()))
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    // Who has heard enough closes first.
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    let _ = stream.shutdown().await;
}
