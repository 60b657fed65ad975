//! What a request shows, taken out of an answer that repeats it: errors quote refusals, and hold no secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::HeaderValue;
use url::form_urlencoded;

use crate::Request;

/// What stands in place of a secret.
const ERASED: &str = "***";
/// Shorter ones are in any sentence: to take them out would tell what they are.
const LEAST_BYTES: usize = 6;

/// The secrets that a request shows: the values of its sensitive headers, and what its body is said to hold.
#[derive(Default)]
pub(crate) struct Shown {
    headers: Vec<HeaderValue>,
    body: Vec<Bytes>,
}

impl Shown {
    pub(crate) fn by(request: &Request) -> Self {
        let sensitive = request.headers.values().filter(|value| value.is_sensitive());
        Self { headers: sensitive.cloned().collect(), body: request.secrets.clone() }
    }

    /// Returns a text without them, however they are escaped.
    pub(crate) fn erased(&self, text: Bytes) -> Bytes {
        if text.is_empty() || (self.headers.is_empty() && self.body.is_empty()) {
            return text;
        }
        let mut kept = String::from_utf8_lossy(&text).into_owned();
        for form in self.forms().iter().filter(|form| form.len() >= LEAST_BYTES) {
            if kept.contains(form) {
                kept = kept.replace(form, ERASED);
            }
        }
        Bytes::from(kept)
    }

    /// Every way in which they could be written, longer ones first: a part may be a secret too.
    fn forms(&self) -> Vec<String> {
        let body = self.body.iter().map(|secret| String::from_utf8_lossy(secret).into_owned());
        let headers = self.headers.iter().flat_map(parts);
        let mut forms: Vec<String> =
            body.chain(headers).flat_map(|secret| escaped(&secret)).collect();
        forms.sort_unstable_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        forms
    }
}

/// A header's value, what stands behind its scheme, and the password of Basic.
fn parts(value: &HeaderValue) -> Vec<String> {
    let whole = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut parts: Vec<String> = whole.split([' ', ',']).skip(1).map(str::to_owned).collect();
    if let Some(pair) = whole.strip_prefix("Basic ")
        && let Ok(pair) = STANDARD.decode(pair)
        && let Some((_, password)) = String::from_utf8_lossy(&pair).split_once(':')
    {
        parts.push(password.to_owned());
    }
    parts.push(whole);
    parts
}

/// A secret as it is, in JSON, and in a form.
fn escaped(secret: &str) -> [String; 4] {
    let json = secret.replace('\\', "\\\\").replace('"', "\\\"");
    let form = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    [secret.to_owned(), json.replace('/', "\\/"), json, form]
}

#[cfg(test)]
mod tests {
    use reqwest::Method;
    use reqwest::header::{ACCEPT, AUTHORIZATION};

    use super::*;

    #[track_caller]
    fn check(header: &str, body: &str, text: &str, expected: &str) {
        let mut value = HeaderValue::from_str(header).unwrap();
        value.set_sensitive(true);
        let request = Request::new(Method::GET, "/")
            .header(AUTHORIZATION, value)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .secret(body);
        let shown = Shown::by(&request);
        let erased = shown.erased(Bytes::copy_from_slice(text.as_bytes()));
        assert_eq!(String::from_utf8_lossy(&erased), expected);
    }

    #[test]
    fn a_secret_is_taken_out_however_it_is_written() {
        check("Bearer hunter2", "-", "no hunter2, no Bearer hunter2", "no ***, no ***");
        check(
            "Basic cm9ib3Q6aHVudGVyMg==",
            "-",
            "cm9ib3Q6aHVudGVyMg== robot hunter2",
            "*** robot ***",
        );
        check(
            "Bearer s3/c\"ret",
            "-",
            r#"{"a":"s3/c\"ret","b":"s3\/c\"ret"}"#,
            r#"{"a":"***","b":"***"}"#,
        );
        check("Bearer -", "s3cret+1", "x=s3cret%2B1&y=s3cret+1", "x=***&y=***");
        check("x", "longer than", "longer than that", "*** that");
    }

    #[test]
    fn what_is_no_secret_is_left() {
        check("Bearer token", "", "a token of application/json", "a token of application/json");
        check("Bearer hunter2", "-", "", "");
    }
}
