//! What a host is shown to let us in.

use crate::Secret;

/// How to authenticate at a host.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Not at all: whatever anybody may do.
    Anonymous,
    /// A token that goes as it is, as `Authorization: Bearer`, with every request from the first
    /// on.
    Bearer(Secret),
    /// A user and a password, for a Basic challenge or a token from the realm.
    Basic {
        /// The user; may be empty, and may hold a `$` (Harbor's robots).
        username: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token, posted to the realm for an access token.
    IdentityToken {
        /// The user beside it, for a registry that asks for Basic; `<token>` or empty where there
        /// is none.
        username: String,
        /// The refresh token.
        token: Secret,
    },
    /// Docker's `registrytoken`: an access token, sent as `Bearer` without asking a realm.
    RegistryToken(Secret),
}
