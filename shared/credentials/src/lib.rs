//! Where secrets come from, the only types that hold them, and the only reader of files that a
//! config names.
//!
//! A [`Secret`] cannot be printed or serialised; whoever sends one calls [`Secret::expose`].
//! [`Credentials`] answers how to authenticate at a host: by what the config's `hosts` say of it,
//! else by the Docker config and Podman's `auth.json`, else anonymously. A file per source; what is
//! dear to ask for goes through one kind of cache. Speaking to a registry with a credential is left
//! to others, and so is reading a config.
#![forbid(unsafe_code)]

mod cache;
mod confined;
mod credential;
mod credentials;
mod docker;
mod helper;
mod read;
mod secret;

pub use confined::{ConfinedError, ConfinedFile, ConfinedFolder};
pub use credential::Credential;
pub use credentials::{CredentialError, CredentialSource, Credentials, HostCredential};
pub use docker::{DockerConfig, DockerConfigError};
pub use helper::HelperError;
pub use secret::Secret;
