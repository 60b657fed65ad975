//! The image index of a fallback tag: who refers to a subject, where a registry has no referrers API
//! (distribution specification, referrers tag schema).
//!
//! It is a set that several writers add to. What is kept is the bytes: entries and fields of others
//! stay as they stand, in their order, and what is added comes after them.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::json_object::JsonObject;
use crate::{
    Descriptor, Digest, InvalidManifest, MAX_MANIFEST_BYTES, MAX_REFERRERS, Manifest, MediaType,
    Referrer,
};

/// An index that lists nobody.
const EMPTY: &[u8] = concat!(
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","#,
    r#""manifests":[]}"#
)
.as_bytes();

/// The image index of a fallback tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferrerIndex {
    bytes: Bytes,
    /// Each once.
    referrers: Vec<Referrer>,
}

impl ReferrerIndex {
    /// Returns the index of a tag that is not there yet.
    pub fn empty() -> Self {
        Self { bytes: Bytes::from_static(EMPTY), referrers: Vec::new() }
    }

    /// Reads `bytes`, which were found to have `digest`; `content_type` is what the place says they
    /// are.
    ///
    /// # Errors
    /// Where it is anything but an image index of descriptors: to write over it would be to lose what
    /// somebody keeps there, to pass entries over would be to miss them. [`InvalidManifest::TooMany`]
    /// beyond [`MAX_REFERRERS`].
    pub fn parse(
        digest: Digest,
        bytes: Bytes,
        content_type: Option<&MediaType>,
    ) -> Result<Self, InvalidManifest> {
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(InvalidManifest::TooLarge { digest });
        }
        let other = content_type
            .filter(|claimed| claimed.is_manifest() && claimed.as_str() != MediaType::OCI_INDEX);
        if let Some(media_type) = other {
            let media_type = media_type.to_string();
            return Err(InvalidManifest::NoReferrers { digest, media_type });
        }
        let json = |source| InvalidManifest::Json { digest, source };
        let object = JsonObject::parse_index(&bytes).map_err(json)?;
        let mut referrers = Referrer::entries_of(&object).map_err(json)?;
        let mut seen = HashSet::new();
        referrers.retain(|referrer| seen.insert(referrer.descriptor.digest));
        within_bound(digest, referrers.len())?;
        Ok(Self { bytes, referrers })
    }

    /// Returns the referrers in the index's order, each once.
    pub fn referrers(&self) -> &[Referrer] {
        &self.referrers
    }

    /// Returns whether the index lists a manifest.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.referrers.iter().any(|referrer| referrer.descriptor.digest == *digest)
    }

    /// Returns the index with those of `add` that are missing at its end, in their order; `None` where
    /// none is missing.
    ///
    /// # Errors
    /// [`InvalidManifest::TooMany`] and [`InvalidManifest::TooLarge`] where nobody would read it any
    /// more.
    pub fn with(&self, add: &[Referrer]) -> Result<Option<Manifest>, InvalidManifest> {
        let mut present: HashSet<Digest> = self.digests().collect();
        let missing = add.iter().filter(|referrer| present.insert(referrer.descriptor.digest));
        let missing: Vec<&Referrer> = missing.collect();
        if missing.is_empty() {
            return Ok(None);
        }
        let bytes = self.join(&missing).map_err(|source| {
            let digest = Digest::of(&self.bytes);
            InvalidManifest::Json { digest, source }
        })?;
        let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
        within_bound(digest, present.len())?;
        if size > MAX_MANIFEST_BYTES {
            return Err(InvalidManifest::TooLarge { digest });
        }
        let children = self.referrers.iter().chain(missing);
        Ok(Some(Manifest {
            descriptor: Descriptor {
                media_type: MediaType::oci_index(),
                digest,
                size,
                artifact_type: None,
            },
            bytes,
            children: children.map(|referrer| referrer.descriptor.clone()).collect(),
            blobs: Vec::new(),
            config: None,
            subject: None,
        }))
    }

    fn digests(&self) -> impl Iterator<Item = Digest> {
        self.referrers.iter().map(|referrer| referrer.descriptor.digest)
    }

    /// Returns the index's bytes with entries for `missing`.
    fn join(&self, missing: &[&Referrer]) -> serde_json::Result<Bytes> {
        let mut object = JsonObject::parse_index(&self.bytes)?;
        let list = object.get("manifests").unwrap_or("null");
        let entries: Option<Vec<&RawValue>> = serde_json::from_str(list)?;
        let kept = entries.unwrap_or_default().into_iter().map(|entry| Ok(entry.get().into()));
        let added = missing.iter().map(|referrer| Ok(Cow::Owned(referrer.to_json()?)));
        let entries = kept.chain(added).collect::<serde_json::Result<_>>()?;
        object.set_list("manifests", entries);
        Ok(object.to_json()?.into())
    }
}

fn within_bound(digest: Digest, referrers: usize) -> Result<(), InvalidManifest> {
    if referrers > MAX_REFERRERS {
        return Err(InvalidManifest::TooMany { digest, most: MAX_REFERRERS });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
