//! A service account of Google's: its key file, and a judge of what is signed with it.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::encoding::Pkcs8V1Der;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The key of a service account.
#[derive(Debug)]
pub struct ServiceAccount {
    email: &'static str,
    pair: KeyPair,
}

impl ServiceAccount {
    /// Makes a new key.
    pub fn new(email: &'static str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
        Self { email, pair }
    }

    /// Returns the secret part, as one line of base64.
    pub fn secret(&self) -> String {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().expect("a key has a form");
        STANDARD.encode(der.as_ref())
    }

    /// Returns the key file, as Google's console gives it.
    pub fn file(&self) -> Value {
        let secret = self.secret();
        let lines: Vec<&str> = (0..secret.len())
            .step_by(64)
            .map(|start| &secret[start..secret.len().min(start + 64)])
            .collect();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        );
        json!({
            "type": "service_account",
            "project_id": "test",
            "private_key_id": "first",
            "private_key": pem,
            "client_email": self.email,
            "client_id": "1",
            "token_uri": "https://oauth2.googleapis.com/token",
            "universe_domain": "googleapis.com",
        })
    }

    /// Returns the claims of a token that the key has signed by RS256.
    ///
    /// # Errors
    ///
    /// Why it has not.
    pub fn judge(&self, token: &str) -> Result<Value, String> {
        let (text, signature) = token.rsplit_once('.').ok_or("no JWT")?;
        let (header, claims) = text.split_once('.').ok_or("no JWT")?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string());
        let key =
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public_key().as_ref());
        key.verify(text.as_bytes(), &decode(signature)?)
            .map_err(|_unsigned| "another key".to_owned())?;
        let read = |part: &str| -> Result<Value, String> {
            serde_json::from_slice(&decode(part)?).map_err(|error| error.to_string())
        };
        let header = read(header)?;
        if header["alg"] != "RS256" || header["kid"] != "first" {
            return Err(format!("another header: {header}"));
        }
        read(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_key_has_signed_is_refused() {
        let account = ServiceAccount::new("a@test.iam.gserviceaccount.com");
        let header = URL_SAFE_NO_PAD.encode("{\"alg\":\"RS256\",\"kid\":\"first\"}");
        let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode("{\"iss\":\"a\"}"));
        let mut signature = vec![0; account.pair.public_modulus_len()];
        let padding = &aws_lc_rs::signature::RSA_PKCS1_SHA256;
        let random = aws_lc_rs::rand::SystemRandom::new();
        account.pair.sign(padding, &random, text.as_bytes(), &mut signature).unwrap();
        let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(account.judge(&token), Ok(json!({"iss": "a"})));
        ServiceAccount::new("a@test.iam.gserviceaccount.com").judge(&token).unwrap_err();
        account.judge(&token.replace("eyJpc3M", "eyJhdWQ")).unwrap_err();
    }
}
