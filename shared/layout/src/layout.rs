//! A layout as a place: its tags, its content, and what is put into it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use mirror_oci::{
    Blob, Checkpoints, Content, Descriptor, Digest, LayoutPath, MAX_MANIFEST_BYTES, Manifest,
    MediaType, Referrer, Tag,
};
use tokio::sync::OnceCell;

use crate::attached::Attached;
use crate::commit::Commits;
use crate::folder::{Folder, off, read_whole};
use crate::index::{Index, Pointer, Update};
use crate::manifests::{open, read_manifest};
use crate::part::Part;
use crate::tree::{INDEX, MAX_INDEX_BYTES, blob_path, is_layout, make_blobs_of, open_blobs_of};
use crate::{LayoutError, PutError, make, read, write};

/// An OCI image layout: a repository that is a folder.
///
/// Opened at no cost; a clone is the same layout. One per folder and run lets tags that wait share
/// one writing of `index.json`, but several, in this process or others, do no harm.
#[derive(Clone, Debug)]
pub struct Layout(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: LayoutPath,
    commits: Commits,
    /// What `index.json` said when it last was read, and how to know whether it changed since.
    index: Mutex<Option<(Stamp, Arc<Index>)>>,
    /// What its manifests are attached to.
    attached: Mutex<Attached>,
    /// Set once the folder is a layout that can be written.
    writable: OnceCell<()>,
}

/// What tells one `index.json` from the next. Blind only to another tool that writes it in place
/// twice within one tick of the file system's clock, without changing its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp([i64; 4], [u64; 3]);

impl Layout {
    /// Names the layout at `path`; nothing is read yet, and nothing made.
    pub fn at(path: &LayoutPath) -> Self {
        Self(Arc::new(Inner {
            path: path.clone(),
            commits: Commits::default(),
            index: Mutex::default(),
            attached: Mutex::default(),
            writable: OnceCell::new(),
        }))
    }

    /// Lists the tags in the order of `index.json`. Names that are no tags are passed over.
    ///
    /// # Errors
    /// [`LayoutError::NoLayout`] where there is no layout.
    pub async fn tags(&self) -> Result<Vec<Tag>, LayoutError> {
        Ok(self.index().await?.tags.clone())
    }

    /// Finds what `tag` stands for, and what that says it is; `None` where there is no such tag.
    ///
    /// # Errors
    /// [`LayoutError::NoLayout`] where there is no layout (and so no tag, if it is a destination);
    /// [`LayoutError::Ambiguous`] and [`LayoutError::NoDigest`] where the tag is there and stands
    /// for nothing that can be compared.
    pub async fn resolve(&self, tag: &Tag) -> Result<Option<(Digest, MediaType)>, LayoutError> {
        let index = self.index().await?;
        let path = || self.path().join(INDEX);
        match index.pointer(tag) {
            None => Ok(None),
            Some(Pointer::To(digest, media_type)) => Ok(Some((*digest, media_type.clone()))),
            Some(Pointer::Ambiguous) => {
                Err(LayoutError::Ambiguous { path: path(), tag: tag.clone() })
            }
            Some(Pointer::Unreadable) => {
                Err(LayoutError::NoDigest { path: path(), tag: tag.clone() })
            }
        }
    }

    /// Returns whether the content is there in its full size. What is not a regular file is not
    /// there: putting the content replaces it.
    ///
    /// # Errors
    /// Where the disk says no. A layout that is not there has nothing, which is no error.
    pub async fn has(&self, content: &Descriptor) -> Result<bool, LayoutError> {
        let Descriptor { digest, size, .. } = *content;
        self.with_path(move |path| {
            let Some(root) = Folder::open(path)? else { return Ok(false) };
            let Some(blobs) = open_blobs_of(&root, digest)? else { return Ok(false) };
            Ok(blobs.size(&digest.hex())? == Some(size))
        })
        .await
    }

    /// Writes a blob and returns its size. Nothing appears under its name unless all of it came.
    ///
    /// # Errors
    /// [`PutError::Source`] with what `bytes` ended in; [`PutError::Layout`] where the disk says no.
    pub async fn put_blob<E>(&self, blob: &Descriptor, bytes: Blob<E>) -> Result<u64, PutError<E>> {
        self.make_writable().await?;
        let path = self.path().to_owned();
        let root = off(self.path(), move || Folder::make(&path).map(Arc::new)).await?;
        let part = write::receive(&root, blob, bytes).await?;
        let digest = blob.digest;
        off(self.path(), move || {
            part.place(&make_blobs_of(&root, digest)?, &digest.hex())?;
            Ok(())
        })
        .await?;
        Ok(blob.size)
    }

    /// Writes a manifest, named by its digest alone.
    ///
    /// # Errors
    /// Where the disk says no.
    pub async fn put_manifest(&self, manifest: &Manifest) -> Result<(), LayoutError> {
        self.make_writable().await?;
        let Manifest { descriptor: Descriptor { digest, .. }, bytes, .. } = manifest;
        let (digest, bytes) = (*digest, bytes.clone());
        self.with_path(move |path| {
            let root = Arc::new(Folder::make(path)?);
            let blobs = make_blobs_of(&root, digest)?;
            let name = digest.hex();
            if blobs.size(&name)? == Some(bytes.len() as u64)
                && blobs.read(&name, MAX_MANIFEST_BYTES)?.is_some_and(|present| present == bytes)
            {
                return Ok(());
            }
            let mut part = Part::begin(root)?;
            part.write(&bytes)?;
            part.place(&blobs, &name)
        })
        .await
    }

