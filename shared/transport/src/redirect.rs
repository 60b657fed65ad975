//! Redirects: where to, and what may go along (threat S2).

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, IF_RANGE, LOCATION, RANGE};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::TransportError;

/// Hosted registries need one, seldom two.
pub(crate) const MOST: usize = 5;

/// Returns where an answer sends a request that may be sent on; `None` for any other answer.
pub(crate) fn target(
    host: &str,
    method: &Method,
    asked: &Url,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Url>, TransportError> {
    let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
    let (true, true, Some(location)) =
        (is_redirect, *method == Method::GET || *method == Method::HEAD, location)
    else {
        return Ok(None);
    };
    let forbidden = |target: String, reason| {
        Err(TransportError::Forbidden { host: host.to_owned(), target, reason })
    };
    let Ok(target) = asked.join(location) else {
        return forbidden("nowhere".to_owned(), "the Location is no URL");
    };
    match target.scheme() {
        "https" => Ok(Some(target)),
        "http" if asked.scheme() == "http" => Ok(Some(target)),
        "http" => forbidden(shown(&target), "it leads from https to http"),
        _ => forbidden(shown(&target), "it is neither https nor http"),
    }
}

/// Returns what of a request's headers goes to another origin: nothing that says who we are.
pub(crate) fn harmless(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [ACCEPT, ACCEPT_ENCODING, RANGE, IF_RANGE] {
        for value in headers.get_all(&name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// A URL's scheme and host: a path or query may be signed.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &str, location: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, location.parse().unwrap());
        let asked = Url::parse(asked).unwrap();
        let shown = match target("r", &Method::GET, &asked, StatusCode::FOUND, &headers) {
            Ok(Some(url)) => url.to_string(),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn redirects_never_lose_encryption() {
        check("https://a/x", "/y?z", "https://a/y?z");
        check("https://a/x", "//b/y", "https://b/y");
        check("http://a/x", "http://b/y", "http://b/y");
        check("http://a/x", "https://b/y", "https://b/y");
        check(
            "https://a/x",
            "http://a/y",
            "refused to follow r to http://a: it leads from https to http",
        );
        check(
            "https://a/x",
            "file:///etc/passwd",
            "refused to follow r to file://: it is neither https nor http",
        );
    }

    #[test]
    fn only_questions_are_sent_on() {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, "/y".parse().unwrap());
        let asked = Url::parse("https://a/x").unwrap();
        for (method, status) in
            [(Method::PUT, StatusCode::FOUND), (Method::GET, StatusCode::ACCEPTED)]
        {
            assert!(target("r", &method, &asked, status, &headers).unwrap().is_none());
        }
    }
}
