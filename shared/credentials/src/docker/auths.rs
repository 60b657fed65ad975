//! The part of a Docker config or `auth.json` that is about logins; pure.
//!
//! Says who is to be asked for a repository, and in which order: the more specific key first, as
//! Podman has it; for the host itself as Docker has it, a `registrytoken` (no helper can hold one),
//! then the helper, then what else the entry holds. Keys are read as leniently as `docker login`
//! has written them over the years.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mirror_oci::{RegistryHost, RepositoryName};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{DockerConfigError, malformed};
use crate::helper::Question;
use crate::{Credential, Secret};

/// What Docker calls Docker Hub in its config and to its helpers.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The base64 of `auth`: Docker pads it, other writers may not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A Docker config or an `auth.json`; the rest of it is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoginFile {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    cred_helpers: Option<BTreeMap<String, Option<String>>>,
    creds_store: Option<String>,
}

/// One of `auths`. Empty where a helper holds the login.
#[derive(Debug, Deserialize)]
struct Entry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
    registrytoken: Option<Secret>,
}

/// Who may know how to authenticate.
#[derive(Debug)]
pub(super) enum Candidate<'a> {
    /// The file itself does.
    Entry(Login<'a>),
    /// A helper may.
    Helper(Question),
}

/// An entry that is not empty, with its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    key: &'a str,
    entry: &'a Entry,
}

/// A key of `auths` or `credHelpers`, read.
struct Key<'a> {
    host: RegistryHost,
    /// The first words of the repositories it is for; empty for all of them.
    namespace: &'a str,
}

impl LoginFile {
    /// Reads `bytes`. An empty file is an empty config, as to Docker.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DockerConfigError> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(bytes).map_err(|error| malformed(&error))
    }

    /// Lists who may know how to authenticate for `repository` at `host`, the first to be asked
    /// first.
    pub(super) fn candidates(
        &self,
        host: &RegistryHost,
        repository: &RepositoryName,
    ) -> Vec<Candidate<'_>> {
        let (before, after): (Vec<_>, Vec<_>) = self
            .logins(host, repository)
            .into_iter()
            .partition(|(key, login)| !key.namespace.is_empty() || login.has_registry_token());
        let entry = |(_, login)| Candidate::Entry(login);
        let helper = self.helper(host).map(Candidate::Helper);
        before.into_iter().map(entry).chain(helper).chain(after.into_iter().map(entry)).collect()
    }

    /// Lists the entries for `repository` at `host`, the most specific first; of those for the same
    /// repositories, the one whose key Docker writes today.
    fn logins(
        &self,
        host: &RegistryHost,
        repository: &RepositoryName,
    ) -> Vec<(Key<'_>, Login<'_>)> {
        let auths = self.auths.iter().flatten();
        let mut logins: Vec<_> = auths
            .filter_map(|(text, entry)| {
                let entry = entry.as_ref().filter(|entry| !entry.is_empty())?;
                Some((Key::read(text)?, Login { key: text, entry }))
            })
            .filter(|(key, _)| key.host == *host && key.covers(repository))
            .collect();
        logins.sort_by_key(|(key, login)| {
            (Reverse(key.namespace.len()), login.key != docker_key(host))
        });
        logins
    }

    /// Returns what to ask which helper about `host`, if one is configured for it.
    pub(super) fn helper(&self, host: &RegistryHost) -> Option<Question> {
        let helpers = self.cred_helpers.iter().flatten();
        let own = helpers
            .filter(|(text, _)| is_of_host(text, host))
            .min_by_key(|(text, _)| *text != docker_key(host));
        let (helper, server) = match own {
            // The key as it stands is what the login was stored under.
            Some((text, helper)) => (helper.as_ref()?, text.as_str()),
            None => (self.creds_store.as_ref()?, docker_key(host)),
        };
        (!helper.is_empty()).then(|| Question { helper: helper.clone(), server: server.to_owned() })
    }
}

/// Returns the key that Docker looks a host up by.
pub(super) fn docker_key(host: &RegistryHost) -> &str {
    if host.is_docker_hub() { DOCKER_HUB_KEY } else { host.as_str() }
}

