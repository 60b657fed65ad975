//! The OCI nouns: names, digests, descriptors, and manifests as a graph over raw bytes; pure.
//!
//! Everything here is a value. Parsing is strict (the grammar of the distribution and image
//! specifications), manifests keep the bytes they were read from, and nothing does I/O; a place that
//! content can be read from implements [`Content`].
#![forbid(unsafe_code)]

mod annotations;
mod attached;
mod content;
mod descriptor;
mod digest;
mod host;
mod json_object;
mod layers;
mod manifest;
mod media_type;
mod name;
mod place;
mod referrer;
mod referrer_index;
mod verified;

pub use content::{Blob, Content};
pub use descriptor::Descriptor;
pub use digest::{Digest, Hasher, InvalidDigest};
pub use host::{InvalidHost, RegistryHost};
pub use json_object::JsonObject;
pub use layers::Layer;
pub use manifest::{InvalidManifest, MAX_DESCRIPTORS, MAX_MANIFEST_BYTES, Manifest};
pub use media_type::MediaType;
pub use name::{InvalidName, InvalidTag, RepositoryName, Tag};
pub use place::{InvalidRepository, LayoutPath, Place, Reference, RepositoryRef, TagRef};
pub use referrer::{MAX_REFERRERS, Referrer};
pub use referrer_index::ReferrerIndex;
pub use verified::{CHECKPOINT_BYTES, Checkpoints, Mismatch, Snapshot, Verified};
