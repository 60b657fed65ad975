//! The flags of `keygen`.

use std::path::PathBuf;

use clap::Args;

/// The flags of `keygen`.
#[derive(Debug, Args)]
#[command(after_help = "\
privkey.json is what credential.jwkPath of a config names: keep it secret. pubkey.json is for the
registry, or for whoever verifies its tokens. Neither is ever overwritten.")]
pub(crate) struct Keygen {
    /// Folder of the two files, made where there is none
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) output_dir: PathBuf,
}