    /// Makes `tag` stand for `manifest`, which is written too where it is not there.
    ///
    /// All content that was put before is on disk before the tag is. Tags that are set at the same
    /// time are written together. Where this future is dropped early, the tag may or may not be set.
    ///
    /// # Errors
    /// [`LayoutError::Busy`] where another process holds the layout's lock for long;
    /// [`LayoutError::TooLarge`] where `index.json` would become larger than is read; and where it
    /// cannot be understood, or the disk says no.
    pub async fn set_tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), LayoutError> {
        self.put_manifest(manifest).await?;
        let update = Update::Tag { tag: tag.clone(), manifest: manifest.descriptor.clone() };
        self.0.commits.commit(self.path(), update).await
    }

    /// Lists what refers to `subject`: the manifests that `index.json` names and that have it for their
    /// subject, in its order, then what else the index of the fallback tag `sha256-…` lists, as regctl
    /// writes it; each once.
    ///
    /// # Errors
    /// [`LayoutError::NoLayout`] where there is no layout (and so nothing attached, if it is a
    /// destination). A manifest that cannot be read and has no tag is an error: it may be attached to
    /// this subject, and a list is never taken in part. [`LayoutError::TooMany`] beyond
    /// [`mirror_oci::MAX_REFERRERS`].
    pub async fn referrers(&self, subject: &Digest) -> Result<Vec<Referrer>, LayoutError> {
        let index = self.index().await?;
        let (layout, subject) = (self.clone(), *subject);
        self.with_path(move |path| {
            // Held while manifests are read, so that many who ask at once do not read them each.
            let mut attached = layout.0.attached.lock().unwrap_or_else(PoisonError::into_inner);
            attached.to(subject, path, &index)
        })
        .await
    }

    /// Puts a manifest that has a subject where [`Layout::referrers`] finds it: it is written, and gets
    /// an entry without a tag in `index.json`, unless it has one. So does its subject, where that is
    /// there and has none: other tools find by a digest only what has an entry.
    ///
    /// Written together with tags and others that are set at the same time. A fallback tag that is
    /// there is left as it is.
    ///
    /// # Errors
    /// As [`Layout::set_tag`].
    pub async fn attach(&self, manifest: &Manifest) -> Result<(), LayoutError> {
        self.put_manifest(manifest).await?;
        // As it is itself: what the referrer says of it may be wrong. What cannot be read as a manifest gets
        // no entry, which would spoil every list.
        let subject = match &manifest.subject {
            None => None,
            Some(subject) => Content::manifest(self, subject.digest).await.ok(),
        };
        let subject = subject.map(|subject| subject.descriptor);
        let update = Update::Attach { referrer: manifest.referrer(), subject };
        self.0.commits.commit(self.path(), update).await
    }

    /// Returns how many tags wait to be written.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.0.commits.waiting()
    }

    fn path(&self) -> &Path {
        self.0.path.as_path()
    }

    /// Does blocking work on the folder's path off the runtime.
    async fn with_path<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, LayoutError> + Send + 'static,
    ) -> Result<T, LayoutError> {
        let path = self.path().to_owned();
        off(self.path(), move || work(&path)).await
    }

    /// Makes the folder a layout, once.
    async fn make_writable(&self) -> Result<(), LayoutError> {
        self.0.writable.get_or_try_init(|| make::make_layout(self.path())).await?;
        Ok(())
    }

    /// Reads `index.json`, if it changed.
    async fn index(&self) -> Result<Arc<Index>, LayoutError> {
        let layout = self.clone();
        off(self.path(), move || layout.read_index()).await
    }

    fn read_index(&self) -> Result<Arc<Index>, LayoutError> {
        let path = self.path();
        let no_layout = || LayoutError::NoLayout { path: path.to_owned() };
        let root = Folder::open(path)?.ok_or_else(no_layout)?;
        let file = root.file(INDEX)?.ok_or_else(no_layout)?;
        let index_path = path.join(INDEX);
        let metadata = file.metadata().map_err(|e| LayoutError::io("read", &index_path, e))?;
        let stamp = Stamp::of(&metadata);
        // Held while it is read, so that many who ask at once do not read it each.
        let mut known = self.0.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, index)) = known.as_ref().filter(|(known, _)| *known == stamp) {
            return Ok(Arc::clone(index));
        }
        if !is_layout(&root)? {
            return Err(no_layout());
        }
        let text = read_whole(&file, &index_path, MAX_INDEX_BYTES)?;
        let index =
            Index::parse(&text).map_err(|source| LayoutError::Json { path: index_path, source })?;
        let index = Arc::new(index);
        *known = Some((stamp, Arc::clone(&index)));
        Ok(index)
    }
}

impl Content for Layout {
    type Error = LayoutError;

    async fn manifest(&self, digest: Digest) -> Result<Manifest, LayoutError> {
        let index = self.index().await?;
        self.with_path(move |path| read_manifest(path, digest, index.media_type(&digest))).await
    }

    async fn blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        checkpoints: &Checkpoints,
    ) -> Result<Blob<LayoutError>, LayoutError> {
        let digest = blob.digest;
        let file = self.with_path(move |path| open(path, digest)).await?;
        read::blob(file, blob_path(self.path(), digest), blob, offset, checkpoints).await
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let (modified, changed) = (metadata.mtime(), metadata.ctime());
        Self(
            [modified, metadata.mtime_nsec(), changed, metadata.ctime_nsec()],
            [metadata.dev(), metadata.ino(), metadata.size()],
        )
    }
}
