//! Real servers, built once from `tests/servers` and started for a test on port 0.
//!
//! Each has its own folder, HOME and configuration, is ready when it has said `listening on`, and
//! is killed when dropped: keep it in the test, never in a static, which is not dropped.

mod distribution;
mod file_server;
#[cfg(feature = "test-clients")]
mod moto;
mod oci_registry;
mod process;
mod programs;
mod record;
#[cfg(feature = "test-sigstore")]
mod sigstore;
mod token_server;
mod workload_api;

pub use distribution::{Distribution, DistributionOptions};
pub use file_server::{FileServer, FileServerOptions};
#[cfg(feature = "test-clients")]
pub use moto::Moto;
pub use oci_registry::{OciRegistry, OciRegistryOptions};
pub(crate) use programs::find;
pub use programs::program;
pub use record::Served;
#[cfg(feature = "test-sigstore")]
pub use sigstore::{Identity, Sigstore, SigstoreOptions};
pub use token_server::{TokenServer, TokenServerOptions, TokenUser};
pub use workload_api::WorkloadApi;

#[cfg(test)]
mod tests;
