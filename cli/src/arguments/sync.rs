//! The flags of `sync`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::values::{self, Switch};
use super::{ClientFlags, FORMATS, Output};
use crate::display::Display;

/// Where `--help` lists what hands a run to a fleet.
const FLEET: &str = "Running on a fleet";

/// The flags of `sync`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "\
Exit codes:
  0  every tag was copied or skipped as expected
  1  a tag or an entry failed, or nothing could be run
  2  nothing failed, and a tag drifted (see --drift-exit-code)

With --coordinator, the entries alone go to the fleet: its own processes hold the credentials, so
hosts is left out. The run's id is printed on stderr first; the run goes on when this process dies,
and flux-mirror runs finds it again. SIGINT or SIGTERM cancels what this process has submitted.

Environment:
  FLUX_MIRROR_CONFIG       the config, where the argument is not given; empty is unset
  FLUX_MIRROR_TRUSTED_ROOT what --trusted-root names, where it is not given; empty is unset
  FLUX_MIRROR_…            what a flag that hands the run to a fleet names
  DOCKER_CONFIG            folder of the Docker config whose credentials are used
                           [default: ~/.docker]
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY
                           proxies, and the hosts that are reached without
  SSL_CERT_FILE, SSL_CERT_DIR
                           certificate authorities in place of the system's
  XDG_CACHE_HOME           folder in whose flux-mirror the public-good trusted root is kept
                           [default: ~/.cache]
  NO_COLOR                 no colours on a terminal, unless empty
  Whatever a config names  as ${NAME} (see --no-envsubst)

Examples:
  # Mirror what a config asks for
  flux-mirror sync mirror.yaml

  # See what would be done, as YAML, and write nothing
  flux-mirror sync mirror.yaml --dry-run -o yaml

  # Bring back every tag that has drifted
  flux-mirror sync mirror.yaml --overwrite

  # In CI, with a destination whose tags never move
  flux-mirror sync mirror.yaml --no-progress --drift-exit-code 0

  # On a fleet, and without waiting for it
  flux-mirror sync mirror.yaml --coordinator https://coordinator.example.com:7443
  flux-mirror sync mirror.yaml --coordinator https://coordinator.example.com:7443 --detach

  # The config from another program, the failed tags from the report
  render | flux-mirror sync - -o json | jq '.report.results[].tags[] | select(.error)'")]
pub(crate) struct Sync {
    /// Path of the config, or - for stdin
    #[arg(value_name = "CONFIG|-", env = "FLUX_MIRROR_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<OsString>,

    /// What is printed on stdout: lines for people, or the report as a document
    #[arg(
        short,
        long,
        value_name = FORMATS,
        value_enum,
        default_value = "text",
        hide_possible_values = true
    )]
    pub(crate) output: Output,

    /// Tags that are copied at once, and blobs at once within one tag; greater than 0 [default: 4;
    /// with --coordinator, as many tags as there are workers for]
    #[arg(
        long,
        value_name = "N",
        value_parser = values::concurrency,
        allow_hyphen_values = true
    )]
    pub(crate) concurrency: Option<NonZeroUsize>,

    /// Attempts at a job after the first, within --timeout; 0 or more
    #[arg(
        long,
        value_name = "N",
        default_value = "3",
        value_parser = values::retries,
        allow_hyphen_values = true
    )]
    pub(crate) retries: u32,

    /// Overwrite what has drifted, whatever the entries say
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Exit code where a tag drifted and nothing failed; 0 to 255
    #[arg(
        long,
        value_name = "N",
        default_value = "2",
        value_parser = values::drift_exit_code,
        allow_hyphen_values = true
    )]
    pub(crate) drift_exit_code: u8,

    /// Plan and compare, and write nothing: would-copy, would-overwrite
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Log every operation on stderr instead of lines and progress
    #[arg(long)]
    pub(crate) verbose: bool,

    /// No live progress; lines and summary still print
    #[arg(long)]
    pub(crate) no_progress: bool,

    /// Check no certificate, and use plain HTTP where a host does not speak TLS: for tests alone
    #[arg(long)]
    pub(crate) insecure: bool,

    /// Folder that oci-layout:// paths may be in, besides the config's own
    #[arg(long, value_name = "DIR")]
    pub(crate) layout_root: Option<PathBuf>,

    /// Trusted root of a private Sigstore, JSON [default: that of the public-good instance]
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_TRUSTED_ROOT", hide_env_values = true)]
    pub(crate) trusted_root: Option<PathBuf>,

    /// Have a fleet mirror it: its coordinators, tried in turn; the leader is followed
    #[arg(
        long,
        help_heading = FLEET,
        value_name = "URL[,URL]",
        env = "FLUX_MIRROR_COORDINATOR",
        value_delimiter = ',',
        value_parser = values::coordinator
    )]
    pub(crate) coordinator: Vec<String>,

    /// Submit the run, print its id, and leave it to the fleet
    #[arg(
        long,
        help_heading = FLEET,
        env = "FLUX_MIRROR_DETACH",
        value_parser = Switch::new(),
        requires = "coordinator"
    )]
    pub(crate) detach: bool,

    /// Name of this submission: a second one of the same name and content watches the first
    #[arg(
        long,
        help_heading = FLEET,
        value_name = "KEY",
        env = "FLUX_MIRROR_IDEMPOTENCY_KEY",
        value_parser = values::idempotency_key,
        requires = "coordinator"
    )]
    pub(crate) idempotency_key: Option<String>,

    #[command(flatten)]
    pub(crate) client: ClientFlags,
}

impl Sync {
    /// Returns how the run is shown.
    pub(crate) fn display(&self) -> Display {
        let Self { output, verbose, no_progress, .. } = *self;
        Display { output, verbose, no_progress }
    }
}
