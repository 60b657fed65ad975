//! A version as Masterminds/semver reads it: laxer than Semantic Versioning, compared like it.
//!
//! Build metadata is checked and then of no consequence: versions that differ in nothing else are
//! equal, as they are in Masterminds.

use std::{cmp::Ordering, fmt};

use semver::{BuildMetadata, Prerelease};

/// The longest text that is read as a version, in bytes; Masterminds' `MaxVersionLen`. Tags are
/// shorter (128, OCI distribution), chart versions need not be.
const MAX_VERSION_BYTES: usize = 256;

/// A version, with the text it was read from. Ordered, and equal, by precedence: `v1.0` and
/// `1.0.0+a` are equal.
#[derive(Clone, Debug)]
pub struct Version {
    text: String,
    major: u64,
    minor: u64,
    patch: u64,
    prerelease: Prerelease,
}

impl Version {
    /// Reads an optional `v`, one to three numbers (zeros in front do not matter), a pre-release
    /// after `-` and metadata after `+`. Returns `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_VERSION_BYTES {
            return None;
        }
        let rest = text.strip_prefix('v').unwrap_or(text);
        let (rest, build) = split_once(rest, '+');
        let (core, prerelease) = split_once(rest, '-');
        // Both types know an empty text, which stands for absence; here it would be `1-` or `1+`.
        if build.is_some_and(|build| build.is_empty() || BuildMetadata::new(build).is_err()) {
            return None;
        }
        let prerelease = match prerelease {
            None => Prerelease::EMPTY,
            Some("") => return None,
            Some(prerelease) => Prerelease::new(prerelease).ok()?,
        };
        let mut parts = core.splitn(3, '.');
        let major = number(parts.next()?)?;
        let minor = parts.next().map_or(Some(0), number)?;
        let patch = parts.next().map_or(Some(0), number)?;
        Some(Self { text: text.to_owned(), major, minor, patch, prerelease })
    }

    /// Returns the version as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the first number.
    pub fn major(&self) -> u64 {
        self.major
    }

    /// Returns the second number, 0 where there is none.
    pub fn minor(&self) -> u64 {
        self.minor
    }

    /// Returns the third number, 0 where there is none.
    pub fn patch(&self) -> u64 {
        self.patch
    }

    /// Returns the pre-release without its `-`, empty where there is none.
    pub fn prerelease(&self) -> &str {
        self.prerelease.as_str()
    }

    /// Returns whether this is a pre-release.
    pub fn is_prerelease(&self) -> bool {
        !self.prerelease.is_empty()
    }

    fn precedence(&self) -> (u64, u64, u64, &Prerelease) {
        (self.major, self.minor, self.patch, &self.prerelease)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.precedence().cmp(&other.precedence())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Version {}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.precedence() == other.precedence()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn split_once(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn number(digits: &str) -> Option<u64> {
    // `u64` would take a `+` too.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests;
