//! Layouts in folders made for each test.

mod attached;
mod reading;
mod together;
mod writing;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use mirror_oci::{
    Blob, Checkpoints, Content, Descriptor, Digest, LayoutPath, Manifest, MediaType, Tag,
};
use tempfile::TempDir;

use crate::{Layout, LayoutError};

/// A folder of this test's own, and a layout in it that is not there yet.
fn nowhere() -> (TempDir, PathBuf, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some/where");
    let layout = at(&path);
    (folder, path, layout)
}

fn at(path: &Path) -> Layout {
    Layout::at(&LayoutPath::new(path.to_owned()))
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn descriptor(content: &[u8]) -> Descriptor {
    Descriptor {
        media_type: MediaType::parse("application/vnd.test.layer").unwrap(),
        digest: Digest::of(content),
        size: content.len() as u64,
        artifact_type: None,
    }
}

/// An image of one layer, which is its config too.
fn image(layer: &[u8]) -> Manifest {
    let Descriptor { media_type, digest, size, .. } = descriptor(layer);
    let layer = format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#);
    let image = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{layer},"layers":[{layer}]}}"#,
        MediaType::OCI_MANIFEST
    );
    Manifest::parse(Digest::of(image.as_bytes()), Bytes::from(image), None).unwrap()
}

/// `content` in chunks of `chunk` bytes.
fn stream_of(content: &[u8], chunk: usize) -> Blob<LayoutError> {
    let chunks: Vec<Bytes> = content.chunks(chunk).map(Bytes::copy_from_slice).collect();
    Blob::new(stream::iter(chunks.into_iter().map(Ok)))
}

async fn put(layout: &Layout, content: &[u8]) {
    layout.put_blob(&descriptor(content), stream_of(content, 100_000)).await.unwrap();
}

/// Puts an image under a tag: its layer, its manifest, the tag.
async fn put_image(layout: &Layout, name: &str, layer: &[u8]) -> Manifest {
    put(layout, layer).await;
    let manifest = image(layer);
    layout.set_tag(&tag(name), &manifest).await.unwrap();
    manifest
}

async fn read(
    layout: &Layout,
    blob: &Descriptor,
    offset: u64,
    checkpoints: &Checkpoints,
) -> Result<Vec<u8>, LayoutError> {
    let chunks: Vec<Bytes> = layout.blob(blob, offset, checkpoints).await?.try_collect().await?;
    Ok(chunks.concat())
}

async fn read_whole(layout: &Layout, blob: &Descriptor) -> Result<Vec<u8>, LayoutError> {
    read(layout, blob, 0, &Checkpoints::new(blob.digest)).await
}

/// Reads all that the tags stand for; returns the tags.
async fn check_whole(layout: &Layout) -> Vec<String> {
    let tags = layout.tags().await.unwrap();
    for tag in &tags {
        let (digest, media_type) = layout.resolve(tag).await.unwrap().unwrap();
        let manifest = layout.manifest(digest).await.unwrap();
        assert_eq!(manifest.descriptor.media_type, media_type);
        for blob in &manifest.blobs {
            assert!(layout.has(blob).await.unwrap());
            assert_eq!(read_whole(layout, blob).await.unwrap().len() as u64, blob.size);
        }
    }
    tags.iter().map(ToString::to_string).collect()
}

fn blob_path(root: &Path, digest: Digest) -> PathBuf {
    root.join("blobs").join(digest.algorithm()).join(digest.hex())
}

/// The names in a folder, in order.
fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
