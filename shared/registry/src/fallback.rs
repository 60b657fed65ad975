//! The fallback tag: an image index of what refers to a subject, where a registry has no referrers API
//! (distribution specification, referrers tag schema).
//!
//! It is read, added to and written back, with no lock but `If-Match` where a registry heeds that: who
//! writes it reads back what became of it.

use mirror_oci::{Digest, InvalidManifest, MAX_MANIFEST_BYTES, Manifest, Reference, ReferrerIndex};
use mirror_transport::{Body, Method, Validity, header};

use crate::manifests::media_type_of;
use crate::{RegistryError, Repository};

/// What stands under a fallback tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// The index.
    pub index: ReferrerIndex,
    /// What tells this state of the tag from the next, where the registry says it: for
    /// [`Repository::put_fallback`].
    pub etag: Option<String>,
}

/// What became of writing a fallback tag.
#[derive(Debug)]
pub enum FallbackWritten {
    /// It was written. Whether it stays is known when it was read back.
    Yes,
    /// It is another than was found: to be read and added to again. Where reading finds the same again,
    /// the tag is immutable, and this is what the registry says of it.
    Changed(Box<RegistryError>),
}

/// What a fallback tag was found to be.
pub(crate) enum Tagged {
    Index(Fallback),
    Missing,
    NoRepository,
}

impl Repository {
    /// Reads the fallback tag of `subject`, by one GET; `None` where there is no such tag.
    ///
    /// # Errors
    /// [`RegistryError::FallbackTag`] where the tag stands for anything but an index of referrers;
    /// [`RegistryError::TooMany`] beyond [`mirror_oci::MAX_REFERRERS`] of them. A refusal is an error,
    /// never "there is none".
    pub async fn fallback(&self, subject: &Digest) -> Result<Option<Fallback>, RegistryError> {
        match self.tagged(subject).await? {
            Tagged::Index(fallback) => Ok(Some(fallback)),
            Tagged::Missing | Tagged::NoRepository => Ok(None),
        }
    }

    /// Writes `index` under the fallback tag of `subject`, within `validity`, where it is given; if the
    /// registry heeds it, only where the tag still is as it was `found`: has the same `ETag`, or is not there.
    ///
    /// # Errors
    /// As [`Repository::put_manifest`].
    pub async fn put_fallback(
        &self,
        subject: &Digest,
        index: &Manifest,
        found: Option<&Fallback>,
        validity: Option<Validity>,
    ) -> Result<FallbackWritten, RegistryError> {
        let reference = Reference::Tag(subject.fallback_tag());
        let ask = self.put_ask(&reference, index, validity);
        let (ask, is_guarded) = match found {
            None => (ask.header(header::IF_NONE_MATCH, "*"), true),
            Some(Fallback { etag: Some(etag), .. }) => (ask.header(header::IF_MATCH, etag), true),
            Some(Fallback { etag: None, .. }) => (ask, false),
        };
        let response = self.send(ask, Body::Bytes(index.bytes.clone())).await?;
        if is_guarded && response.status.as_u16() == 412 {
            let refusal = self.refusal(self.subject(&reference), response).await;
            return Ok(FallbackWritten::Changed(Box::new(refusal)));
        }
        self.taken(&reference, index, response).await?;
        Ok(FallbackWritten::Yes)
    }

    pub(crate) async fn tagged(&self, subject: &Digest) -> Result<Tagged, RegistryError> {
        let tag = subject.fallback_tag();
        let response = self.send(self.manifest_ask(Method::GET, &tag), Body::Empty).await?;
        match response.status.as_u16() {
            200 => {}
            404 => {
                let refusal = self.refusal(self.subject(&tag), response).await;
                let is_unknown = refusal.is_repository_unknown();
                return Ok(if is_unknown { Tagged::NoRepository } else { Tagged::Missing });
            }
            _ => return Err(self.refusal(self.subject(&tag), response).await),
        }
        let media_type = media_type_of(&response);
        // A weak one says that two states mean the same, which `If-Match` does not ask (RFC 9110,
        // section 13.1.1).
        let etag = response.header("etag").map(str::trim).filter(|etag| etag.starts_with('"'));
        let etag = etag.map(ToOwned::to_owned);
        let body = response.bytes("manifest", MAX_MANIFEST_BYTES).await?;
        let index = ReferrerIndex::parse(Digest::of(&body), body, media_type.as_ref());
        match index {
            Ok(index) => Ok(Tagged::Index(Fallback { index, etag })),
            Err(InvalidManifest::TooMany { most, .. }) => {
                Err(self.too_many(subject, "referrers", most))
            }
            Err(source) => {
                let (host, subject) = (self.registry.host.to_string(), self.subject(&tag));
                Err(RegistryError::FallbackTag { host, subject, source })
            }
        }
    }
}
