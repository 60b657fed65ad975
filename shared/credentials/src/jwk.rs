//! Private JWKs (RFC 7517, 7518, 8037) and the tokens that they sign (RFC 7515, 7519).
//!
//! Ed25519 signs as `EdDSA`; P-256, P-384 and P-521 as ES256, ES384 and ES512. Nothing that is said of a
//! key that is of no use quotes it.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Secret;

mod generate;

pub use self::generate::{NewKey, NoRandomness};

#[cfg(test)]
mod tests;

/// How far the clock of whoever reads a token may be behind ours.
const NOT_BEFORE: Duration = Duration::from_secs(30);

/// A private key that signs tokens.
pub struct SigningKey {
    id: Option<String>,
    algorithm: &'static str,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
}

/// Why a JWK is of no use.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidKey {
    /// Not JSON, or not of this shape.
    #[error("it is no JWK, nor a set of one")]
    NotJwk,
    /// A set of none, or of several.
    #[error("it is a set of {count} keys: exactly one is wanted")]
    Count {
        /// How many.
        count: usize,
    },
    /// The half that is for those who verify.
    #[error("it is a public key: it has no `d`")]
    Public,
    /// A key that does not sign as we do.
    #[error("it is a key of another kind than Ed25519, P-256, P-384 and P-521")]
    Kind,
    /// The key says that it is for another algorithm.
    #[error("its `alg` is not {expected}")]
    Algorithm {
        /// What its kind signs by.
        expected: &'static str,
    },
    /// The numbers are none of this curve, or do not belong together.
    #[error("its `x`, `y` and `d` are no key of its curve")]
    Numbers,
    /// It was read, and does not sign.
    #[error("nothing can be signed with it")]
    Idle,
}

/// What a token says.
pub(crate) struct Claims<'c> {
    pub(crate) issuer: &'c str,
    pub(crate) subject: &'c str,
    pub(crate) audiences: &'c [String],
    pub(crate) lifetime: Duration,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<Secret>,
}

#[derive(Serialize)]
struct Header<'h> {
    alg: &'h str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'h str>,
    typ: &'h str,
}

#[derive(Serialize)]
struct Payload<'p> {
    iss: &'p str,
    sub: &'p str,
    aud: &'p [String],
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
}

/// A curve of ECDSA: its name in a JWK, its algorithm, and the bytes of a number on it.
struct Curve {
    name: &'static str,
    algorithm: &'static str,
    signing: &'static EcdsaSigningAlgorithm,
    bytes: usize,
}

const CURVES: [Curve; 3] = [
    Curve {
        name: "P-256",
        algorithm: "ES256",
        signing: &ECDSA_P256_SHA256_FIXED_SIGNING,
        bytes: 32,
    },
    Curve {
        name: "P-384",
        algorithm: "ES384",
        signing: &ECDSA_P384_SHA384_FIXED_SIGNING,
        bytes: 48,
    },
    Curve {
        name: "P-521",
        algorithm: "ES512",
        signing: &ECDSA_P521_SHA512_FIXED_SIGNING,
        bytes: 66,
    },
];
/// RFC 8032.
const ED25519_BYTES: usize = 32;

impl SigningKey {
    /// Reads a private JWK, or a set of exactly one.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`].
    pub fn parse(json: &[u8]) -> Result<Self, InvalidKey> {
        let jwk = match serde_json::from_slice::<Set>(json) {
            Ok(Set { mut keys }) => match (keys.pop(), keys.len()) {
                (Some(jwk), 0) => jwk,
                (None, _) => return Err(InvalidKey::Count { count: 0 }),
                (Some(_), more) => return Err(InvalidKey::Count { count: more + 1 }),
            },
            // The parser's own words could quote the key.
            Err(_) => serde_json::from_slice::<Jwk>(json).ok().ok_or(InvalidKey::NotJwk)?,
        };
        jwk.read()
    }

