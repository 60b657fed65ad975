//! What lies where in a layout's folder (image specification, image layout).

use std::path::{Path, PathBuf};

use mirror_oci::Digest;

use crate::LayoutError;
use crate::folder::Folder;

/// The file that makes a folder a layout.
pub(crate) const OCI_LAYOUT: &str = "oci-layout";
/// The file that names what is in it.
pub(crate) const INDEX: &str = "index.json";
/// The folder of what is in it, with a folder for each algorithm.
const BLOBS: &str = "blobs";
/// The algorithms that there are folders of.
const ALGORITHMS: [&str; 2] = ["sha256", "sha512"];
/// `oci-layout` is one short line; what is larger is something else.
const MAX_OCI_LAYOUT_BYTES: u64 = 4096;
/// Some 120,000 tags. It is held in memory and written whole with each commit, so a layout of more
/// should be several, or a registry.
pub(crate) const MAX_INDEX_BYTES: u64 = 32 << 20;

/// Returns whether the folder says that it is a layout, of a version that is known.
pub(crate) fn is_layout(root: &Folder) -> Result<bool, LayoutError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marker {
        image_layout_version: String,
    }

    let Some(text) = root.read(OCI_LAYOUT, MAX_OCI_LAYOUT_BYTES)? else { return Ok(false) };
    let Marker { image_layout_version: version } = serde_json::from_slice(&text)
        .map_err(|source| LayoutError::Json { path: root.path().join(OCI_LAYOUT), source })?;
    if version.split('.').next() == Some("1") {
        return Ok(true);
    }
    let version = version.chars().take(40).collect();
    Err(LayoutError::Version { path: root.path().to_owned(), version })
}

/// Returns where content lies, for errors.
pub(crate) fn blob_path(root: &Path, digest: Digest) -> PathBuf {
    root.join(BLOBS).join(digest.algorithm()).join(digest.hex())
}

/// Opens the folder of content that has a digest like `digest`; `None` where there is none.
pub(crate) fn open_blobs_of(root: &Folder, digest: Digest) -> Result<Option<Folder>, LayoutError> {
    match root.child(BLOBS)? {
        Some(blobs) => blobs.child(digest.algorithm()),
        None => Ok(None),
    }
}

/// Opens the folder of content that has a digest like `digest`; makes it where there is none.
pub(crate) fn make_blobs_of(root: &Folder, digest: Digest) -> Result<Folder, LayoutError> {
    root.make_child(BLOBS)?.make_child(digest.algorithm())
}

/// Makes the folders that each layout has.
pub(crate) fn make_blobs(root: &Folder) -> Result<(), LayoutError> {
    root.make_child(BLOBS)?.make_child(ALGORITHMS[0]).map(drop)
}

/// Waits until the names of all content are on disk.
pub(crate) fn sync_blobs(root: &Folder) -> Result<(), LayoutError> {
    let Some(blobs) = root.child(BLOBS)? else { return Ok(()) };
    for algorithm in ALGORITHMS {
        if let Some(folder) = blobs.child(algorithm)? {
            folder.sync()?;
        }
    }
    Ok(())
}
