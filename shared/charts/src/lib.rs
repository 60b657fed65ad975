//! Reads Helm chart repositories and packs charts as OCI artifacts, as Helm itself would push them.
//!
//! [`Charts`] reads indexes, of which the charts that are wanted are kept, and fetches archives; who is
//! shown where follows from Helm's own `repositories.yaml`. A [`PackedChart`] is content like a
//! repository's, with the layer and the config that `helm push` of the same archive gives. Nothing that
//! comes from a repository is believed: it is bounded, read whole, and compared with what the index says
//! of it. What registries hold, and whether a chart may be written, is left to others.
#![forbid(unsafe_code)]

mod access;
mod archive;
mod charts;
mod entry;
mod error;
mod fetch;
mod heeded;
mod index;
mod login;
mod metadata;
mod notice;
mod packed;
mod pull;
mod repositories;
mod request;
mod tag;
mod urls;
mod yaml;

pub use archive::{ArchiveError, MAX_ARCHIVE_BYTES};
pub use charts::{ChartRef, Charts, ChartsOptions};
pub use entry::{Entry, NoEntry};
pub use error::ChartError;
pub use heeded::Heeded;
pub use index::{ChartVersion, Index, IndexError, Lost, MAX_INDEX_BYTES, PassedOver};
pub use login::Login;
pub use metadata::MetadataError;
pub use notice::{Notice, Notices};
pub use packed::PackedChart;
pub use pull::{CONFIG_MEDIA_TYPE, LAYER_MEDIA_TYPE, Pull, PullError, Pulled, chart_layer};
pub use repositories::{RepositoriesError, RepositoriesFile};
pub use tag::tag;
pub use yaml::YamlError;
