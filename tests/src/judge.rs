//! Judges whether a tree of content is whole: each descriptor reachable from a root is there and
//! has its digest and its size.
//!
//! Where the bytes lie is the caller's: the scripted registry's store, a layout, a real registry.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value;

use crate::digest;

/// What a descriptor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A manifest or an index.
    Manifest,
    /// A config, a layer, anything else.
    Blob,
}

/// A whole tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// Digests of its manifests.
    pub manifests: BTreeSet<String>,
    /// Digests of its blobs, without the non-distributable ones.
    pub blobs: BTreeSet<String>,
}

/// Judges the tree below the manifest `root`, reading by `read`.
///
/// # Errors
/// Says which part is missing or differs, and in which manifest it is named.
pub fn judge(root: &str, read: &dyn Fn(Part, &str) -> Option<Bytes>) -> Result<Whole, String> {
    let mut whole = Whole::default();
    let mut waiting = vec![(root.to_owned(), None, "the root".to_owned())];
    while let Some((manifest, size, named_by)) = waiting.pop() {
        if !whole.manifests.insert(manifest.clone()) {
            continue;
        }
        let bytes = whole_part(Part::Manifest, &manifest, size, &named_by, read)?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| format!("manifest {manifest} is not JSON: {error}"))?;
        for child in descriptors(&value, "manifests") {
            let (digest, size) = identity(child, &manifest)?;
            waiting.push((digest, Some(size), manifest.clone()));
        }
        for blob in descriptors(&value, "layers").chain(value.get("config")) {
            let (digest, size) = identity(blob, &manifest)?;
            if !is_foreign(blob) && whole.blobs.insert(digest.clone()) {
                whole_part(Part::Blob, &digest, Some(size), &manifest, read)?;
            }
        }
    }
    Ok(whole)
}

fn whole_part(
    part: Part,
    digest: &str,
    size: Option<u64>,
    named_by: &str,
    read: &dyn Fn(Part, &str) -> Option<Bytes>,
) -> Result<Bytes, String> {
    let bytes = read(part, digest)
        .ok_or_else(|| format!("{part:?} {digest}, named by {named_by}, is missing"))?;
    if !digest::matches(digest, &bytes) {
        let found = digest::sha256(&bytes);
        return Err(format!("{part:?} {digest}, named by {named_by}, is {found}"));
    }
    match size {
        Some(size) if size != bytes.len() as u64 => {
            Err(format!("{part:?} {digest}, named by {named_by}, has not {size} bytes"))
        }
        Some(_) | None => Ok(bytes),
    }
}

fn descriptors<'a>(manifest: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    manifest.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn identity(descriptor: &Value, manifest: &str) -> Result<(String, u64), String> {
    let digest = descriptor["digest"].as_str();
    let size = descriptor["size"].as_u64();
    match (digest, size) {
        (Some(digest), Some(size)) => Ok((digest.to_owned(), size)),
        _ => Err(format!("{manifest} has a descriptor without digest or size: {descriptor}")),
    }
}

/// Returns whether a descriptor is of a non-distributable layer, which no registry need hold.
pub(crate) fn is_foreign(descriptor: &Value) -> bool {
    let media_type = descriptor["mediaType"].as_str().unwrap_or_default();
    media_type.contains("nondistributable") || media_type.contains("rootfs.foreign")
}
