//! Reads Helm chart repositories and packs charts as OCI artifacts, as Helm itself would push them.
#![forbid(unsafe_code)]

mod archive;
mod index;
mod metadata;
mod tag;
mod urls;
mod yaml;

pub use archive::{ArchiveError, MAX_ARCHIVE_BYTES};
pub use index::{ChartVersion, Index, IndexError, MAX_INDEX_BYTES, PassedOver};
pub use metadata::MetadataError;
pub use tag::tag;
pub use yaml::YamlError;
