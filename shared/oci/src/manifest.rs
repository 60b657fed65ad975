//! Manifests: the bytes as they were read, and the view of them that copying needs.
//!
//! The bytes are what gets pushed; nothing is ever written from the view. What could be read in two
//! ways by two readers (CVE-2021-41190 and its kind) is refused.

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::{Descriptor, Digest, MediaType};

/// The largest manifest that is read. Registries take 4 MiB (distribution, ACR, zot), and so do we.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// The most descriptors in one manifest, and in a tree of them: the largest images known have some
/// hundred; more is an attack on whoever walks it.
pub const MAX_DESCRIPTORS: usize = 4096;

/// A manifest or index.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Its own type, digest and size.
    pub descriptor: Descriptor,
    /// The bytes as they were read.
    pub bytes: Bytes,
    /// The manifests that it refers to, of an index.
    pub children: Vec<Descriptor>,
    /// The blobs that it refers to: config and layers. Non-distributable layers are left out.
    pub blobs: Vec<Descriptor>,
    /// Which of the blobs is the config.
    pub config: Option<Digest>,
    /// What it is attached to.
    pub subject: Option<Descriptor>,
}

/// Bytes that are no manifest, or an ambiguous one.
#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    /// Over [`MAX_MANIFEST_BYTES`].
    #[error("manifest {digest} is larger than 4 MiB")]
    TooLarge {
        /// The manifest.
        digest: Digest,
    },
    /// Not JSON of the expected form.
    #[error("manifest {digest} cannot be read")]
    Json {
        /// The manifest.
        digest: Digest,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Two readers could understand it differently.
    #[error("manifest {digest} is ambiguous: {reason}")]
    Ambiguous {
        /// The manifest.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// Docker's schema 1, or something newer than this program.
    #[error("manifest {digest} is of a kind that cannot be copied by digest: {media_type}")]
    Unsupported {
        /// The manifest.
        digest: Digest,
        /// What it says it is.
        media_type: String,
    },
    /// More than [`MAX_DESCRIPTORS`], or [`crate::MAX_REFERRERS`] of an index of referrers.
    #[error("manifest {digest} refers to more than {most} others")]
    TooMany {
        /// The manifest.
        digest: Digest,
        /// The bound.
        most: usize,
    },
    /// What stands under a fallback tag is something else.
    #[error("manifest {digest} is no image index of referrers but {media_type}")]
    NoReferrers {
        /// The manifest.
        digest: Digest,
        /// What it is.
        media_type: String,
    },
}

impl Manifest {
    /// Reads `bytes`, which were found to have `digest`.
    ///
    /// `content_type` is what the place says they are; a `mediaType` of their own must agree with it.
    ///
    /// # Errors
    /// See [`InvalidManifest`]; trying again never helps.
    pub fn parse(
        digest: Digest,
        bytes: Bytes,
        content_type: Option<&MediaType>,
    ) -> Result<Self, InvalidManifest> {
        let size = bytes.len() as u64;
        if size > MAX_MANIFEST_BYTES {
            return Err(InvalidManifest::TooLarge { digest });
        }
        let json = |source| InvalidManifest::Json { digest, source };
        let ambiguous = |reason: String| InvalidManifest::Ambiguous { digest, reason };
        let Keys { look_alike } = serde_json::from_slice(&bytes).map_err(json)?;
        if let Some(key) = look_alike {
            return Err(ambiguous(format!("key `{}`", key.escape_default())));
        }
        let view: View = serde_json::from_slice(&bytes).map_err(json)?;
        let own = view.media_type.as_deref().and_then(MediaType::parse);
        let claimed = content_type.filter(|claimed| claimed.is_manifest());
        if let (Some(own), Some(claimed)) = (&own, claimed)
            && own != claimed
        {
            return Err(ambiguous(format!("it says {own} and was served as {claimed}")));
        }
        if view.manifests.is_some() && (view.layers.is_some() || view.config.is_some()) {
            return Err(ambiguous("it has both manifests and layers".to_owned()));
        }
        let media_type = own.or_else(|| claimed.cloned()).or_else(|| view.guess());
        let Some(media_type) = media_type.filter(MediaType::is_manifest) else {
            let media_type = view.media_type.or_else(|| content_type.map(ToString::to_string));
            let media_type = media_type.unwrap_or_else(|| "no media type".to_owned());
            return Err(InvalidManifest::Unsupported {
                digest,
                media_type: printable(&media_type),
            });
        };
        if media_type.is_index() != view.manifests.is_some() {
            return Err(ambiguous(format!("it is no {media_type} by its fields")));
        }
        let artifact_type = view
            .artifact_type
            .filter(|text| !text.is_empty())
            .or_else(|| view.config.as_ref().and_then(|config| config.media_type.clone()));
        let mut manifest = Self {
            descriptor: Descriptor { media_type, digest, size, artifact_type },
            bytes,
            children: Vec::new(),
            blobs: Vec::new(),
            config: view.config.as_ref().map(|config| config.digest),
            subject: view.subject.map(RawDescriptor::into_descriptor),
        };
        let lists = [view.manifests, view.config.map(|c| vec![c]), view.layers, view.blobs];
        manifest.refer_to(lists.into_iter().flatten().flatten())?;
        Ok(manifest)
    }

    /// Sorts what the manifest refers to into children and blobs, each once.
    fn refer_to(
        &mut self,
        descriptors: impl Iterator<Item = RawDescriptor>,
    ) -> Result<(), InvalidManifest> {
        let digest = self.descriptor.digest;
        let is_index = self.descriptor.media_type.is_index();
        let mut seen = HashSet::new();
        for raw in descriptors {
            let descriptor = raw.into_descriptor();
            if seen.len() >= MAX_DESCRIPTORS {
                return Err(InvalidManifest::TooMany { digest, most: MAX_DESCRIPTORS });
            }
            if !seen.insert(descriptor.digest) || descriptor.media_type.is_non_distributable() {
                continue;
            }
            // An index of BuildKit's cache lists layers among its manifests: those are blobs.
            if is_index && descriptor.media_type.is_manifest() {
                self.children.push(descriptor);
            } else {
                self.blobs.push(descriptor);
            }
        }
        Ok(())
    }
}

/// The start of a text, without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().take(160).flat_map(char::escape_default).collect()
}

