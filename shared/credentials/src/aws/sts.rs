//! A token that proves an AWS identity: a question to STS, signed and not sent. Whoever gets it sends it,
//! and learns from STS who we are.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::sign::{Post, SignError};
use crate::Secret;
use crate::provider::Minted;

/// How long the token says that it lives. STS itself takes what was signed in the last fifteen minutes.
const LIFE: Duration = Duration::from_secs(120);
const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// Signs the question, for `audience` alone: it is among what is signed.
pub(super) fn token(
    credentials: &Credentials,
    region: &str,
    audience: &str,
    now: SystemTime,
) -> Result<Minted, SignError> {
    let url = format!("https://sts.{region}.amazonaws.com/");
    let headers = [("content-type", FORM), ("x-audience", audience)];
    let post = Post { service: "sts", region, url: &url, headers: &headers, body: BODY };
    let headers: Map<String, Value> = post
        .sign(credentials, now)?
        .into_iter()
        .map(|(name, value)| (canonical(&name), json!([value.expose()])))
        .collect();
    let expires = now.duration_since(UNIX_EPOCH).unwrap_or_default() + LIFE;
    let header = json!({"alg": "none", "typ": "aws-sigv4-getcalleridentity"});
    let claims = json!({
        "aud": audience,
        "exp": expires.as_secs(),
        "sts": {"method": "POST", "url": url, "headers": headers, "body": BODY},
    });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    Ok(Minted { token: Secret::new(format!("{header}.{claims}.")), by: None, life: LIFE })
}

/// Writes a header's name as it is usually shown: each word with a capital.
fn canonical(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature was reckoned by hand, with HMAC alone, from what the documentation of AWS says.
    #[test]
    fn the_question_is_signed_field_by_field() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let credentials = Credentials::new("AKID", "hunter2", Some("session".into()), None, "test");
        let minted = token(&credentials, "eu-west-1", "mirror", now).unwrap();
        assert_eq!(minted.life, LIFE);
        let parts: Vec<&str> = minted.token.expose().split('.').collect();
        let [header, claims, ""] = parts[..] else { panic!("two parts and nothing") };
        let [header, claims] = [header, claims].map(|part| {
            let text = URL_SAFE_NO_PAD.decode(part).unwrap();
            serde_json::from_slice::<Value>(&text).unwrap()
        });
        assert_eq!(header, json!({"alg": "none", "typ": "aws-sigv4-getcalleridentity"}));
        let signature = "5f73c3ab4c64a4b1e09ad45d78cc5c15484a4ceb96088db40b83e70bf15798ec";
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20231114/eu-west-1/sts/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-audience, \
             Signature={signature}"
        );
        let headers = json!({
            "Content-Type": ["application/x-www-form-urlencoded; charset=utf-8"],
            "X-Amz-Date": ["20231114T221320Z"],
            "X-Amz-Security-Token": ["session"],
            "X-Audience": ["mirror"],
            "Authorization": [authorization],
        });
        let url = "https://sts.eu-west-1.amazonaws.com/";
        let sts = json!({"method": "POST", "url": url, "headers": headers, "body": BODY});
        assert_eq!(claims, json!({"aud": "mirror", "exp": 1_700_000_120, "sts": sts}));
    }
}
