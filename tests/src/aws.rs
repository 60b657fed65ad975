//! Judges Signature Version 4: what somebody signed, by the key that he says is his.
//!
//! Written from AWS's description of the signature, with HMAC alone, and for requests without a query.

use std::collections::BTreeMap;

use aws_lc_rs::{digest, hmac};

/// A key of AWS, as a test knows it.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The id that is shown.
    pub id: &'static str,
    /// The secret that signs.
    pub secret: &'static str,
    /// The session's token, which has to be shown and signed.
    pub session: Option<&'static str>,
}

/// A POST that somebody signed.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'s> {
    /// The host that it is for.
    pub host: &'s str,
    /// The headers, by whatever case.
    pub headers: &'s [(String, String)],
    /// The body.
    pub body: &'s [u8],
}

impl Signed<'_> {
    /// Judges it for a service in a region. `must` are headers that have to be signed.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn judge(self, key: Key, service: &str, region: &str, must: &[&str]) -> Result<(), String> {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in self.headers {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        headers.insert("host".to_owned(), self.host.to_owned());
        let get = |name: &str| headers.get(name).map(String::as_str).ok_or(format!("no {name}"));

        let authorization = get("authorization")?;
        let date = get("x-amz-date")?;
        let day = date.get(..8).ok_or("no date")?;
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let names = between(authorization, "SignedHeaders=", ',').ok_or("no signed headers")?;
        let signed: Vec<&str> = names.split(';').collect();
        let session = key.session.map(|_| "x-amz-security-token");
        for name in ["host", "x-amz-date"].iter().chain(must).chain(&session) {
            if !signed.contains(name) {
                return Err(format!("{name} is not signed: {names}"));
            }
        }
        if key.session != headers.get("x-amz-security-token").map(String::as_str) {
            return Err("another session".to_owned());
        }

        let mut lines = vec!["POST".to_owned(), "/".to_owned(), String::new()];
        for name in &signed {
            lines.push(format!("{name}:{}", get(name)?));
        }
        lines.extend([String::new(), names.to_owned(), sha256(self.body)]);
        let canonical = lines.join("\n");
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let mut secret = format!("AWS4{}", key.secret).into_bytes();
        for part in scope.split('/') {
            secret = hmac_sha256(&secret, part);
        }
        let signature = hex::encode(hmac_sha256(&secret, &text));
        let id = key.id;
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
        );
        if authorization == expected {
            Ok(())
        } else {
            Err(format!("{authorization}, not {expected}"))
        }
    }
}

fn between<'t>(text: &'t str, before: &str, after: char) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split(after).next()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { id: "AKID", secret: "hunter2", session: Some("session") };
    const BODY: &[u8] = b"Action=GetCallerIdentity&Version=2011-06-15";
    const SIGNATURE: &str = "5f73c3ab4c64a4b1e09ad45d78cc5c15484a4ceb96088db40b83e70bf15798ec";

    /// Judges a question that was signed elsewhere, with one thing changed.
    fn judge(key: Key, body: &[u8], audience: &str, region: &str) -> Result<(), String> {
        let names = "content-type;host;x-amz-date;x-amz-security-token;x-audience";
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20231114/eu-west-1/sts/aws4_request, \
             SignedHeaders={names}, Signature={SIGNATURE}"
        );
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("X-Amz-Date", "20231114T221320Z"),
            ("X-Amz-Security-Token", "session"),
            ("X-Audience", audience),
            ("Authorization", &authorization),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let host = "sts.eu-west-1.amazonaws.com";
        Signed { host, headers: &headers, body }.judge(key, "sts", region, &["x-audience"])
    }

    #[test]
    fn a_signature_is_of_all_that_it_covers_and_of_one_key() {
        judge(KEY, BODY, "mirror", "eu-west-1").unwrap();
        judge(KEY, b"Action=Else", "mirror", "eu-west-1").unwrap_err();
        judge(KEY, BODY, "another", "eu-west-1").unwrap_err();
        judge(KEY, BODY, "mirror", "us-east-1").unwrap_err();
        judge(Key { secret: "hunter3", ..KEY }, BODY, "mirror", "eu-west-1").unwrap_err();
        judge(Key { session: None, ..KEY }, BODY, "mirror", "eu-west-1").unwrap_err();
    }
}
