//! The key of a service account: it signs a question to Google, whose answer is an access token.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::asked::Asked;
use crate::provider::ProviderError;
use crate::web::FORM;
use crate::{Secret, Web, WebRequest, oauth};

/// Where Google gives tokens, where the key does not say.
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long the question is good; Google takes an hour at most.
const LIFE: Duration = Duration::from_mins(5);

const NO_RSA: &str = "the file's private_key is no RSA key";

#[derive(Deserialize)]
struct Key {
    #[serde(rename = "client_email")]
    email: String,
    #[serde(rename = "private_key")]
    secret: Secret,
    #[serde(rename = "private_key_id")]
    id: Option<String>,
    #[serde(rename = "token_uri")]
    url: Option<String>,
}

/// Asks for an access token with a scope.
pub(super) async fn access(
    web: &Web,
    content: &Value,
    scope: &str,
    asked: &Asked,
) -> Result<(Secret, Duration), ProviderError> {
    let key = Key::read(content).map_err(|reason| asked.refused(reason))?;
    let url = key.url.as_deref().unwrap_or(TOKEN_URL);
    let assertion = key.sign(url, scope, SystemTime::now());
    let assertion = assertion.ok_or_else(|| asked.refused(NO_RSA))?;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", JWT_BEARER)
        .append_pair("assertion", assertion.expose())
        .finish();
    let request = WebRequest::post(url, FORM, Secret::new(form), assertion);
    let answer = web.ask(request).await.map_err(|error| asked.unanswered(error))?;
    let answer = asked.answered(answer, oauth::fault)?;
    oauth::token(&answer).ok_or_else(|| asked.refused("its answer has no access token"))
}

/// Says what is wrong with a key, if it is none.
pub(super) fn check(content: &Value) -> Result<(), &'static str> {
    Key::read(content)?.pair().map(drop).ok_or(NO_RSA)
}

impl Key {
    fn read(content: &Value) -> Result<Self, &'static str> {
        // The parser's own message could show the key.
        Self::deserialize(content).map_err(|_error| "the file misses client_email or private_key")
    }

    fn pair(&self) -> Option<KeyPair> {
        KeyPair::from_pkcs8(&pkcs8(self.secret.expose())?).ok()
    }

    fn sign(&self, audience: &str, scope: &str, now: SystemTime) -> Option<Secret> {
        let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = &self.id {
            header["kid"] = json!(id);
        }
        let claims = json!({
            "iss": self.email,
            "scope": scope,
            "aud": audience,
            "iat": issued,
            "exp": issued + LIFE.as_secs(),
        });
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{claims}");
        let pair = self.pair()?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
        Some(Secret::new(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// Reads the first block of a key in PEM.
fn pkcs8(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}