/// The fields that copying needs. Go writes absent lists as `null`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<RawDescriptor>,
    layers: Option<Vec<RawDescriptor>>,
    blobs: Option<Vec<RawDescriptor>>,
    manifests: Option<Vec<RawDescriptor>>,
    subject: Option<RawDescriptor>,
}

impl View {
    /// What a manifest without a media type must be, by its fields; OCI lets it be left out.
    fn guess(&self) -> Option<MediaType> {
        let media_type = match (&self.manifests, &self.config) {
            (Some(_), _) => MediaType::OCI_INDEX,
            (None, Some(_)) => MediaType::OCI_MANIFEST,
            (None, None) => return None,
        };
        MediaType::parse(media_type)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    media_type: Option<String>,
    digest: Digest,
    size: u64,
    artifact_type: Option<String>,
}

impl RawDescriptor {
    fn into_descriptor(self) -> Descriptor {
        let Self { media_type, digest, size, artifact_type } = self;
        let media_type = media_type.as_deref().and_then(MediaType::parse);
        let media_type = media_type.unwrap_or_else(MediaType::octet_stream);
        Descriptor { media_type, digest, size, artifact_type }
    }
}

/// A look at the top-level keys alone: Go reads keys without regard to case, so one that differs from
/// a known key only by case means one thing here and another there.
struct Keys {
    look_alike: Option<String>,
}

const KNOWN_KEYS: [&str; 8] = [
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "blobs",
    "manifests",
    "subject",
];

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor;

        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = Keys;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a manifest")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut look_alike = None;
                while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
                    let alike = |known: &&str| **known != key && known.eq_ignore_ascii_case(&key);
                    if look_alike.is_none() && KNOWN_KEYS.iter().any(alike) {
                        look_alike = Some(key.chars().take(40).collect());
                    }
                }
                Ok(Keys { look_alike })
            }
        }

        deserializer.deserialize_map(KeysVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const E: &str = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

    fn parse(json: &str, content_type: Option<&str>) -> Result<Manifest, InvalidManifest> {
        let json = json.replace("$D", D).replace("$E", E).replace('\'', "\"");
        let content_type = content_type.and_then(MediaType::parse);
        let digest = Digest::of(json.as_bytes());
        Manifest::parse(digest, Bytes::from(json), content_type.as_ref())
    }

    /// `type: children/blobs`, or the error's text.
    #[track_caller]
    fn check(json: &str, content_type: Option<&str>, expected: &str) {
        let shown = match parse(json, content_type) {
            Ok(manifest) => format!(
                "{}: {}/{}",
                manifest.descriptor.media_type,
                manifest.children.len(),
                manifest.blobs.len()
            ),
            Err(error) => error.to_string(),
        };
        assert!(shown.contains(expected), "{json}: {shown}");
    }

    #[test]
    fn reads_every_kind() {
        let config = "'config':{'mediaType':'a/c','digest':'$D','size':0}";
        let layer = "{'mediaType':'a/l','digest':'$E','size':1}";
        let image = format!("{{{config},'layers':[{layer},{layer}]}}");
        check(&image, Some(MediaType::OCI_MANIFEST), "oci.image.manifest.v1+json: 0/2");
        check(
            &image,
            Some(MediaType::DOCKER_MANIFEST),
            "docker.distribution.manifest.v2+json: 0/2",
        );
        check(&image, Some("application/json"), "oci.image.manifest.v1+json: 0/2");
        check(&format!("{{{config},'layers':null}}"), None, "oci.image.manifest.v1+json: 0/1");
        let child = format!("{{'mediaType':'{}','digest':'$D','size':9}}", MediaType::OCI_MANIFEST);
        check(&format!("{{'manifests':[{child}]}}"), None, "oci.image.index.v1+json: 1/0");
        check(
            &format!("{{'manifests':[{child},{layer}]}}"),
            Some(MediaType::DOCKER_LIST),
            "list.v2+json: 1/1",
        );
        check("{'manifests':[]}", None, "index.v1+json: 0/0");
        let artifact = format!("{{'mediaType':'{}','blobs':[{layer}]}}", MediaType::OCI_ARTIFACT);
        check(&artifact, None, "artifact.manifest.v1+json: 0/1");
        let foreign = "{'mediaType':'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip','digest':'$E','size':1}";
        check(&format!("{{{config},'layers':[{foreign}]}}"), None, "manifest.v1+json: 0/1");
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        let config = "'config':{'mediaType':'a/c','digest':'$D','size':0}";
        check("{'manifests':[],'layers':[]}", None, "both manifests and layers");
        check(&format!("{{'manifests':[],{config}}}"), None, "both manifests and layers");
        check(&format!("{{{config},'Layers':[]}}"), None, "ambiguous: key `Layers`");
        check(&format!("{{{config},{config}}}"), None, "cannot be read");
        let own = format!("{{'mediaType':'{}',{config}}}", MediaType::OCI_MANIFEST);
        check(&own, Some(MediaType::OCI_INDEX), "was served as");
        check(&own, Some(MediaType::OCI_MANIFEST), ": 0/1");
        check(
            &format!("{{'mediaType':'{}',{config}}}", MediaType::OCI_INDEX),
            None,
            "by its fields",
        );
        check("{'manifests':[]}", Some(MediaType::OCI_MANIFEST), "by its fields");
    }

    #[test]
    fn refuses_what_is_no_manifest() {
        check("", None, "cannot be read");
        check("[]", None, "cannot be read");
        check("{}", None, "no media type");
        check(
            "{'schemaVersion':1,'fsLayers':[]}",
            Some("application/vnd.docker.distribution.manifest.v1+prettyjws"),
            "v1+prettyjws",
        );
        check("{'mediaType':'text/\\u001b[31mred','layers':[]}", None, "\\u{1b}");
        check("{'config':{'digest':'md5:00','size':0}}", None, "cannot be read");
        check("{'config':{'digest':'$D','size':-1}}", None, "cannot be read");
        let many = (0..=MAX_DESCRIPTORS)
            .map(|at| format!("{{'digest':'sha256:{at:064x}','size':1}}"))
            .collect::<Vec<_>>();
        check(&format!("{{'manifests':[{}]}}", many.join(",")), None, "more than 4096");
        let large = " ".repeat(usize::try_from(MAX_MANIFEST_BYTES).unwrap() + 1);
        check(&large, None, "larger than 4 MiB");
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Manifest::parse(Digest::of(&bytes), Bytes::from(bytes), None);
        }
    }
}
