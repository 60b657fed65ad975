//! Layers with their annotations, which copying does not need and signatures are made of.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Descriptor, Digest, Manifest, MediaType, annotations};

/// A layer of a manifest, and what the manifest says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The layer.
    pub descriptor: Descriptor,
    /// What the manifest says of it.
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Returns the layers in their order, also those that stand in it twice. They are read when they are
    /// asked for.
    pub fn layers(&self) -> Vec<Layer> {
        #[derive(Default, Deserialize)]
        struct View {
            layers: Option<Vec<Raw>>,
        }

        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            media_type: Option<String>,
            digest: Digest,
            size: u64,
            #[serde(default, deserialize_with = "annotations::read")]
            annotations: BTreeMap<String, String>,
        }

        // It was read as a manifest before.
        let View { layers } = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let layer = |raw: Raw| {
            let media_type = raw.media_type.as_deref().and_then(MediaType::parse);
            let media_type = media_type.unwrap_or_else(MediaType::octet_stream);
            let (digest, size) = (raw.digest, raw.size);
            let descriptor = Descriptor { media_type, digest, size, artifact_type: None };
            Layer { descriptor, annotations: raw.annotations }
        };
        layers.unwrap_or_default().into_iter().map(layer).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn layers_come_with_their_annotations() {
        let digest = Digest::of(b"");
        let layer =
            |more: &str| format!(r#"{{"mediaType":"a/l","digest":"{digest}","size":1{more}}}"#);
        let json = format!(
            r#"{{"config":{},"layers":[{},{}]}}"#,
            layer(""),
            layer(r#","annotations":{"a":"1"}"#),
            layer("")
        );
        let manifest = Manifest::parse(Digest::of(json.as_bytes()), Bytes::from(json), None);
        let layers = manifest.unwrap().layers();
        let shown: Vec<_> = layers.iter().map(|layer| layer.annotations.len()).collect();
        assert_eq!(shown, [1, 0]);
        assert!(layers.iter().all(|layer| layer.descriptor.media_type.as_str() == "a/l"));
    }
}
