//! A plain registry client, to seed real registries and to judge what they hold.
//!
//! A connection for each request, no caching, no retries: whatever a registry answers is the
//! test's to see. Knows Basic, the token protocol and TLS with the test's authority.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use crate::digest::sha256;
use crate::judge::{Part, Whole, judge};
use crate::pki::Pki;
use crate::sample::{BUNDLE, DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX, Sample};
use crate::scripted::Answer;
use crate::scripted::wire::{Reading, Wire};

/// The most pages of a list: more than any test has.
const PAGES: usize = 10_000;
/// The most redirects of one request.
const REDIRECTS: usize = 5;

/// A client of one registry.
#[derive(Clone, Debug)]
pub struct Client {
    base: Url,
    credentials: Option<(String, String)>,
    pki: Option<Pki>,
}

impl Client {
    /// Returns a client of the registry at `HOST:PORT` over plain HTTP.
    pub fn new(host: &str) -> Self {
        let base = Url::parse(&format!("http://{host}/")).expect("a host and a port");
        Self { base, credentials: None, pki: None }
    }

    /// Uses a user and a password, by Basic or for tokens as the registry asks.
    #[must_use]
    pub fn credentials(self, user: &str, password: &str) -> Self {
        Self { credentials: Some((user.to_owned(), password.to_owned())), ..self }
    }

    /// Uses HTTPS and trusts this authority.
    #[must_use]
    pub fn tls(mut self, pki: &Pki) -> Self {
        let host = self.base.as_str().trim_start_matches("http://").to_owned();
        self.base = Url::parse(&format!("https://{host}")).expect("it was a URL");
        Self { pki: Some(pki.clone()), ..self }
    }

    /// Pushes everything of `sample` and points `tag` to it; returns its digest.
    pub async fn push(&self, repository: &str, tag: &str, sample: &Sample) -> String {
        for blob in sample.all_blobs() {
            self.push_blob(repository, &blob).await;
        }
        let last = sample.digest();
        for manifest in sample.manifests() {
            let digest = manifest.digest();
            let reference = if digest == last { tag } else { &digest };
            let target = format!("/v2/{repository}/manifests/{reference}");
            let headers = [("Content-Type", manifest.media_type.as_str())];
            let answer = self.send("PUT", &target, &headers, &manifest.bytes).await;
            assert_eq!(answer.status, 201, "PUT {target}: {answer:?}");
        }
        last
    }

    /// Pushes a blob, if it is not there, and returns its digest.
    pub async fn push_blob(&self, repository: &str, blob: &Bytes) -> String {
        let digest = sha256(blob);
        let target = format!("/v2/{repository}/blobs/{digest}");
        if self.send("HEAD", &target, &[], b"").await.status == 200 {
            return digest;
        }
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let opened = self.send("POST", &uploads, &[], b"").await;
        assert_eq!(opened.status, 202, "POST {uploads}: {opened:?}");
        let location = opened.header("location").expect("an upload has a Location");
        let mut url = self.base.join(location).expect("a Location is a URL");
        url.query_pairs_mut().append_pair("digest", &digest);
        let headers = [("Content-Type", "application/octet-stream")];
        let put = self.send("PUT", url.as_str(), &headers, blob).await;
        assert_eq!(put.status, 201, "PUT {url}: {put:?}");
        digest
    }

