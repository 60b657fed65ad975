//! Reading refusals: the specification's error list, or whatever a registry or proxy says instead.

use std::time::SystemTime;

use mirror_transport::{Response, retry_after};
use serde::Deserialize;

use crate::error::{Answer, Code, RegistryError};

/// A sentence is quoted, a page of HTML is not.
const MAX_MESSAGE_CHARS: usize = 200;
const MAX_CODE_CHARS: usize = 64;

/// Turns an answer that is no success into an error.
pub(crate) async fn refusal(host: &str, subject: String, response: Response) -> RegistryError {
    let status = response.status.as_u16();
    let retry_after = retry_after(&response.headers, SystemTime::now());
    let body = response.refusal().await;
    let (code, message) = read(&body);
    let host = host.to_owned();
    let answer = Answer { status, code, message, retry_after };
    match status {
        401 => RegistryError::Unauthorized { host, subject, answer },
        403 => RegistryError::Denied { host, subject, answer },
        404 => RegistryError::NotFound { host, subject, answer },
        _ => RegistryError::Status { host, subject, answer },
    }
}

#[derive(Deserialize)]
struct ErrorList {
    errors: Vec<ErrorItem>,
}

#[derive(Deserialize)]
struct ErrorItem {
    code: Option<serde_json::Value>,
    message: Option<serde_json::Value>,
}

/// Token servers and proxies say it in one object.
#[derive(Deserialize)]
struct ErrorObject {
    #[serde(alias = "error", alias = "code")]
    code: Option<serde_json::Value>,
    #[serde(alias = "error_description", alias = "details", alias = "detail")]
    message: Option<serde_json::Value>,
}

/// Returns the code and message of a refusal's body; a code is anything that looks like one.
fn read(body: &[u8]) -> (Option<Code>, String) {
    let (code, message) = match serde_json::from_slice::<ErrorList>(body) {
        Ok(ErrorList { errors }) => match errors.into_iter().next() {
            Some(ErrorItem { code, message }) => (code, message),
            None => (None, None),
        },
        Err(_) => match serde_json::from_slice::<ErrorObject>(body) {
            Ok(ErrorObject { code, message }) => (code, message),
            Err(_) => return (None, prose(body)),
        },
    };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => None,
    };
    let is_code = |code: &String| {
        (1..=MAX_CODE_CHARS).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte))
    };
    let code = code.and_then(text).filter(is_code).map(Code);
    (code, message.and_then(text).map(|message| shortened(&message)).unwrap_or_default())
}

/// The first line of a body that is plain text; nothing of a page of HTML.
fn prose(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.trim().lines().next().unwrap_or_default();
    if line.starts_with('<') { String::new() } else { shortened(line) }
}

fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, code: Option<&str>, message: &str) {
        let (found, text) = read(body.as_bytes());
        assert_eq!((found.as_ref().map(Code::as_str), text.as_str()), (code, message), "{body}");
    }

    #[test]
    fn reads_what_registries_and_proxies_say() {
        check(
            r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no such","detail":{"a":1}}]}"#,
            Some("NAME_UNKNOWN"),
            "no such",
        );
        check(r#"{"errors":[{"code":"ARTIFACT_LOCKED"}]}"#, Some("ARTIFACT_LOCKED"), "");
        check(r#"{"errors":[{"code":403,"message":null}]}"#, Some("403"), "");
        check(r#"{"errors":[]}"#, None, "");
        check(
            r#"{"details":"incorrect username or password"}"#,
            None,
            "incorrect username or password",
        );
        check(
            r#"{"error":"invalid_grant","error_description":"expired"}"#,
            Some("invalid_grant"),
            "expired",
        );
        check("404 page not found\n", None, "404 page not found");
        check("<html><body>Bad Gateway</body></html>", None, "");
        check("", None, "");
        check("\u{fffd}", None, "\u{fffd}");
        check(r#"{"errors":[{"code":"\u001b[31m"}]}"#, None, "");
        check(&"x".repeat(300), None, &format!("{}…", "x".repeat(200)));
    }
}
