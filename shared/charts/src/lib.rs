//! Reads Helm chart repositories and packs charts as OCI artifacts, as Helm itself would push them.
#![forbid(unsafe_code)]

mod archive;
mod metadata;
mod yaml;

pub use archive::{ArchiveError, MAX_ARCHIVE_BYTES};
pub use metadata::MetadataError;
pub use yaml::YamlError;
