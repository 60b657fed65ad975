//! A request as the registry received it, and what kind of request it is.

use bytes::Bytes;
use url::form_urlencoded;

/// What a request asks for, by method and path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `GET /v2/`
    Ping,
    /// `GET …/tags/list`, each page
    Tags,
    /// `HEAD …/manifests/…`
    ManifestHead,
    /// `GET …/manifests/…`
    ManifestGet,
    /// `PUT …/manifests/…`
    ManifestPut,
    /// `HEAD …/blobs/…`
    BlobHead,
    /// `GET …/blobs/…`
    BlobGet,
    /// `POST …/blobs/uploads/` without `mount`
    UploadPost,
    /// `POST …/blobs/uploads/?mount=…`
    MountPost,
    /// `PATCH` of an upload
    UploadPatch,
    /// `PUT` of an upload
    UploadPut,
    /// `GET` of an upload: how far is it
    UploadStatus,
    /// `DELETE` of an upload
    UploadDelete,
    /// `GET …/referrers/…`
    Referrers,
    /// `GET` or `POST /token`
    Token,
    /// `GET /cdn/…`: where blobs are redirected to
    Cdn,
    /// Anything else
    Other,
}

/// Which of the registry's two listeners was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The registry.
    Main,
    /// The other host: a CDN, a token server, a place for uploads. It asks for no credentials.
    Other,
}

/// A request, with its body once that was read.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// The path.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The headers as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// What it asks for.
    pub kind: Kind,
    /// The repository.
    pub repository: Option<String>,
    /// The tag, the digest or the upload's id.
    pub reference: Option<String>,
    /// Which listener it came to.
    pub listener: Listener,
    /// Whether an earlier request came over the same connection.
    pub reused: bool,
}

impl Request {
    /// Returns the first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns all headers of that name.
    pub fn headers_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Returns a parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the repository, or the empty text where the path has none.
    pub fn repository(&self) -> &str {
        self.repository.as_deref().unwrap_or_default()
    }

    /// Returns the tag, digest or upload, or the empty text where the path has none.
    pub fn reference(&self) -> &str {
        self.reference.as_deref().unwrap_or_default()
    }

    pub(crate) fn new(
        method: &str,
        target: &str,
        headers: Vec<(String, String)>,
        listener: Listener,
        reused: bool,
    ) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mounts = query.iter().any(|(key, _)| key == "mount");
        let (kind, repository, reference) = classify(method, path, mounts);
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            path: path.to_owned(),
            query,
            headers,
            body: Bytes::new(),
            kind,
            repository: repository.map(str::to_owned),
            reference: reference.map(str::to_owned),
            listener,
            reused,
        }
    }
}

fn classify<'a>(
    method: &str,
    path: &'a str,
    mounts: bool,
) -> (Kind, Option<&'a str>, Option<&'a str>) {
    match path {
        "/v2/" | "/v2" => return (Kind::Ping, None, None),
        "/token" => return (Kind::Token, None, None),
        _ => {}
    }
    if let Some((repository, digest)) =
        path.strip_prefix("/cdn/").and_then(|rest| rest.rsplit_once('/'))
    {
        return (Kind::Cdn, Some(repository), Some(digest));
    }
    let Some(rest) = path.strip_prefix("/v2/") else { return (Kind::Other, None, None) };
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        return (Kind::Tags, Some(repository), None);
    }
    for (separator, of) in [
        ("/blobs/uploads/", upload as fn(&str, bool) -> Kind),
        ("/blobs/", blob),
        ("/manifests/", manifest),
        ("/referrers/", referrers),
    ] {
        if let Some(at) = rest.rfind(separator) {
            let (repository, reference) = (&rest[..at], &rest[at + separator.len()..]);
            return (of(method, mounts), Some(repository), Some(reference));
        }
    }
    (Kind::Other, None, None)
}

fn upload(method: &str, mounts: bool) -> Kind {
    match method {
        "POST" if mounts => Kind::MountPost,
        "POST" => Kind::UploadPost,
        "PATCH" => Kind::UploadPatch,
        "PUT" => Kind::UploadPut,
        "GET" => Kind::UploadStatus,
        "DELETE" => Kind::UploadDelete,
        _ => Kind::Other,
    }
}

fn blob(method: &str, _: bool) -> Kind {
    match method {
        "HEAD" => Kind::BlobHead,
        "GET" => Kind::BlobGet,
        _ => Kind::Other,
    }
}

fn manifest(method: &str, _: bool) -> Kind {
    match method {
        "HEAD" => Kind::ManifestHead,
        "GET" => Kind::ManifestGet,
        "PUT" => Kind::ManifestPut,
        _ => Kind::Other,
    }
}

fn referrers(method: &str, _: bool) -> Kind {
    if method == "GET" { Kind::Referrers } else { Kind::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, target: &str, kind: Kind, repository: &str, reference: &str) {
        let request = Request::new(method, target, Vec::new(), Listener::Main, false);
        let found = (request.kind, request.repository(), request.reference());
        assert_eq!(found, (kind, repository, reference), "{method} {target}");
    }

    #[test]
    fn requests_are_told_apart() {
        check("GET", "/v2/", Kind::Ping, "", "");
        check("GET", "/token?service=x", Kind::Token, "", "");
        check("GET", "/v2/a/b/tags/list?n=2", Kind::Tags, "a/b", "");
        check("HEAD", "/v2/a/manifests/v1", Kind::ManifestHead, "a", "v1");
        check("PUT", "/v2/a/manifests/sha256:00", Kind::ManifestPut, "a", "sha256:00");
        check("GET", "/v2/a/blobs/sha256:00", Kind::BlobGet, "a", "sha256:00");
        check("POST", "/v2/a/blobs/uploads/", Kind::UploadPost, "a", "");
        check("POST", "/v2/a/blobs/uploads/?mount=sha256%3A00&from=b", Kind::MountPost, "a", "");
        check("PATCH", "/v2/a/blobs/uploads/7?_state=1", Kind::UploadPatch, "a", "7");
        check("GET", "/v2/a/referrers/sha256:00", Kind::Referrers, "a", "sha256:00");
        check("GET", "/cdn/a/b/sha256:00?sig=1", Kind::Cdn, "a/b", "sha256:00");
        check("GET", "/elsewhere", Kind::Other, "", "");
    }
}
