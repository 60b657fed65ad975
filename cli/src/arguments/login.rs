//! The flags of `login`.

use std::path::PathBuf;

use clap::Args;

use super::HostFlags;

/// The flags of `login`.
#[derive(Debug, Args)]
#[command(after_help = "\
A password goes to the credential helper that the Docker config names for the host, else into the
config; a token that is sent as it is goes into the config always, as registrytoken. Whoever reads
the Docker config then uses it: docker, crane, oras, helm, flux, and sync for hosts that its config
does not list. What was issued for an hour is good for that hour: log in again.

--timeout is one time for all of it, once the config is read: credentials that are asked for, and
helpers that store them.

Environment:
  FLUX_MIRROR_CONFIG       the config, where --config is not given; empty is unset
  DOCKER_CONFIG            folder of the Docker config, where --docker-config is not given
  Whatever a config names  as ${NAME} (see --no-envsubst)

Examples:
  # Log in at every host of the config
  flux-mirror login -f mirror.yaml

  # At one of them, into a folder of its own
  flux-mirror login -f mirror.yaml --host registry.example.com --docker-config /tmp/docker")]
pub(crate) struct Login {
    #[command(flatten)]
    pub(crate) hosts: HostFlags,

    /// Folder of the Docker config [default: that of the environment, else ~/.docker]
    #[arg(long, value_name = "DIR")]
    pub(crate) docker_config: Option<PathBuf>,

    /// Store passwords in the Docker config even where it names a credential helper
    #[arg(long)]
    pub(crate) plaintext: bool,
}
