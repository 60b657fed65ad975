//! Where secrets come from, the only types that hold them, and the only reader of files that a
//! config names.
//!
//! A [`Secret`] cannot be printed or serialised; whoever sends one calls [`Secret::expose`].
//! [`Credentials`] answers how to authenticate at a host: by what the config's `hosts` say of it,
//! else by the Docker config and Podman's `auth.json`, else anonymously. A file per source; what is
//! dear to ask for goes through one kind of cache. Speaking to a registry with a credential is left
//! to others, and so is reading a config.
#![forbid(unsafe_code)]

mod actions;
mod asked;
#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
mod cache;
mod cloud;
mod confined;
mod credential;
mod credentials;
mod docker;
mod envelope;
mod file;
#[cfg(feature = "gcp")]
mod gcp;
mod helper;
mod jwk;
#[cfg(any(feature = "azure", feature = "gcp"))]
mod oauth;
mod origin;
mod program;
mod provider;
mod read;
mod secret;
mod signer;
mod source;
#[cfg(feature = "spiffe")]
mod spiffe;
mod web;
mod write;

pub use cloud::Cloud;
pub use confined::{ConfinedError, ConfinedFile, ConfinedFolder};
pub use credential::Credential;
pub use credentials::{CredentialError, Credentials};
pub use docker::{
    ColonInUsername, DockerConfig, DockerConfigError, DockerStore, Keeper, StoreError, Stored,
    docker_config, docker_folder,
};
pub use envelope::{Envelope, InvalidEnvelope};
pub use file::MAX_SECRET_BYTES;
pub use helper::HelperError;
pub use jwk::{InvalidKey, NewKey, NoRandomness, SigningKey};
pub use origin::{Found, Origin};
pub use provider::{ProviderError, Providers};
pub use secret::Secret;
pub use signer::SigningError;
pub use source::{
    CredentialSource, HostCredential, HostLogin, SignedToken, TokenProvider, TokenSource,
};
pub use web::{MAX_WEB_ANSWER_BYTES, Web, WebAnswer, WebError, WebFuture, WebMethod, WebRequest};
pub use write::{NewFile, write_new};
