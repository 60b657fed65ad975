//! Manifests: what a tag points to, reading by digest, writing.

use mirror_oci::{
    Digest, InvalidManifest, MAX_MANIFEST_BYTES, Manifest, MediaType, Mismatch, Reference, Tag,
};
use mirror_transport::{Body, Method, Response, TransportError, Validity, header};

use crate::referrers_api::Api;
use crate::repository::Ask;
use crate::{RegistryError, Repository};

const DIGEST_HEADER: &str = "docker-content-digest";

/// What a tag points to, as the registry says: a claim until content is read under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The manifest's digest.
    pub digest: Digest,
    /// What it is.
    pub media_type: Option<MediaType>,
}

/// What stands under a tag, read.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its digest.
    pub digest: Digest,
    /// The manifest; `None` where it is none that could be copied by digest.
    pub manifest: Option<Manifest>,
}

/// What a registry said of a manifest that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// It has taken note of the manifest's subject, and will list it (`OCI-Subject`); not so where it has
    /// said before that there are no lists.
    pub subject: bool,
}

impl Repository {
    /// Returns what a tag points to; `None` where there is no such tag.
    ///
    /// One HEAD. Only where the answer has no digest, or HEAD is not supported, or its refusal has to be
    /// explained, a GET follows: Docker Hub counts GETs.
    ///
    /// # Errors
    /// A refusal is an error, never "there is none".
    pub async fn resolve(&self, tag: &Tag) -> Result<Option<Resolved>, RegistryError> {
        let response = self.send(self.manifest_ask(Method::HEAD, tag), Body::Empty).await?;
        match response.status.as_u16() {
            200 => match digest_of(&response) {
                Some(digest) => Ok(Some(Resolved { digest, media_type: media_type_of(&response) })),
                // registry.redhat.io, some Nexus and Artifactory.
                None => self.resolve_by_reading(tag).await,
            },
            404 => Ok(None),
            // Artifactory says 403 of what is absent in a virtual repository, and a HEAD's refusal has
            // no body: a GET tells which it is, and why.
            403 | 405 | 501 => self.resolve_by_reading(tag).await,
            _ => Err(self.refusal(self.subject(tag), response).await),
        }
    }

    async fn resolve_by_reading(&self, tag: &Tag) -> Result<Option<Resolved>, RegistryError> {
        let response = self.send(self.manifest_ask(Method::GET, tag), Body::Empty).await?;
        match response.status.as_u16() {
            200 => {
                let media_type = media_type_of(&response);
                let body = self.read(response, tag).await?;
                Ok(Some(Resolved { digest: Digest::of(&body), media_type }))
            }
            404 => Ok(None),
            _ => Err(self.refusal(self.subject(tag), response).await),
        }
    }

