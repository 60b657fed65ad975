//! Media types, and which of them are manifests.

use std::fmt;

/// A media type without parameters: `application/vnd.oci.image.manifest.v1+json`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaType(String);

/// RFC 6838: 127 characters each for type and subtype.
const MAX_CHARS: usize = 255;

impl MediaType {
    /// An OCI image manifest.
    pub const OCI_MANIFEST: &'static str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const OCI_INDEX: &'static str = "application/vnd.oci.image.index.v1+json";
    /// The artifact manifest that came and went with the release candidates of OCI 1.1.
    pub const OCI_ARTIFACT: &'static str = "application/vnd.oci.artifact.manifest.v1+json";
    /// A Docker image manifest, schema 2.
    pub const DOCKER_MANIFEST: &'static str =
        "application/vnd.docker.distribution.manifest.v2+json";
    /// A Docker manifest list.
    pub const DOCKER_LIST: &'static str =
        "application/vnd.docker.distribution.manifest.list.v2+json";

    /// All that a manifest may be, in the order in which it is asked for.
    pub const MANIFESTS: [&'static str; 5] = [
        Self::OCI_INDEX,
        Self::OCI_MANIFEST,
        Self::DOCKER_LIST,
        Self::DOCKER_MANIFEST,
        Self::OCI_ARTIFACT,
    ];

    /// What content is taken for where nothing says what it is.
    pub fn octet_stream() -> Self {
        Self("application/octet-stream".to_owned())
    }

    /// An OCI image index.
    pub fn oci_index() -> Self {
        Self(Self::OCI_INDEX.to_owned())
    }

    /// Reads a media type, dropping parameters such as `; charset=utf-8`.
    ///
    /// Returns `None` for what could not stand in a header: no `/`, spaces, control characters.
    pub fn parse(text: &str) -> Option<Self> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        let fits = (3..=MAX_CHARS).contains(&essence.len())
            && essence.bytes().all(|byte| byte.is_ascii_graphic())
            && essence.contains('/');
        fits.then(|| Self(essence.to_owned()))
    }

    /// Returns the media type.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether content of this type is a manifest, of whatever kind.
    pub fn is_manifest(&self) -> bool {
        Self::MANIFESTS.contains(&self.as_str())
    }

    /// Returns whether content of this type is an index or a manifest list.
    pub fn is_index(&self) -> bool {
        self.0 == Self::OCI_INDEX || self.0 == Self::DOCKER_LIST
    }

    /// Returns whether a layer of this type is to be left where it is ("foreign" layers).
    pub fn is_non_distributable(&self) -> bool {
        self.0.contains(".nondistributable.") || self.0.contains(".rootfs.foreign.")
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_parameters_and_refuses_nonsense() {
        let read = |text: &str| MediaType::parse(text).map(|media_type| media_type.0);
        assert_eq!(read(" application/json; charset=utf-8").as_deref(), Some("application/json"));
        for bad in ["", "json", "a b/c", "a/\n", ";", "/"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn foreign_layers_are_known() {
        for (text, expected) in [
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", true),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true),
            ("application/vnd.oci.image.layer.v1.tar+gzip", false),
        ] {
            assert_eq!(MediaType::parse(text).unwrap().is_non_distributable(), expected, "{text}");
        }
    }
}
