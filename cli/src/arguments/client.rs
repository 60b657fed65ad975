//! How a command reaches the coordinators of a fleet.

use std::path::PathBuf;

use clap::Args;
use mirror_rpc::ClientOptions;

use super::values::Switch;

const HEADING: &str = "Reaching the fleet";

/// How coordinators are trusted, and who they are told to be spoken to by.
#[derive(Debug, Args)]
#[command(next_help_heading = HEADING)]
pub(crate) struct ClientFlags {
    /// CA certificates of coordinators, PEM, in place of the system's
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_COORDINATOR_CA")]
    pub(crate) coordinator_ca: Option<PathBuf>,

    /// Client certificate for coordinators, PEM
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_CLIENT_CERT", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,

    /// Key of --client-cert, PEM
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_CLIENT_KEY", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,

    /// File with the bearer token for coordinators, read again for each connection
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Speak to coordinators in plaintext off loopback too: for tests alone
    #[arg(long, env = "FLUX_MIRROR_INSECURE_PLAINTEXT", value_parser = Switch::new())]
    pub(crate) insecure_plaintext: bool,
}

impl ClientFlags {
    /// Returns how these coordinators are reached.
    pub(crate) fn options(&self, coordinators: &[String]) -> ClientOptions {
        ClientOptions {
            coordinators: coordinators.to_owned(),
            ca: self.coordinator_ca.clone(),
            certificate: self.client_cert.clone().zip(self.client_key.clone()),
            token: self.token_file.clone(),
            plaintext: self.insecure_plaintext,
        }
    }
}