    /// Returns a manifest's media type and bytes.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Bytes)> {
        let accept = [IMAGE, INDEX, DOCKER_IMAGE, DOCKER_LIST].join(", ");
        let target = format!("/v2/{repository}/manifests/{reference}");
        let answer = self.send("GET", &target, &[("Accept", &accept)], b"").await;
        let media_type = answer.header("content-type").unwrap_or_default().to_owned();
        self.found(&target, answer).map(|bytes| (media_type, bytes))
    }

    /// Returns a blob.
    pub async fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        let target = format!("/v2/{repository}/blobs/{digest}");
        let answer = self.send("GET", &target, &[], b"").await;
        self.found(&target, answer)
    }

    /// Returns the digest that a tag points to, computed from the manifest's bytes.
    pub async fn resolve(&self, repository: &str, tag: &str) -> Option<String> {
        self.manifest(repository, tag).await.map(|(_, bytes)| sha256(&bytes))
    }

    /// Returns all tags, page by page; none where there is no repository.
    pub async fn tags(&self, repository: &str) -> Vec<String> {
        let mut tags = Vec::new();
        let mut target = format!("/v2/{repository}/tags/list");
        for _ in 0..PAGES {
            let answer = self.send("GET", &target, &[], b"").await;
            let next = answer.header("link").and_then(next_link);
            let Some(bytes) = self.found(&target, answer) else { return tags };
            let page: Value = serde_json::from_slice(&bytes).expect("a tag list is JSON");
            let names = page["tags"].as_array().into_iter().flatten();
            tags.extend(names.filter_map(Value::as_str).map(str::to_owned));
            let Some(next) = next else { return tags };
            target = next;
        }
        panic!("{repository} has more than {PAGES} pages of tags");
    }

    /// Returns what refers to a digest: by the referrers API, else by the fallback tag. One page:
    /// no test attaches more to what it asks this of.
    pub async fn referrers(&self, repository: &str, digest: &str) -> Vec<Value> {
        let target = format!("/v2/{repository}/referrers/{digest}");
        let answer = self.send("GET", &target, &[], b"").await;
        let index = match self.found(&target, answer) {
            Some(index) => Some(index),
            None => {
                let tag = digest.replacen(':', "-", 1);
                self.manifest(repository, &tag).await.map(|(_, bytes)| bytes)
            }
        };
        let Some(index) = index else { return Vec::new() };
        let index: Value = serde_json::from_slice(&index).expect("a list of referrers is JSON");
        index["manifests"].as_array().cloned().unwrap_or_default()
    }

    /// Returns the Sigstore bundles that refer to a digest, signatures and attestations.
    pub async fn bundles(&self, repository: &str, digest: &str) -> Vec<Bytes> {
        let mut bundles = Vec::new();
        for referrer in self.referrers(repository, digest).await {
            let referrer = referrer["digest"].as_str().expect("a descriptor has a digest");
            let (_, manifest) = self.manifest(repository, referrer).await.expect("it was listed");
            let manifest: Value = serde_json::from_slice(&manifest).expect("a manifest is JSON");
            let layer = &manifest["layers"][0];
            if layer["mediaType"] == BUNDLE {
                let blob = layer["digest"].as_str().expect("a descriptor has a digest");
                bundles.push(self.blob(repository, blob).await.expect("it was named"));
            }
        }
        bundles
    }

    /// Judges what a tag or digest points to.
    ///
    /// # Errors
    /// Says what is missing or differs.
    pub async fn judge(&self, repository: &str, reference: &str) -> Result<Whole, String> {
        let root = if reference.contains(':') {
            reference.to_owned()
        } else {
            let digest = self.resolve(repository, reference).await;
            digest.ok_or_else(|| format!("{repository} has no tag {reference}"))?
        };
        // Each round fetches the part that the round before did not have.
        let mut parts: BTreeMap<String, Bytes> = BTreeMap::new();
        loop {
            let lacking = RefCell::new(None);
            let verdict = judge(&root, &|part, digest| {
                let found = parts.get(digest).cloned();
                if found.is_none() {
                    lacking.replace(Some((part, digest.to_owned())));
                }
                found
            });
            let Some((part, digest)) = lacking.into_inner() else { return verdict };
            let bytes = match part {
                Part::Manifest => self.manifest(repository, &digest).await.map(|(_, bytes)| bytes),
                Part::Blob => self.blob(repository, &digest).await,
            };
            match bytes {
                Some(bytes) => drop(parts.insert(digest, bytes)),
                None => return verdict,
            }
        }
    }

    /// Asserts that `tag` is exactly `sample`, whole.
    pub async fn assert_holds(&self, repository: &str, tag: &str, sample: &Sample) {
        let digest = self.resolve(repository, tag).await;
        assert_eq!(digest, Some(sample.digest()), "{repository}:{tag}");
        if let Err(fault) = self.judge(repository, tag).await {
            panic!("{repository}:{tag} is not whole: {fault}");
        }
    }

    /// Sends a request to a path of the registry, or to a URL, with credentials as they are asked
    /// for. A GET follows redirects.
    pub async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut url = self.base.join(target).expect("a path or a URL");
        let mut answer = self.send_authorized(method, &url, headers, body).await;
        for _ in 0..REDIRECTS {
            let location = answer.header("location").filter(|_| matches!(answer.status, 301..=308));
            match location.filter(|_| matches!(method, "GET" | "HEAD")) {
                None => break,
                Some(location) => url = url.join(location).expect("a Location is a URL"),
            }
            answer = self.exchange(method, &url, headers, body, None).await;
        }
        answer
    }

    /// Sends a GET as it is: whatever is answered, nothing follows.
    pub async fn exchange_once(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        let url = self.base.join(target).expect("a path or a URL");
        self.exchange("GET", &url, headers, b"", None).await
    }

    async fn send_authorized(
        &self,
        method: &str,
        url: &Url,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answer = self.exchange(method, url, headers, body, None).await;
        let challenge = answer.header("www-authenticate").filter(|_| answer.status == 401);
        let basic = self.credentials.as_ref().map(|(user, password)| {
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        });
        let authorization = match challenge {
            None => return answer,
            Some(challenge) => match challenge.strip_prefix("Bearer ") {
                None => basic,
                Some(challenge) => self.token(challenge, basic.as_deref()).await,
            },
        };
        match authorization {
            None => answer,
            Some(authorization) => {
                self.exchange(method, url, headers, body, Some(&authorization)).await
            }
        }
    }

    async fn token(&self, challenge: &str, basic: Option<&str>) -> Option<String> {
        let field = |name: &str| {
            let start = challenge.find(&format!("{name}=\""))? + name.len() + 2;
            challenge[start..].split('"').next()
        };
        let mut url = Url::parse(field("realm")?).ok()?;
        for name in ["service", "scope"] {
            if let Some(value) = field(name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let answer = self.exchange("GET", &url, &[], b"", basic).await;
        let value: Value = serde_json::from_slice(&answer.body).ok()?;
        Some(format!("Bearer {}", value["token"].as_str()?))
    }

    async fn exchange(
        &self,
        method: &str,
        url: &Url,
        headers: &[(&str, &str)],
        body: &[u8],
        authorization: Option<&str>,
    ) -> Answer {
        let host = url.host_str().expect("a URL of a registry has a host");
        let port = url.port_or_known_default().expect("http and https have ports");
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut head = vec![
            format!("{method} {}{query} HTTP/1.1", url.path()),
            format!("Host: {host}:{port}"),
            "Connection: close".to_owned(),
            format!("Content-Length: {}", body.len()),
        ];
        let authorization = authorization.map(|value| ("Authorization", value));
        let headers = headers.iter().copied().chain(authorization);
        head.extend(headers.map(|(name, value)| format!("{name}: {value}")));
        let head = format!("{}\r\n\r\n", head.join("\r\n"));

        let stream = TcpStream::connect((host, port)).await;
        let stream = stream.unwrap_or_else(|error| panic!("cannot connect to {url}: {error}"));
        match self.pki.as_ref().filter(|_| url.scheme() == "https") {
            None => converse(stream, method, &head, body).await,
            Some(pki) => {
                let name = ServerName::try_from(host.to_owned()).expect("a name or an address");
                let stream = pki.connector().connect(name, stream).await;
                let stream = stream.unwrap_or_else(|error| panic!("no TLS with {url}: {error}"));
                converse(stream, method, &head, body).await
            }
        }
    }

    /// Returns the body of 200 and nothing of 404; anything else is the test's failure.
    fn found(&self, target: &str, answer: Answer) -> Option<Bytes> {
        match answer.status {
            200 => Some(answer.body),
            404 => None,
            status => panic!("GET {target} of {} answered {status}: {answer:?}", self.base),
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    head: &str,
    body: &[u8],
) -> Answer {
    let mut wire = Wire::new(stream);
    let sent = async {
        wire.stream.write_all(head.as_bytes()).await?;
        wire.stream.write_all(body).await?;
        wire.stream.flush().await
    };
    // A server may answer and close before it has read all.
    drop(sent.await);
    let mut answer = wire.answer_head().await.unwrap_or_else(|error| {
        panic!("no answer to {}: {error}", head.lines().next().unwrap_or_default())
    });
    if method != "HEAD" {
        let (bytes, whole) = wire.body(&answer.headers, true, Reading::default()).await;
        assert!(whole, "half an answer to {}", head.lines().next().unwrap_or_default());
        answer.body = bytes;
    }
    answer
}

fn next_link(link: &str) -> Option<String> {
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| target.to_owned())
}
