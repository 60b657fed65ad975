//! Which hosts of which config a command is about that resolves their credentials.

use std::ffi::OsString;

use clap::Args;
use mirror_oci::RegistryHost;

use super::values;

/// The hosts of a config, or some of them.
#[derive(Debug, Args)]
pub(crate) struct HostFlags {
    /// Path of the config, or - for stdin; of its hosts alone [default: the file beside the program
    /// that has its name and .config]
    #[arg(short = 'f', long, value_name = "CONFIG|-", env = "FLUX_MIRROR_CONFIG")]
    pub(crate) config: Option<OsString>,

    /// Host of the config, with its port where it has one; repeatable [default: every host that has
    /// a credential]
    #[arg(long, value_name = "HOST", value_delimiter = ',', value_parser = values::host)]
    pub(crate) host: Vec<RegistryHost>,
}
