//! The manifests of a job, read before anything is copied.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use mirror_oci::{Content, Descriptor, Digest, MAX_DESCRIPTORS, Manifest, Place};

use crate::cause::Cause;
use crate::known::{Known, Shared};
use crate::place::Store;

/// Indexes in indexes are rare and two deep; more is an attack on whoever walks them.
const MAX_DEPTH: usize = 4;
/// All manifests of one job, in memory at once.
const MAX_BYTES: u64 = 32 << 20;
/// Manifests that one job reads at once; the host's window bounds them over all jobs.
const READ_AT_ONCE: usize = 16;

/// A job's content as a graph: the root, what lies below it, and the blobs of all.
pub(crate) struct Tree {
    pub(crate) root: Arc<Manifest>,
    /// Below the root, level by level, without what the destination is known to have.
    pub(crate) levels: Vec<Vec<Arc<Manifest>>>,
    /// Each once, the largest first: it takes longest.
    pub(crate) blobs: Vec<Descriptor>,
    /// Held, so that other jobs find what was read.
    cells: Vec<Arc<Shared>>,
}

impl Tree {
    /// Returns the tree of a manifest that has no others below it.
    pub(crate) fn of_one(root: Manifest) -> Self {
        let mut blobs = root.blobs.clone();
        blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
        Self { root: Arc::new(root), levels: Vec::new(), blobs, cells: Vec::new() }
    }
}

/// Where a tree is read from, and where it is to go.
pub(crate) struct Reader<'r> {
    pub(crate) known: &'r Known,
    pub(crate) source: &'r Store,
    pub(crate) source_place: &'r Place,
    pub(crate) destination: &'r Place,
}

impl Reader<'_> {
    /// Reads the tree below `root`, within its bounds.
    pub(crate) async fn read(&self, root: Digest) -> Result<Tree, Cause> {
        let (cell, manifest) = self.manifest(root).await.map_err(|cause| {
            if cause.is_missing() {
                Cause::Gone { digest: root, source: Box::new(cause) }
            } else {
                cause
            }
        })?;
        let mut tree = Tree {
            root: Arc::clone(&manifest),
            levels: Vec::new(),
            blobs: Vec::new(),
            cells: vec![cell],
        };
        let (mut seen, mut blobs) = (HashSet::from([root]), HashSet::new());
        let (mut bytes, mut level) = (manifest.descriptor.size, vec![manifest]);
        loop {
            let mut next = Vec::new();
            for manifest in &level {
                tree.blobs.extend(
                    manifest.blobs.iter().filter(|blob| blobs.insert(blob.digest)).cloned(),
                );
                next.extend(
                    manifest.children.iter().filter(|child| seen.insert(child.digest)).cloned(),
                );
            }
            if seen.len() + tree.blobs.len() > MAX_DESCRIPTORS {
                return Err(Cause::Tree {
                    root,
                    most: MAX_DESCRIPTORS as u64,
                    what: "descriptors",
                });
            }
            next.retain(|child| !self.known.has(self.destination, &child.digest));
            if next.is_empty() {
                break;
            }
            if tree.levels.len() >= MAX_DEPTH {
                return Err(Cause::Tree { root, most: MAX_DEPTH as u64, what: "levels" });
            }
            let read = self.level(next).await?;
            level = read.iter().map(|(_, manifest)| Arc::clone(manifest)).collect();
            bytes += level.iter().map(|manifest| manifest.descriptor.size).sum::<u64>();
            if bytes > MAX_BYTES {
                return Err(Cause::Tree { root, most: MAX_BYTES, what: "bytes of manifests" });
            }
            tree.cells.extend(read.into_iter().map(|(cell, _)| cell));
            tree.levels.push(level.clone());
        }
        tree.blobs.sort_by(|left, right| {
            right.size.cmp(&left.size).then_with(|| left.digest.cmp(&right.digest))
        });
        Ok(tree)
    }

    async fn level(
        &self,
        children: Vec<Descriptor>,
    ) -> Result<Vec<(Arc<Shared>, Arc<Manifest>)>, Cause> {
        let reads = stream::iter(children).map(|child| async move {
            let (cell, manifest) = self.manifest(child.digest).await?;
            match manifest.descriptor.size {
                found if found != child.size => Err(Cause::Size { of: child, found }),
                _ => Ok((cell, manifest)),
            }
        });
        reads.buffered(READ_AT_ONCE).try_collect().await
    }

    async fn manifest(&self, digest: Digest) -> Result<(Arc<Shared>, Arc<Manifest>), Cause> {
        let cell = self.known.manifest(self.source_place, digest);
        let read = || async { self.source.manifest(digest).await.map(Arc::new) };
        let manifest = Arc::clone(cell.get_or_try_init(read).await?);
        Ok((cell, manifest))
    }
}

impl Tree {
    /// Returns the digests of all that the tree is made of.
    pub(crate) fn digests(&self) -> impl Iterator<Item = Digest> {
        let manifests = self.levels.iter().flatten().map(|manifest| manifest.descriptor.digest);
        self.blobs.iter().map(|blob| blob.digest).chain(manifests)
    }
}
