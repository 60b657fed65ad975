//! What a registry says beside its answers.

use std::sync::Arc;

/// Something that a user may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A `Warning` header of the distribution specification.
    Warning {
        /// The registry.
        host: String,
        /// What it said, as it said it.
        message: String,
    },
    /// How it is authenticated at, when that is first known and when it changes.
    Credential {
        /// The registry.
        host: String,
        /// Where the credential comes from; nothing of it is secret.
        source: String,
    },
    /// Its tokens come from another host.
    Realm {
        /// The registry.
        host: String,
        /// The token server: scheme and host.
        realm: String,
    },
}

/// Takes notices; returns at once.
pub type Notices = Arc<dyn Fn(Notice) + Send + Sync>;
