//! Reading manifests: whole, bounded, and only if they are what they are named after.

use std::fs::File;
use std::path::Path;

use mirror_oci::{
    Digest, InvalidManifest, MAX_MANIFEST_BYTES, Manifest, MediaType, Mismatch, ReferrerIndex,
};

use crate::LayoutError;
use crate::folder::{Folder, read_whole};
use crate::tree::{blob_path, open_blobs_of};

/// Reads a manifest of the layout at `path`; `media_type` is what `index.json` says of it.
pub(crate) fn read_manifest(
    path: &Path,
    digest: Digest,
    media_type: Option<&MediaType>,
) -> Result<Manifest, LayoutError> {
    let bytes = read_checked(path, digest)?;
    Manifest::parse(digest, bytes.into(), media_type)
        .map_err(|source| unusable(path, digest, source))
}

/// Reads the index of a fallback tag.
pub(crate) fn read_referrers(
    path: &Path,
    digest: Digest,
    media_type: &MediaType,
) -> Result<ReferrerIndex, LayoutError> {
    let bytes = read_checked(path, digest)?;
    ReferrerIndex::parse(digest, bytes.into(), Some(media_type))
        .map_err(|source| unusable(path, digest, source))
}

/// Opens the file of content; its size is for the caller to judge.
pub(crate) fn open(path: &Path, digest: Digest) -> Result<File, LayoutError> {
    let missing = || LayoutError::Missing { path: path.to_owned(), digest };
    let root =
        Folder::open(path)?.ok_or_else(|| LayoutError::NoLayout { path: path.to_owned() })?;
    let blobs = open_blobs_of(&root, digest)?.ok_or_else(missing)?;
    blobs.file(&digest.hex())?.ok_or_else(missing)
}

fn read_checked(path: &Path, digest: Digest) -> Result<Vec<u8>, LayoutError> {
    let file = open(path, digest)?;
    let path = blob_path(path, digest);
    let bytes = read_whole(&file, &path, MAX_MANIFEST_BYTES)?;
    let mut hasher = digest.hasher();
    hasher.update(&bytes);
    match hasher.finish() {
        found if found == digest => Ok(bytes),
        found => {
            let source = Mismatch::Digest { expected: digest, found };
            Err(LayoutError::Damaged { path, source })
        }
    }
}

fn unusable(path: &Path, digest: Digest, source: InvalidManifest) -> LayoutError {
    LayoutError::Manifest { path: blob_path(path, digest), source }
}
