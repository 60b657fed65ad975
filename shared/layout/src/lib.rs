//! Reads and writes OCI image layouts on disk, one repository a folder: the other kind of place.
//!
//! A layout that is written here is valid at every moment, whenever the process dies: content is on
//! disk under its digest before `index.json` names it, and `index.json` is replaced whole. It may be
//! written by several processes at once. What is read is taken as hostile: links are not followed,
//! sizes are bounded, digests are checked. What is copied, and whether a tag may be written, is
//! decided elsewhere; entries of others in `index.json` are kept as they stand.
#![forbid(unsafe_code)]

mod attached;
mod commit;
mod error;
mod folder;
mod index;
mod layout;
mod lock;
mod make;
mod manifests;
mod part;
mod read;
mod tree;
mod write;

#[cfg(test)]
mod tests;

pub use error::{LayoutError, PutError};
pub use layout::Layout;
