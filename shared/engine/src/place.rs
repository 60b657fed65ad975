//! A repository to read or write, wherever it lives: the only match on registry and layout.

use std::sync::Arc;

use futures_util::StreamExt;
use mirror_layout::{Layout, PutError as LayoutPutError};
use mirror_model::{Pin, Seen};
use mirror_oci::{
    Blob, Checkpoints, Content, Descriptor, Digest, Manifest, Reference, RepositoryName, Tag,
};
use mirror_registry::{
    Meter, Mounted, PutError as RegistryPutError, Registries, Repository, Session, TagPage,
};
use mirror_transport::{Budget, Transfer, Validity};

use crate::cause::Cause;

/// A repository to read or write, within the budget of one piece of work.
#[derive(Clone)]
pub(crate) enum Store {
    Registry(Repository),
    Layout(Layout),
}

impl Store {
    /// Lists all tags in the place's own order.
    pub(crate) async fn tags(&self) -> Result<Vec<Tag>, Cause> {
        match self {
            Self::Registry(repository) => Ok(repository.tags().await?),
            Self::Layout(layout) => Ok(layout.tags().await?),
        }
    }

    /// Returns by how many seconds the clock of whoever answers here is ahead of ours, where he told.
    pub(crate) fn clock(&self) -> Option<(String, i64)> {
        match self {
            Self::Registry(repository) => {
                Some((repository.host().authority().to_owned(), repository.clock_offset()?))
            }
            Self::Layout(_) => None,
        }
    }

    /// Returns what a tag points to.
    pub(crate) async fn resolve(&self, tag: &Tag) -> Result<Option<Pin>, Cause> {
        match self {
            Self::Registry(repository) => {
                let resolved = repository.resolve(tag).await?;
                Ok(resolved.map(|found| Pin { digest: found.digest, media_type: found.media_type }))
            }
            Self::Layout(layout) => {
                match layout.resolve(tag).await {
                    Ok(found) => Ok(found
                        .map(|(digest, media_type)| Pin { digest, media_type: Some(media_type) })),
                    Err(error) if error.is_absent() => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Returns what a tag points to, as a look.
    pub(crate) async fn see(&self, tag: &Tag) -> Result<Seen, Cause> {
        let found = self.resolve(tag).await?;
        Ok(found.map_or(Seen::Absent, |pin| Seen::Present(pin.digest)))
    }

    /// Lists the first tags, where that spares asking for each; a layout is read at once anyway.
    pub(crate) async fn first_tags(&self) -> Result<Option<TagPage>, Cause> {
        match self {
            Self::Registry(repository) => Ok(Some(repository.first_tags().await?)),
            Self::Layout(_) => Ok(None),
        }
    }

    /// Returns whether a blob is there.
    pub(crate) async fn has_blob(&self, blob: &Descriptor) -> Result<bool, Cause> {
        match self {
            Self::Registry(repository) => Ok(repository.has_blob(&blob.digest).await?),
            Self::Layout(layout) => Ok(layout.has(blob).await?),
        }
    }

    /// Asks for a blob to be linked from another repository of the same registry.
    pub(crate) async fn mount(
        &self,
        digest: &Digest,
        from: &RepositoryName,
    ) -> Result<Mounted, Cause> {
        match self {
            Self::Registry(repository) => Ok(repository.mount(digest, from).await?),
            Self::Layout(_) => Ok(Mounted::Refused),
        }
    }

    /// Brings a blob from `source`; `open` is an upload that a mount opened instead.
    pub(crate) async fn put_blob(
        &self,
        source: &Store,
        blob: &Descriptor,
        open: Option<Session>,
        meter: &Meter,
    ) -> Result<(), Cause> {
        match self {
            Self::Registry(repository) => {
                let put = repository.put_blob(source, blob, open, meter).await;
                put.map_err(|error| match error {
                    RegistryPutError::Source(cause) => cause,
                    RegistryPutError::Destination(error) => error.into(),
                })
            }
            Self::Layout(layout) => {
                let bytes = source.blob(blob, 0, &Checkpoints::new(blob.digest)).await?;
                let meter = Arc::clone(meter);
                let metered = bytes.inspect(move |chunk| {
                    if let Ok(chunk) = chunk {
                        meter(chunk.len() as u64);
                    }
                });
                let put = layout.put_blob(blob, Blob::new(metered)).await;
                put.map(|_| ()).map_err(|error| match error {
                    LayoutPutError::Source(cause) => cause,
                    LayoutPutError::Layout(error) => error.into(),
                })
            }
        }
    }

    /// Writes a manifest under its digest.
    pub(crate) async fn put_manifest(&self, manifest: &Manifest) -> Result<(), Cause> {
        match self {
            Self::Registry(repository) => {
                let reference = Reference::Digest(manifest.descriptor.digest);
                repository.put_manifest(&reference, manifest, None).await?;
                Ok(())
            }
            Self::Layout(layout) => Ok(layout.put_manifest(manifest).await?),
        }
    }

    /// Writes a manifest under a tag; within `validity`, where it is given.
    pub(crate) async fn set_tag(
        &self,
        tag: &Tag,
        manifest: &Manifest,
        validity: Option<Validity>,
    ) -> Result<(), Cause> {
        match self {
            Self::Registry(repository) => {
                repository.put_manifest(&Reference::Tag(tag.clone()), manifest, validity).await?;
                Ok(())
            }
            Self::Layout(layout) => {
                layout.put_manifest(manifest).await?;
                Ok(layout.set_tag(tag, manifest).await?)
            }
        }
    }

    /// Waits for the right to move one blob from here to `destination`.
    pub(crate) async fn transfer(
        &self,
        destination: &Store,
        registries: &Registries,
        budget: &Arc<Budget>,
    ) -> Transfer {
        let hosts: Vec<_> = [self, destination]
            .into_iter()
            .filter_map(|store| match store {
                Self::Registry(repository) => Some(repository.host()),
                Self::Layout(_) => None,
            })
            .collect();
        registries.transport().transfer(&hosts, budget).await
    }
}

impl Content for Store {
    type Error = Cause;

    async fn manifest(&self, digest: Digest) -> Result<Manifest, Cause> {
        match self {
            Self::Registry(repository) => Ok(repository.manifest(digest).await?),
            Self::Layout(layout) => Ok(Content::manifest(layout, digest).await?),
        }
    }

    async fn blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        checkpoints: &Checkpoints,
    ) -> Result<Blob<Cause>, Cause> {
        match self {
            Self::Registry(repository) => {
                let bytes = repository.blob(blob, offset, checkpoints).await?;
                Ok(Blob::new(bytes.map(|chunk| chunk.map_err(Cause::from))))
            }
            Self::Layout(layout) => {
                let bytes = layout.blob(blob, offset, checkpoints).await?;
                Ok(Blob::new(bytes.map(|chunk| chunk.map_err(Cause::from))))
            }
        }
    }
}
