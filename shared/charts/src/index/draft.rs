//! A version of a chart while it is being read, and what it has to be.

use std::collections::HashSet;

use mirror_oci::Digest;
use mirror_selector::Version;

use super::ChartVersion;
use crate::yaml::plain;
use crate::{tag, urls};

/// Keys of a mapping that is read.
pub(super) const MAX_KEYS: usize = 1_000;
/// URLs of a version: one, or a few mirrors.
pub(crate) const MAX_URLS: usize = 8;
/// Longer URLs are not taken by servers either.
const MAX_URL_BYTES: usize = 8 << 10;
/// A name, a version or a digest that is longer is none.
const MAX_TEXT_CHARS: usize = 256;

/// A field of a version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Version,
    Urls,
    Digest,
    Other,
}

/// A version that is being read.
#[derive(Default)]
pub(super) struct Draft {
    version: Option<String>,
    urls: Vec<String>,
    digest: Option<String>,
    /// What is wrong with it.
    fault: Option<&'static str>,
    /// What of it was passed over.
    note: Option<&'static str>,
    keys: Keys,
}

impl Draft {
    /// Returns which field a key is of.
    pub(super) fn key(&mut self, key: &str) -> Result<Field, &'static str> {
        self.keys.add(key, MAX_KEYS, "a version has more than 1000 keys")?;
        Ok(match key {
            "version" => Field::Version,
            "urls" => Field::Urls,
            "digest" => Field::Digest,
            _ => Field::Other,
        })
    }

    /// Takes a scalar in; one that says nothing is no value.
    pub(super) fn take(&mut self, field: Field, text: &str, is_plain: bool) {
        let value = || if is_plain { plain(text) } else { Some(text.to_owned()) };
        match field {
            Field::Version => self.version = value(),
            // Some digests look like numbers.
            Field::Digest => {
                let is_there = value().is_some() && !text.is_empty();
                self.digest = is_there.then(|| text.to_owned());
            }
            Field::Urls if value().is_some() => self.note = Some("its urls are no list"),
            Field::Urls | Field::Other => {}
        }
    }

    /// Takes a URL in, as long as it is handed on: leaving its user out may have made it longer.
    pub(super) fn take_url(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.urls.len() >= MAX_URLS {
            self.note = Some("it has more than 8 URLs, of which the first are tried");
            return;
        }
        match urls::without_user(text) {
            None => self.note = Some("a URL of it is none"),
            Some(url) if url.len() > MAX_URL_BYTES => {
                self.fault = Some("a URL of it is longer than 8 KiB");
            }
            Some(url) => self.urls.push(url),
        }
    }

    /// Takes note of a field that is of another kind than it should be.
    pub(super) fn misses(&mut self, field: Field) {
        if field != Field::Other {
            self.fault = Some("a field of it is of another kind than it should be");
        }
    }

    /// Returns what of it was passed over, though it is a version.
    pub(super) fn note(&self) -> Option<&'static str> {
        self.note
    }

    /// Returns the start of the version, where there is one.
    pub(super) fn shown(&self) -> Option<String> {
        self.version.as_deref().map(start)
    }

    /// Makes a version of what was read of it, or says why it is none.
    pub(super) fn judge(self) -> Result<ChartVersion, &'static str> {
        let Self { version, urls, digest, fault, note, .. } = self;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let version = version.ok_or("it has no version")?;
        if Version::parse(&version).is_none() {
            return Err("its version is none");
        }
        tag(&version).ok().ok_or("its version makes no tag")?;
        let digest = digest.map(|digest| sha256(&digest).ok_or("its digest is no sha256"));
        let no_url = note.filter(|_| urls.is_empty());
        Ok(ChartVersion { version, urls, no_url, digest: digest.transpose()? })
    }
}

/// Reads a digest as indexes write it: the value alone, or with `sha256:`.
fn sha256(text: &str) -> Option<Digest> {
    let value = start(text.strip_prefix("sha256:").unwrap_or(text)).to_ascii_lowercase();
    format!("sha256:{value}").parse().ok()
}

/// The keys of a mapping, each of which it may have once.
#[derive(Default)]
pub(super) struct Keys(HashSet<String>);

impl Keys {
    /// Adds a key; returns the start of it, which is all that is kept.
    pub(super) fn add(
        &mut self,
        key: &str,
        most: usize,
        too_many: &'static str,
    ) -> Result<String, &'static str> {
        let key = start(key);
        if !self.0.insert(key.clone()) {
            return Err("a key stands there twice");
        }
        if self.0.len() > most { Err(too_many) } else { Ok(key) }
    }

    /// Returns whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains(key)
    }
}

/// The start of a text that should be short; whatever is longer is nothing that is wanted.
fn start(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}
