//! Descriptors: what a manifest says of the content below it.

use crate::{Digest, MediaType};

/// A reference to content: its type, digest and size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Descriptor {
    /// What the content is.
    pub media_type: MediaType,
    /// What the content is called.
    pub digest: Digest,
    /// How long the content is, in bytes.
    pub size: u64,
    /// What kind of artifact the content is, where it is one.
    pub artifact_type: Option<String>,
}
