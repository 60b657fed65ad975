//! Answers of token endpoints, Microsoft's and Google's alike: a token and how long it lives, or why there is
//! none (RFC 6749, sections 5.1 and 5.2).

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::asked::line;
use crate::{Secret, WebAnswer};

/// How long a token is thought to live that does not say; all do, and most live an hour.
pub(crate) const DEFAULT_LIFE: Duration = Duration::from_mins(10);

/// A token, in which numbers may be texts: Azure's metadata service writes them so.
#[derive(Deserialize)]
struct Answer {
    access_token: Secret,
    #[serde(default, deserialize_with = "number")]
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Reads the token of an answer that has one. The parser's own message could show it, and is dropped.
pub(crate) fn token(answer: &WebAnswer) -> Option<(Secret, Duration)> {
    let Answer { access_token, expires_in } = serde_json::from_slice(&answer.body).ok()?;
    let life = expires_in.map_or(DEFAULT_LIFE, Duration::from_secs);
    (!access_token.expose().is_empty()).then_some((access_token, life))
}

/// Returns what an error says of itself, in one short line.
pub(crate) fn fault(answer: &WebAnswer) -> Option<String> {
    let Fault { error, error_description } = serde_json::from_slice(&answer.body).ok()?;
    let said = if error_description.is_empty() { error } else { error_description };
    (!said.is_empty()).then(|| line(&said))
}

/// Reads a number that may be a text.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Number(u64),
        Text(String),
    }
    match Number::deserialize(deserializer)? {
        Number::Number(number) => Ok(Some(number)),
        Number::Text(text) => text.parse().map(Some).map_err(|_text| de::Error::custom("a number")),
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[track_caller]
    fn check(body: &str, expected: Option<(&str, u64)>) {
        let body = Zeroizing::new(body.as_bytes().to_vec());
        let read = token(&WebAnswer { status: 200, headers: Vec::new(), body });
        let read = read.as_ref().map(|(token, life)| (token.expose(), life.as_secs()));
        assert_eq!(read, expected);
    }

    #[test]
    fn a_token_is_one_that_is_not_empty() {
        check(r#"{"access_token": "t", "expires_in": 60}"#, Some(("t", 60)));
        check(r#"{"access_token": "t", "expires_in": "60"}"#, Some(("t", 60)));
        check(r#"{"access_token": "t"}"#, Some(("t", 600)));
        check(r#"{"access_token": "", "expires_in": 60}"#, None);
        check(r#"{"access_token": "t", "expires_in": "soon"}"#, None);
        check(r#"{"refresh_token": "t"}"#, None);
        check("", None);
    }
}
