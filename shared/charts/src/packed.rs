//! A packed chart: an archive as the OCI artifact that Helm would push it as.
//!
//! Content like a repository's: a manifest, a config and one layer, the archive itself. The manifest has
//! neither dates nor annotations, so that equal archives have equal digests on every machine.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use mirror_oci::{Blob, Checkpoints, Content, Descriptor, Digest, Manifest, MediaType};
use tokio::sync::OwnedSemaphorePermit;

use crate::metadata::Metadata;
use crate::{CONFIG_MEDIA_TYPE, ChartError, LAYER_MEDIA_TYPE, MetadataError, archive};

/// The largest config: what registries take as a manifest, and more than any chart has. It is held beside
/// the archive, in no room of its own.
const MAX_CONFIG_BYTES: usize = 4 << 20;
/// How much of a blob is handed out at once.
const CHUNK_BYTES: usize = 256 << 10;

/// A packed chart. A clone is the same one.
#[derive(Clone)]
pub struct PackedChart(Arc<Packed>);

struct Packed {
    manifest: Manifest,
    /// The config and the archive.
    blobs: [(Descriptor, Bytes); 2],
    /// The room that the archive takes.
    #[expect(dead_code, reason = "held for its drop")]
    room: Option<OwnedSemaphorePermit>,
}

/// An archive that was fetched, and what it should be.
pub(crate) struct Fetched {
    /// Where from, as it may be shown.
    pub(crate) url: String,
    pub(crate) bytes: Bytes,
    pub(crate) digest: Digest,
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl PackedChart {
    /// Packs an archive, which is read whole, as the chart `name` in `version`.
    ///
    /// # Errors
    /// [`ChartError::Archive`], [`ChartError::Metadata`], [`ChartError::Another`] and
    /// [`ChartError::Manifest`].
    pub(crate) fn pack(fetched: Fetched, name: &str, version: &str) -> Result<Self, ChartError> {
        let Fetched { url, bytes, digest, room } = fetched;
        let contents = archive::read(&bytes)
            .map_err(|source| ChartError::Archive { url: url.clone(), source })?;
        let metadata = Metadata::read(&contents.chart, contents.requirements.as_deref())
            .map_err(|source| ChartError::Metadata { url: url.clone(), source })?;
        for (what, expected, found) in
            [("name", name, &metadata.name), ("version", version, &metadata.version)]
        {
            if expected != found {
                let (expected, found) = (expected.to_owned(), found.chars().take(160).collect());
                return Err(ChartError::Another { url, what, expected, found });
            }
        }
        let config = Bytes::from(metadata.json());
        if config.len() > MAX_CONFIG_BYTES {
            let source = MetadataError::TooLarge { limit: MAX_CONFIG_BYTES };
            return Err(ChartError::Metadata { url, source });
        }
        let config = (descriptor(CONFIG_MEDIA_TYPE, Digest::of(&config), &config), config);
        let layer = (descriptor(LAYER_MEDIA_TYPE, digest, &bytes), bytes);
        let manifest =
            manifest(&config.0, &layer.0).map_err(|source| ChartError::Manifest { url, source })?;
        Ok(Self(Arc::new(Packed { manifest, blobs: [config, layer], room })))
    }

    /// Returns the manifest.
    pub fn root(&self) -> &Manifest {
        &self.0.manifest
    }

    /// Returns the digest of the archive.
    pub fn archive(&self) -> Digest {
        let [_, (layer, _)] = &self.0.blobs;
        layer.digest
    }
}

impl fmt::Debug for PackedChart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PackedChart({})", self.archive())
    }
}

impl Content for PackedChart {
    type Error = ChartError;

    async fn manifest(&self, digest: Digest) -> Result<Manifest, ChartError> {
        let manifest = self.root();
        if manifest.descriptor.digest != digest {
            return Err(ChartError::NotPacked { digest });
        }
        Ok(manifest.clone())
    }

    /// What is handed out was hashed when it was fetched or made.
    async fn blob(
        &self,
        blob: &Descriptor,
        offset: u64,
        _: &Checkpoints,
    ) -> Result<Blob<ChartError>, ChartError> {
        let found = self.0.blobs.iter().find(|(own, _)| own.digest == blob.digest);
        let Some((_, bytes)) = found.filter(|(own, _)| own.size == blob.size) else {
            return Err(ChartError::NotPacked { digest: blob.digest });
        };
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        // The archive takes its room until the last chunk is gone.
        let (mut rest, held) = (bytes.slice(start..), self.clone());
        let chunks = std::iter::from_fn(move || {
            let _room = &held;
            let length = rest.len().min(CHUNK_BYTES);
            (length > 0).then(|| rest.split_to(length))
        });
        Ok(Blob::new(stream::iter(chunks).map(Ok)))
    }
}

fn descriptor(media_type: &str, digest: Digest, bytes: &Bytes) -> Descriptor {
    let media_type = MediaType::parse(media_type).unwrap_or_else(MediaType::octet_stream);
    Descriptor { media_type, digest, size: bytes.len() as u64, artifact_type: None }
}

/// Makes the manifest: the fields that it must have, in Go's order.
fn manifest(
    config: &Descriptor,
    layer: &Descriptor,
) -> Result<Manifest, mirror_oci::InvalidManifest> {
    let json = |descriptor: &Descriptor| {
        let Descriptor { media_type, digest, size, .. } = descriptor;
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
    };
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}}"#,
        MediaType::OCI_MANIFEST,
        json(config),
        json(layer)
    );
    let bytes = Bytes::from(text);
    Manifest::parse(Digest::of(&bytes), bytes, MediaType::parse(MediaType::OCI_MANIFEST).as_ref())
}