    /// Signs a token; `now` is its `iat`.
    pub(crate) fn sign(&self, claims: &Claims<'_>, now: SystemTime) -> Result<Secret, InvalidKey> {
        let mut number = [0; 16];
        let random = SystemRandom::new();
        random.fill(&mut number).ok().ok_or(InvalidKey::Idle)?;
        let header = Header { alg: self.algorithm, kid: self.id.as_deref(), typ: "JWT" };
        let payload = Payload {
            iss: claims.issuer,
            sub: claims.subject,
            aud: claims.audiences,
            iat: seconds(now),
            nbf: seconds(now).saturating_sub(NOT_BEFORE.as_secs()),
            // Less than a second would be over at once.
            exp: seconds(now).saturating_add(claims.lifetime.as_secs().max(1)),
            jti: hex::encode(number),
        };
        let text = format!("{}.{}", encoded(&header), encoded(&payload));
        let signature = match &self.pair {
            Pair::Ed25519(pair) => Some(pair.sign(text.as_bytes())),
            Pair::Ecdsa(pair) => pair.sign(&random, text.as_bytes()).ok(),
        };
        let signature = URL_SAFE_NO_PAD.encode(signature.ok_or(InvalidKey::Idle)?);
        Ok(Secret::new(format!("{text}.{signature}")))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.algorithm)
    }
}

impl Jwk {
    fn read(self) -> Result<SigningKey, InvalidKey> {
        let curve = self.crv.as_deref().unwrap_or_default();
        let ecdsa = CURVES.iter().find(|known| self.kty == "EC" && known.name == curve);
        let is_ed25519 = self.kty == "OKP" && curve == "Ed25519";
        let algorithm = match ecdsa {
            Some(curve) => curve.algorithm,
            None if is_ed25519 => "EdDSA",
            None => return Err(InvalidKey::Kind),
        };
        // RFC 9864 has a name of its own for `EdDSA` with this curve.
        let is_other = |named: &str| named != algorithm && !(is_ed25519 && named == "Ed25519");
        if self.alg.as_deref().is_some_and(is_other) {
            return Err(InvalidKey::Algorithm { expected: algorithm });
        }
        let Some(secret) = &self.d else { return Err(InvalidKey::Public) };
        let number = |text: Option<&str>, bytes| number(text.unwrap_or_default(), bytes);
        let pair = match ecdsa {
            None => {
                let seed = number(Some(secret.expose()), ED25519_BYTES)?;
                let public = number(self.x.as_deref(), ED25519_BYTES)?;
                Ed25519KeyPair::from_seed_and_public_key(&seed, &public).ok().map(Pair::Ed25519)
            }
            Some(Curve { signing, bytes, .. }) => {
                let private = number(Some(secret.expose()), *bytes)?;
                // SEC 1, 2.3.3: a point that is not compressed.
                let mut public = vec![4];
                public.extend_from_slice(&number(self.x.as_deref(), *bytes)?);
                public.extend_from_slice(&number(self.y.as_deref(), *bytes)?);
                let pair =
                    EcdsaKeyPair::from_private_key_and_public_key(signing, &private, &public);
                pair.ok().map(Pair::Ecdsa)
            }
        };
        let pair = pair.ok_or(InvalidKey::Numbers)?;
        Ok(SigningKey { id: self.kid.filter(|id| !id.is_empty()), algorithm, pair })
    }
}

/// Decodes a number of so many bytes; some leave out its leading zeros, and some pad the text.
fn number(text: &str, bytes: usize) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
    let decoded = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map(Zeroizing::new);
    let decoded = decoded.ok().filter(|decoded| !decoded.is_empty() && decoded.len() <= bytes);
    let decoded = decoded.ok_or(InvalidKey::Numbers)?;
    let mut number = Zeroizing::new(vec![0; bytes]);
    number[bytes - decoded.len()..].copy_from_slice(&decoded);
    Ok(number)
}

fn encoded(part: &impl Serialize) -> String {
    // Texts and numbers become JSON whatever they are.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).unwrap_or_default())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Returns how long from `now` a token that somebody signed says that it is good; `None` where it is no
/// JWT or does not say. It is not verified: whoever gave it to us is asked when it is over.
pub(crate) fn life(token: &str, now: SystemTime) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Expiry {
        exp: f64,
    }
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let Expiry { exp } = serde_json::from_slice(&payload).ok()?;
    let until = Duration::try_from_secs_f64(exp).ok()?;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Some(until.saturating_sub(now))
}
