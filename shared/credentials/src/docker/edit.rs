//! A Docker config with one login more, as text; pure.
//!
//! An entry is replaced whole, as `docker login` does it, and so are entries of the same host under
//! other spellings of it, which would stand beside the new one and could be read before it. All else
//! of the file is kept, in its order and to the digit; the white space is Docker's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mirror_oci::RegistryHost;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::auths::{docker_key, is_spelling};
use super::json::{Object, indented};
use super::{DockerConfigError, malformed};
use crate::{Credential, Secret};

/// What an entry of `auths` is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Docker and its kin, which write `auth` alone.
    Docker,
    /// Kubernetes, whose own tools write user and password beside it.
    Kubernetes,
}

/// An entry of `auths`. Empty where a helper holds the login.
#[derive(Default, Serialize)]
pub(super) struct Entry<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<Encoded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identitytoken: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registrytoken: Option<&'c str>,
}

/// The base64 of `user:password`.
#[derive(Serialize)]
#[serde(transparent)]
struct Encoded(#[serde(with = "exposed")] Secret);

mod exposed {
    use serde::Serializer;

    use crate::Secret;

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }
}

/// A user whose name holds the colon that ends names in `auth`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the username of {host} holds a colon, which a Docker config cannot say")]
pub struct ColonInUsername {
    /// The host.
    pub host: RegistryHost,
}

impl<'c> Entry<'c> {
    /// Returns the entry that says `credential`.
    pub(super) fn new(
        host: &RegistryHost,
        credential: &'c Credential,
        audience: Audience,
    ) -> Result<Self, ColonInUsername> {
        let none = Self::default();
        match credential {
            Credential::Anonymous => Ok(none),
            Credential::Bearer(token) | Credential::RegistryToken(token) => {
                Ok(Self { registrytoken: Some(token.expose()), ..none })
            }
            Credential::Basic { username, password } => {
                let auth = Some(encoded(host, username, password.expose())?);
                Ok(match audience {
                    Audience::Docker => Self { auth, ..none },
                    Audience::Kubernetes => {
                        let (username, password) = (Some(username.as_str()), password.expose());
                        Self { auth, username, password: Some(password), ..none }
                    }
                })
            }
            Credential::IdentityToken { username, token } => {
                let auth = Some(encoded(host, username, "")?);
                Ok(Self { auth, identitytoken: Some(token.expose()), ..none })
            }
        }
    }
}

/// Returns `text`, a Docker config, with this entry for `host`.
pub(super) fn with_entry(
    text: &[u8],
    host: &RegistryHost,
    entry: &Entry<'_>,
) -> Result<Zeroizing<Vec<u8>>, DockerConfigError> {
    let mut root = if text.trim_ascii().is_empty() { Object::default() } else { read(text)? };
    let mut auths: Object = match root.get("auths") {
        None => Object::default(),
        Some(auths) => read::<Option<Object>>(auths.get().as_bytes())?.unwrap_or_default(),
    };
    auths.put(docker_key(host), raw(entry), |key| is_spelling(key, host));
    root.put("auths", raw(&auths), |key| key == "auths");
    Ok(indented(&rendered(&root)))
}

/// Parses. The parser's own message would show values, and so secrets.
fn read<'t, T: Deserialize<'t>>(text: &'t [u8]) -> Result<T, DockerConfigError> {
    serde_json::from_slice(text).map_err(|error| malformed(&error))
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    let text = rendered(value);
    // What was just written is JSON, and UTF-8.
    let text = String::from_utf8_lossy(&text).into_owned();
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn rendered(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // Maps with text for keys become JSON whatever they hold, and memory takes it all.
    Zeroizing::new(serde_json::to_vec(value).unwrap_or_default())
}

fn encoded(
    host: &RegistryHost,
    username: &str,
    password: &str,
) -> Result<Encoded, ColonInUsername> {
    if username.contains(':') {
        return Err(ColonInUsername { host: host.clone() });
    }
    let text = Zeroizing::new(format!("{username}:{password}"));
    Ok(Encoded(Secret::new(STANDARD.encode(text.as_bytes()))))
}

#[cfg(test)]
mod tests;
