//! Speaks the OCI distribution spec to one repository at a time; every quirk of a registry is private
//! to it.
//!
//! A [`Repository`] lists, reads and writes; token handshakes, mounts, chunks, resuming and what single
//! registries do differently happen below it. It has not heard of jobs: whoever asks brings the budget.
#![forbid(unsafe_code)]

mod answer;
mod auth;
mod blobs;
mod challenge;
mod clock;
mod error;
mod fallback;
mod link;
mod manifests;
mod mount;
mod notice;
mod referrers;
mod referrers_api;
mod registries;
mod repository;
mod tags;
mod token;
mod upload;
mod web;

pub use error::{Code, PutError, RegistryError};
pub use fallback::{Fallback, FallbackWritten};
pub use manifests::{Resolved, Written};
pub use mount::Mounted;
pub use notice::{Notice, Notices};
pub use referrers::Listed;
pub use registries::{Registries, RegistriesOptions};
pub use repository::{Access, Repository};
pub use tags::{MAX_TAGS, TagPage};
pub use upload::{Meter, Session};
pub use web::web;