/// Returns whether a key is for `host`, for all of it.
pub(super) fn is_of_host(key: &str, host: &RegistryHost) -> bool {
    Key::read(key).is_some_and(|key| key.host == *host && key.namespace.is_empty())
}

/// Returns whether a key is another way to write what Docker looks `host` up by. Docker keeps more under
/// URLs of a host: tokens of Docker Hub at `…/v1/access-token`.
pub(super) fn is_spelling(key: &str, host: &RegistryHost) -> bool {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    let (_, path) = rest.split_once('/').unwrap_or((rest, ""));
    is_of_host(key, host) && matches!(path.trim_end_matches('/'), "" | "v1" | "v2")
}

impl<'a> Key<'a> {
    /// Reads `host`, `host/namespace`, `https://host/v1/` and what resembles them; nothing else is
    /// a key.
    fn read(text: &'a str) -> Option<Self> {
        let (is_url, rest) = match text.split_once("://") {
            Some((_, rest)) => (true, rest),
            None => (false, text),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // Of a URL Docker heeds the host alone, and so must we: these are logins at hosts.
        let namespace = match path {
            _ if is_url => "",
            "v1/" | "v2/" => "",
            path => path.trim_end_matches('/'),
        };
        Some(Self { host: host.parse().ok()?, namespace })
    }

    /// Returns whether the key is for `repository`, whole words compared.
    fn covers(&self, repository: &RepositoryName) -> bool {
        self.namespace.is_empty()
            || repository
                .as_str()
                .strip_prefix(self.namespace)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Login<'_> {
    fn has_registry_token(&self) -> bool {
        given(self.entry.registrytoken.as_ref()).is_some()
    }

    /// Decodes the entry.
    pub(super) fn credential(&self) -> Result<Credential, DockerConfigError> {
        if let Some(token) = given(self.entry.registrytoken.as_ref()) {
            return Ok(Credential::RegistryToken(token.clone()));
        }
        let login = match given(self.entry.auth.as_ref()) {
            Some(auth) => {
                let key = self.key.to_owned();
                Some(decode(auth).ok_or(DockerConfigError::Auth { key })?)
            }
            None => None,
        };
        let username = self.entry.username.clone().unwrap_or_default();
        if let Some(token) = given(self.entry.identitytoken.as_ref()) {
            let username = login.map_or(username, |(username, _)| username);
            return Ok(Credential::IdentityToken { username, token: token.clone() });
        }
        match (login, given(self.entry.password.as_ref())) {
            (Some((username, password)), _) => Ok(Credential::Basic { username, password }),
            (None, Some(password)) if !username.is_empty() => {
                Ok(Credential::Basic { username, password: password.clone() })
            }
            (None, _) => Err(DockerConfigError::Incomplete { key: self.key.to_owned() }),
        }
    }
}

impl Entry {
    fn is_empty(&self) -> bool {
        let Self { auth, username, password, identitytoken, registrytoken } = self;
        let secrets = [auth, password, identitytoken, registrytoken];
        secrets.into_iter().all(|secret| given(secret.as_ref()).is_none())
            && username.as_deref().unwrap_or_default().is_empty()
    }
}

/// Returns the secret unless it is empty, which stands for none.
fn given(secret: Option<&Secret>) -> Option<&Secret> {
    secret.filter(|secret| !secret.expose().is_empty())
}

/// Decodes the base64 of `user:password`; the password may hold colons.
fn decode(auth: &Secret) -> Option<(String, Secret)> {
    // Lines may be broken, as base64(1) does it.
    let text: Vec<u8> = auth.expose().bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let text = Zeroizing::new(text);
    let bytes = Zeroizing::new(BASE64.decode(&*text).ok()?);
    let (username, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    // Docker fills up with zeros what its buffer has left.
    let password = password.trim_matches('\0');
    Some((username.to_owned(), Secret::new(password.to_owned())))
}

#[cfg(test)]
mod tests;
