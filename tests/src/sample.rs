//! Sample content: images, indexes, artifacts, old Docker manifests, and hostile ones.
//!
//! The same calls give the same bytes in every run. A [`Sample`] is a manifest with all that is
//! below it; where it is put is up to `scripted::Store`, `client::Client` and `layout`.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::digest::sha256;

/// Media type of an OCI image manifest.
pub const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a Docker schema 2 manifest.
pub const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Media type of a Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Media type of an empty config.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Media type of a Sigstore bundle, and artifact type of the referrer that it is.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const FOREIGN_LAYER: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const DOCKER_FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// A manifest and all that is below it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The manifest's media type.
    pub media_type: String,
    /// The manifest's bytes.
    pub bytes: Bytes,
    /// The blobs that the manifest names itself.
    pub blobs: Vec<Bytes>,
    /// The manifests that it names.
    pub children: Vec<Sample>,
    /// The artifact type, for descriptors of it.
    pub artifact_type: Option<String>,
    /// The platform, as the descriptor in an index has it.
    pub platform: Option<Value>,
}

impl Sample {
    /// Returns a manifest made of exactly these bytes: for hostile content.
    pub fn raw(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        Self {
            media_type: media_type.to_owned(),
            bytes: bytes.into(),
            blobs: Vec::new(),
            children: Vec::new(),
            artifact_type: None,
            platform: None,
        }
    }

    /// Returns the manifest's digest.
    pub fn digest(&self) -> String {
        sha256(&self.bytes)
    }

    /// Returns the manifest's descriptor.
    pub fn descriptor(&self) -> Value {
        let mut descriptor = describe(&self.media_type, &self.bytes);
        if let Some(artifact_type) = &self.artifact_type {
            descriptor["artifactType"] = json!(artifact_type);
        }
        if let Some(platform) = &self.platform {
            descriptor["platform"] = platform.clone();
        }
        descriptor
    }

    /// Returns every manifest, children before parents, this one last; each once.
    pub fn manifests(&self) -> Vec<&Self> {
        let mut manifests = Vec::new();
        self.collect_manifests(&mut BTreeSet::new(), &mut manifests);
        manifests
    }

    /// Returns every distinct blob of the tree.
    pub fn all_blobs(&self) -> Vec<Bytes> {
        let mut seen = BTreeSet::new();
        let manifests = self.manifests();
        let blobs = manifests.iter().flat_map(|manifest| &manifest.blobs);
        blobs.filter(|blob| seen.insert(sha256(blob))).cloned().collect()
    }

    fn collect_manifests<'a>(&'a self, seen: &mut BTreeSet<String>, into: &mut Vec<&'a Self>) {
        for child in &self.children {
            child.collect_manifests(seen, into);
        }
        if seen.insert(self.digest()) {
            into.push(self);
        }
    }
}

/// Returns `length` bytes that do not compress, the same for the same seed.
pub fn noise(seed: &str, length: usize) -> Bytes {
    // SplitMix64, seeded by FNV-1a of the text.
    let mut state = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    Bytes::from(bytes)
}

/// Returns a descriptor of `bytes`.
pub fn describe(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": sha256(bytes), "size": bytes.len()})
}

/// Returns an image of two layers of 1 KiB, unlike the image of any other name.
pub fn image(name: &str) -> Sample {
    let layer = |part| noise(&format!("{name}/{part}"), 1024);
    Image::new().layer(layer("base")).layer(layer("top")).build()
}

/// Returns an index of two images, for linux/amd64 and linux/arm64.
pub fn two_platforms(name: &str) -> Sample {
    let platform = |architecture: &str| {
        let layer = noise(&format!("{name}/{architecture}"), 1024);
        Image::new().layer(layer).platform("linux", architecture).build()
    };
    index(&[platform("amd64"), platform("arm64")])
}

/// Returns an OCI index of `children`.
pub fn index(children: &[Sample]) -> Sample {
    list(INDEX, children)
}

/// Returns a Docker manifest list of `children`.
pub fn docker_list(children: &[Sample]) -> Sample {
    list(DOCKER_LIST, children)
}

/// Returns an artifact of `artifact_type` with an empty config and one blob.
pub fn artifact(artifact_type: &str, blob: impl Into<Bytes>) -> Sample {
    let layer = ("application/octet-stream".to_owned(), blob.into());
    Image { layers: vec![layer], ..Image::new() }.artifact_type(artifact_type).build()
}

/// Returns an artifact of `artifact_type` that refers to `subject`.
pub fn referrer(artifact_type: &str, subject: &Sample, blob: impl Into<Bytes>) -> Sample {
    let layer = ("application/octet-stream".to_owned(), blob.into());
    let image = Image { layers: vec![layer], ..Image::new() };
    image.artifact_type(artifact_type).subject(subject).build()
}

fn list(media_type: &str, children: &[Sample]) -> Sample {
    let manifests: Vec<Value> = children.iter().map(Sample::descriptor).collect();
    let body = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
    Sample { children: children.to_vec(), ..Sample::raw(media_type, body.to_string()) }
}

