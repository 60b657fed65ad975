//! Hosts: how to authenticate at a registry and how to connect to it. They never travel.
//!
//! Both versions of the API become one [`Draft`], and a draft that is in order becomes a [`Host`].
//! Asking for tokens, reading keys and speaking TLS are left to others.

mod credential;
mod draft;
mod tls;

use std::collections::HashMap;
use std::error::Error;
use std::num::NonZeroU64;

use mirror_credentials::{Cloud, ConfinedFolder, CredentialSource, HostLogin, Secret};
use mirror_oci::RegistryHost;

use crate::error::Violations;
pub(crate) use draft::{Draft, Words};
pub use tls::{ClientAuth, ServerAuth, Tls};

/// The unit of `maxChunkSize`.
const KIB: u64 = 1024;

/// What a config says of one registry host.
#[derive(Clone, Debug)]
pub struct Host {
    /// The host.
    pub host: RegistryHost,
    /// How to authenticate; as the Docker config says where it is `None`.
    pub login: Option<HostLogin>,
    /// How to connect; as the system trusts where it is `None`.
    pub tls: Option<Tls>,
    /// Blobs larger than this go up in parts of this size.
    pub max_chunk_bytes: Option<NonZeroU64>,
}

/// What fields of a host are judged with.
pub(crate) struct Judge<'j> {
    /// Where files are.
    pub(crate) folder: &'j ConfinedFolder,
    /// How the version of the API names things.
    pub(crate) words: &'static Words,
    /// What is wrong.
    pub(crate) violations: &'j mut Violations,
    /// What its author should know.
    pub(crate) warnings: &'j mut Vec<String>,
}

impl Judge<'_> {
    /// Judges all hosts of a config.
    pub(crate) fn hosts(&mut self, drafts: Vec<Draft>) -> Vec<Host> {
        let mut seen: HashMap<RegistryHost, usize> = HashMap::new();
        let mut hosts = Vec::new();
        for (index, draft) in drafts.into_iter().enumerate() {
            let path = format!("hosts[{index}]");
            let Some(host) = self.host_name(&path, draft.host.clone()) else {
                // The rest is judged all the same, with a host that belongs to nobody.
                self.settings(&path, None, draft);
                continue;
            };
            if let Some(first) = seen.get(&host) {
                let message = format!("`{host}` is the host of hosts[{first}] too");
                self.violations.add(format!("{path}.host"), message);
            } else {
                seen.insert(host.clone(), index);
            }
            let (login, tls, max_chunk_bytes) = self.settings(&path, Some(&host), draft);
            hosts.push(Host { host, login, tls, max_chunk_bytes });
        }
        hosts
    }

    fn host_name(&mut self, path: &str, host: Option<String>) -> Option<RegistryHost> {
        let path = format!("{path}.host");
        let Some(text) = given(host) else {
            self.violations.add(path, "is required");
            return None;
        };
        match text.parse() {
            Ok(host) => Some(host),
            Err(error) => {
                let error: mirror_oci::InvalidHost = error;
                self.violations.add_error(path, &error);
                None
            }
        }
    }

    fn settings(
        &mut self,
        path: &str,
        host: Option<&RegistryHost>,
        draft: Draft,
    ) -> (Option<HostLogin>, Option<Tls>, Option<NonZeroU64>) {
        let Draft { host: _, username, provider, is_generic, credential, tls, max_chunk_size } =
            draft;
        if credential.is_some() && username.as_deref() == Some("") {
            let means = "the credential is sent as a bearer token, not as a password";
            self.warnings.push(format!("{path}.username is empty: {means}"));
        }
        let (username, provider) = (given(username), given(provider));
        let max_chunk_size = max_chunk_size.filter(|size| *size != 0);
        if credential.is_some() && provider.is_some() {
            self.violations.add(path, "credential and provider exclude each other");
        }
        if provider.is_some() && tls.is_some() {
            self.violations.add(path, "provider and tls exclude each other");
        }
        if username.is_some() && credential.is_none() {
            self.violations.add(format!("{path}.username"), "needs a credential");
        }
        let is_empty = credential.is_none() && provider.is_none() && tls.is_none();
        if is_empty && !is_generic && max_chunk_size.is_none() {
            self.violations.add(path, "needs credential, provider, tls or maxChunkSize");
        }
        let cloud = provider.and_then(|provider| self.cloud(path, host, &provider));
        let audience = host.map(RegistryHost::as_str).unwrap_or_default();
        let credential = credential.and_then(|credential| {
            self.credential(&format!("{path}.credential"), audience, username, credential)
        });
        let login = credential.map(HostLogin::Credential).or(cloud.map(HostLogin::Cloud));
        let tls = tls.map(|tls| self.tls(&format!("{path}.tls"), tls));
        let max_chunk_bytes = max_chunk_size.and_then(|size| self.chunk_bytes(path, size));
        (login, tls, max_chunk_bytes)
    }

    fn cloud(&mut self, path: &str, host: Option<&RegistryHost>, provider: &str) -> Option<Cloud> {
        let path = format!("{path}.provider");
        let Some(cloud) = Cloud::ALL.into_iter().find(|cloud| cloud.as_str() == provider) else {
            let known = Cloud::ALL.map(Cloud::as_str).join(", ");
            self.violations.add(path, format!("is none of {known}"));
            return None;
        };
        if let Some(host) = host.filter(|host| !cloud.owns(host)) {
            let hosts = cloud.hosts();
            let message = format!("`{host}` is no host of {cloud}, those are {hosts}");
            self.violations.add(path, message);
        }
        Some(cloud)
    }

    fn chunk_bytes(&mut self, path: &str, size: i64) -> Option<NonZeroU64> {
        let path = format!("{path}.maxChunkSize");
        let Ok(kib) = u64::try_from(size) else {
            self.violations.add(path, "must not be negative");
            return None;
        };
        let bytes = kib.checked_mul(KIB).and_then(NonZeroU64::new);
        if bytes.is_none() {
            self.violations.add(path, "is too large");
        }
        bytes
    }

    /// Returns what came of reading what a field says; notes why where nothing did.
    fn usable<T, E: Error + 'static>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.violations.add_error(path, &error)).ok()
    }

    /// Notes it unless exactly one of the fields is given; returns whether that is so.
    fn exactly_one(&mut self, path: &str, fields: &[(&str, bool)]) -> bool {
        let given: Vec<&str> =
            fields.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
        let all: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        match given[..] {
            [_] => return true,
            [] => {
                let message = format!("exactly one of {} is required", all.join(", "));
                self.violations.add(path, message);
            }
            _ => {
                let message = format!("{} exclude each other", given.join(" and "));
                self.violations.add(path, message);
            }
        }
        false
    }

    /// Returns where a secret comes from, of which at most one is given.
    fn secret(
        &mut self,
        path: &str,
        (file_field, file): (&str, Option<String>),
        value: Option<Secret>,
    ) -> Option<CredentialSource> {
        let Some(file) = file else { return value.map(CredentialSource::Value) };
        match self.folder.file(&file) {
            Ok(file) => Some(CredentialSource::File(file)),
            Err(error) => {
                self.violations.add_error(format!("{path}.{file_field}"), &error);
                None
            }
        }
    }
}

/// A text that is empty counts as left out: so a variable that is empty is one.
pub(crate) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// See [`given`].
fn given_secret(secret: Option<Secret>) -> Option<Secret> {
    secret.filter(|secret| !secret.expose().is_empty())
}
