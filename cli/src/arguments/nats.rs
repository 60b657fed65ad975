//! How a process of a fleet reaches NATS.

use std::path::PathBuf;

use clap::Args;
use mirror_queue::NatsOptions;

use super::values;

/// How NATS is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "NATS")]
pub(crate) struct NatsFlags {
    /// NATS servers of one cluster, separated by commas
    #[arg(long, value_name = "URL[,URL]", env = "FLUX_MIRROR_NATS", value_parser = values::nats)]
    pub(crate) nats: String,

    /// Credentials file for NATS, read again for each connection
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_NATS_CREDS", conflicts_with = "nats_nkey")]
    pub(crate) nats_creds: Option<PathBuf>,

    /// File with the seed of an nkey for NATS, read again for each connection
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_NATS_NKEY")]
    pub(crate) nats_nkey: Option<PathBuf>,

    /// CA certificates of NATS, PEM, in place of the system's
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_NATS_CA")]
    pub(crate) nats_ca: Option<PathBuf>,

    /// Client certificate for NATS, PEM
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_NATS_CERT", requires = "nats_key")]
    pub(crate) nats_cert: Option<PathBuf>,

    /// Key of --nats-cert, PEM
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_NATS_KEY", requires = "nats_cert")]
    pub(crate) nats_key: Option<PathBuf>,
}

impl NatsFlags {
    /// Returns how NATS is reached by a process of that name.
    pub(crate) fn options(&self, name: String, inbox_prefix: Option<String>) -> NatsOptions {
        NatsOptions {
            servers: self.nats.clone(),
            creds: self.nats_creds.clone(),
            nkey: self.nats_nkey.clone(),
            ca: self.nats_ca.clone(),
            certificate: self.nats_cert.clone().zip(self.nats_key.clone()),
            inbox_prefix,
            name,
        }
    }
}