/// An image under construction.
#[derive(Clone, Debug, Default)]
pub struct Image {
    docker: bool,
    layers: Vec<(String, Bytes)>,
    foreign: Vec<Value>,
    platform: Option<(String, String)>,
    artifact_type: Option<String>,
    subject: Option<Value>,
    annotations: Map<String, Value>,
}

impl Image {
    /// Returns an image without layers, for linux/amd64.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a layer of exactly these bytes (no tar archive: nobody here unpacks it).
    #[must_use]
    pub fn layer(mut self, bytes: impl Into<Bytes>) -> Self {
        self.layers.push((String::new(), bytes.into()));
        self
    }

    /// Adds a layer with a media type of its own.
    #[must_use]
    pub fn layer_of(mut self, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.layers.push((media_type.to_owned(), bytes.into()));
        self
    }

    /// Adds a non-distributable layer, which lies at `url` and in no registry.
    #[must_use]
    pub fn foreign_layer(mut self, url: &str, bytes: &[u8]) -> Self {
        let mut descriptor = describe("", bytes);
        descriptor["urls"] = json!([url]);
        self.foreign.push(descriptor);
        self
    }

    /// Makes it a Docker schema 2 manifest.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// Sets the platform.
    #[must_use]
    pub fn platform(mut self, os: &str, architecture: &str) -> Self {
        self.platform = Some((os.to_owned(), architecture.to_owned()));
        self
    }

    /// Makes it an artifact: this type, an empty config.
    #[must_use]
    pub fn artifact_type(mut self, artifact_type: &str) -> Self {
        self.artifact_type = Some(artifact_type.to_owned());
        self
    }

    /// Makes it refer to `subject`.
    #[must_use]
    pub fn subject(mut self, subject: &Sample) -> Self {
        self.subject = Some(describe(&subject.media_type, &subject.bytes));
        self
    }

    /// Adds an annotation.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), json!(value));
        self
    }

    /// Builds the manifest and its config.
    pub fn build(self) -> Sample {
        let media_type = if self.docker { DOCKER_IMAGE } else { IMAGE };
        let (config_type, config) = self.config();
        let mut body = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": describe(config_type, &config),
            "layers": self.layer_descriptors(),
        });
        if let Some(artifact_type) = &self.artifact_type {
            body["artifactType"] = json!(artifact_type);
        }
        if let Some(subject) = &self.subject {
            body["subject"] = subject.clone();
        }
        if !self.annotations.is_empty() {
            body["annotations"] = Value::Object(self.annotations.clone());
        }
        let platform =
            self.platform.map(|(os, architecture)| json!({"os": os, "architecture": architecture}));
        let mut blobs = vec![config];
        blobs.extend(self.layers.into_iter().map(|(_, bytes)| bytes));
        Sample {
            blobs,
            artifact_type: self.artifact_type,
            platform,
            ..Sample::raw(media_type, body.to_string())
        }
    }

    fn config(&self) -> (&'static str, Bytes) {
        if self.artifact_type.is_some() {
            return (EMPTY, Bytes::from_static(b"{}"));
        }
        let (os, architecture) = match &self.platform {
            Some((os, architecture)) => (os.as_str(), architecture.as_str()),
            None => ("linux", "amd64"),
        };
        let layers = self.layers.iter().map(|(_, bytes)| sha256(bytes));
        let config = json!({
            "os": os,
            "architecture": architecture,
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": layers.collect::<Vec<_>>()},
        });
        let media_type = if self.docker { DOCKER_CONFIG } else { CONFIG };
        (media_type, Bytes::from(config.to_string()))
    }

    fn layer_descriptors(&self) -> Vec<Value> {
        let (own, foreign) =
            if self.docker { (DOCKER_LAYER, DOCKER_FOREIGN_LAYER) } else { (LAYER, FOREIGN_LAYER) };
        let layers = self.layers.iter().map(|(media_type, bytes)| {
            describe(if media_type.is_empty() { own } else { media_type }, bytes)
        });
        let foreign = self.foreign.iter().cloned().map(|mut descriptor| {
            descriptor["mediaType"] = json!(foreign);
            descriptor
        });
        layers.chain(foreign).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_the_same_in_every_run() {
        assert_eq!(
            sha256(&noise("a", 1000)),
            "sha256:1e9269edfd4e76f08d2e8f5041f2fc55a4df6b04d98f00c5b5c3787e5c1c05fb"
        );
        assert_eq!(image("a").digest(), image("a").digest());
        assert_ne!(image("a").digest(), image("b").digest());
    }

    #[test]
    fn a_tree_is_listed_children_first_and_each_once() {
        let image = image("a");
        let index = index(&[image.clone(), image.clone()]);
        let order: Vec<String> = index.manifests().iter().map(|one| one.digest()).collect();
        assert_eq!(order, [image.digest(), index.digest()]);
        assert_eq!(index.all_blobs().len(), 3);
    }
}
