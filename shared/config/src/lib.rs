//! Reads a config (v1beta1, v1beta2) into entries, which may travel, and hosts, which never do.
//!
//! [`MirrorConfig::load`] reads, substitutes variables, decodes strictly and validates; what it
//! returns is in order, and what it refuses it refuses with every reason at once, none of which
//! shows the value of a variable. Nothing is asked of the network. The files that a config names are
//! opened beneath its folder and nowhere else.
#![forbid(unsafe_code)]

mod document;
mod entry;
mod error;
mod host;
mod layouts;
mod load;
mod position;
mod raw;
mod schema;
mod substitution;
#[cfg(test)]
mod tests;
mod unsupported;
mod version;

pub use error::{ConfigError, ConfigErrors};
pub use host::{ClientAuth, Host, ServerAuth, Tls};
pub use load::{ConfigSource, LoadOptions, MAX_CONFIG_BYTES, MirrorConfig, Purpose};
pub use schema::schema;
pub use version::ApiVersion;