    /// Reads what a tag points to, by one GET; `None` where there is no such tag.
    ///
    /// # Errors
    /// A refusal is an error, never "there is none"; [`RegistryError::Corrupt`] where the bytes have
    /// another digest than the registry says. What is no manifest is none.
    pub async fn read_tag(&self, tag: &Tag) -> Result<Option<Standing>, RegistryError> {
        let response = self.send(self.manifest_ask(Method::GET, tag), Body::Empty).await?;
        match response.status.as_u16() {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.refusal(self.subject(tag), response).await),
        }
        let (claimed, media_type) = (digest_of(&response), media_type_of(&response));
        let body = match self.read(response, tag).await {
            Err(RegistryError::Transport(TransportError::TooLarge { .. })) if claimed.is_some() => {
                return Ok(claimed.map(|digest| Standing { digest, manifest: None }));
            }
            read => read?,
        };
        let digest = claimed.unwrap_or_else(|| Digest::of(&body));
        if !digest.matches(&body) {
            return Err(self.corrupt(digest, &body));
        }
        let manifest = Manifest::parse(digest, body, media_type.as_ref()).ok();
        Ok(Some(Standing { digest, manifest }))
    }

    /// Returns whether the repository has a manifest, by one HEAD.
    ///
    /// # Errors
    /// A refusal is an error, never "there is none".
    pub async fn has_manifest(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let response = self.send(self.manifest_ask(Method::HEAD, digest), Body::Empty).await?;
        match response.status.as_u16() {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(self.refusal(self.subject(digest), response).await),
        }
    }

    /// Reads the manifest that `digest` names.
    ///
    /// # Errors
    /// [`RegistryError::Corrupt`] where the bytes have another digest, [`RegistryError::Manifest`] where
    /// they are no manifest.
    pub async fn manifest(&self, digest: Digest) -> Result<Manifest, RegistryError> {
        let response = self.send(self.manifest_ask(Method::GET, &digest), Body::Empty).await?;
        if response.status.as_u16() != 200 {
            return Err(self.refusal(self.subject(&digest), response).await);
        }
        let media_type = media_type_of(&response);
        let body = self.read(response, &digest).await?;
        if !digest.matches(&body) {
            return Err(self.corrupt(digest, &body));
        }
        Ok(Manifest::parse(digest, body, media_type.as_ref())?)
    }

    fn corrupt(&self, expected: Digest, body: &[u8]) -> RegistryError {
        let mut hasher = expected.hasher();
        hasher.update(body);
        let source = Mismatch::Digest { expected, found: hasher.finish() };
        RegistryError::Corrupt { host: self.registry.host.to_string(), source }
    }

    /// Writes a manifest, byte for byte, under a tag or its digest; within `validity`, where it is given.
    ///
    /// # Errors
    /// [`RegistryError::is_missing_content`] where the registry lacks what it refers to.
    pub async fn put_manifest(
        &self,
        reference: &Reference,
        manifest: &Manifest,
        validity: Option<Validity>,
    ) -> Result<Written, RegistryError> {
        let ask = self.put_ask(reference, manifest, validity);
        let response = self.send(ask, Body::Bytes(manifest.bytes.clone())).await?;
        self.taken(reference, manifest, response).await
    }

    /// Returns the request that writes a manifest.
    pub(crate) fn put_ask(
        &self,
        reference: &Reference,
        manifest: &Manifest,
        validity: Option<Validity>,
    ) -> Ask {
        let media_type = manifest.descriptor.media_type.as_str();
        let ask = Ask::new(Method::PUT, self.path(&format!("manifests/{reference}")))
            .header(header::CONTENT_TYPE, media_type);
        Ask { validity, ..ask }
    }

    /// Judges the answer to a manifest that was put, and learns from it.
    pub(crate) async fn taken(
        &self,
        reference: &Reference,
        manifest: &Manifest,
        response: Response,
    ) -> Result<Written, RegistryError> {
        if !response.status.is_success() {
            return Err(self.refusal(self.subject(reference), response).await.of_put());
        }
        let digest = manifest.descriptor.digest;
        match digest_of(&response) {
            Some(stored) if stored != digest && stored.algorithm() == digest.algorithm() => {
                let reason = format!("it stored {stored} where {digest} was sent");
                return Err(self.protocol(self.subject(reference), reason));
            }
            Some(_) | None => {}
        }
        if !response.headers.contains_key("oci-subject") {
            return Ok(Written { subject: false });
        }
        let api = self.referrers_api();
        api.learn(Api::Promised);
        Ok(Written { subject: api.is_there() == Some(true) })
    }

    pub(crate) fn manifest_ask(&self, method: Method, reference: &impl std::fmt::Display) -> Ask {
        Ask::new(method, self.path(&format!("manifests/{reference}")))
            .header(header::ACCEPT, &MediaType::MANIFESTS.join(", "))
    }

    pub(crate) fn subject(&self, reference: &impl std::fmt::Display) -> String {
        let text = reference.to_string();
        let separator = if text.contains(':') { '@' } else { ':' };
        format!("{}{separator}{text}", self.name)
    }

    /// Reads a manifest's bytes; larger ones are refused as such.
    async fn read(
        &self,
        response: Response,
        reference: &impl std::fmt::Display,
    ) -> Result<bytes::Bytes, RegistryError> {
        let read = response.bytes("manifest", MAX_MANIFEST_BYTES).await;
        match (read, reference.to_string().parse()) {
            (Err(TransportError::TooLarge { .. }), Ok(digest)) => {
                Err(InvalidManifest::TooLarge { digest }.into())
            }
            (read, _) => Ok(read?),
        }
    }
}

fn digest_of(response: &Response) -> Option<Digest> {
    response.header(DIGEST_HEADER)?.trim().parse().ok()
}

pub(crate) fn media_type_of(response: &Response) -> Option<MediaType> {
    MediaType::parse(response.header("content-type")?)
}
