//! A new pair of keys, each a JWK set of one, as registries and our own configs want them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{ED25519_BYTES, SigningKey};
use crate::Secret;

/// A pair of keys that is of nobody yet.
#[derive(Debug)]
pub struct NewKey {
    /// The JWK set that signs.
    pub private: Secret,
    /// The JWK set that verifies.
    pub public: String,
}

/// The system gives no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers to make a key of")]
pub struct NoRandomness;

impl SigningKey {
    /// Makes a pair of Ed25519. Both sets name the key by its thumbprint (RFC 7638).
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn generate() -> Result<NewKey, NoRandomness> {
        let mut seed = Zeroizing::new([0; ED25519_BYTES]);
        SystemRandom::new().fill(&mut *seed).map_err(|_unspecified| NoRandomness)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_rejected| NoRandomness)?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let d = Zeroizing::new(URL_SAFE_NO_PAD.encode(seed.as_slice()));
        // The members, their order and the want of white space are RFC 8037's, 2.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let id = URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()));
        let private = Zeroizing::new(format!(",\n      \"d\": \"{}\"", *d));
        Ok(NewKey { private: Secret::new(set(&x, &id, &private)), public: set(&x, &id, "") })
    }
}

/// Writes a set of one key; what is put into it is base64 and needs no escapes.
fn set(x: &str, id: &str, more: &str) -> String {
    format!(
        r#"{{
  "keys": [
    {{
      "use": "sig",
      "kty": "OKP",
      "kid": "{id}",
      "crv": "Ed25519",
      "alg": "EdDSA",
      "x": "{x}"{more}
    }}
  ]
}}
"#
    )
}
