//! The flags of `coordinator`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use mirror_model::GoDuration;
use mirror_oci::RegistryHost;
use mirror_queue::Region;

use super::values::{self, Switch};
use super::{NatsFlags, ProcessFlags};

/// The flags of `coordinator`.
#[derive(Debug, Args)]
#[command(after_help = "\
Several coordinators over one NATS are a leader and its standbys: the first to come leads, and
when it goes, another one takes its place.

SIGTERM or SIGINT hands the lead over and ends the process with exit code 0; a second one ends it
at once.

Environment:
  FLUX_MIRROR_…            what each flag names, where the flag is not given; empty is unset
  DOCKER_CONFIG            folder of the Docker config whose credentials are used where --hosts
                           says nothing of a registry [default: ~/.docker]
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY
                           proxies, and the hosts that are reached without
  SSL_CERT_FILE, SSL_CERT_DIR
                           certificate authorities in place of the system's
  XDG_CACHE_HOME           folder in whose flux-mirror the public-good trusted root is kept
                           [default: ~/.cache]
  NO_COLOR                 no colours on a terminal, unless empty
  Whatever --hosts names   as ${NAME} (see --no-envsubst)

Examples:
  # On one machine, for a try
  flux-mirror coordinator --nats nats://127.0.0.1:4222 --listen 127.0.0.1:7443

  # For a cluster, with TLS and client certificates
  flux-mirror coordinator --nats tls://nats:4222 --nats-creds nats.creds --replicas 3 \\
    --listen 0.0.0.0:7443 --advertise https://coordinator-0.mirror:7443 \\
    --tls-cert tls.crt --tls-key tls.key --client-ca ca.crt \\
    --hosts hosts.yaml --metrics 0.0.0.0:9090 --log-format json

  # Destinations in two regions; all others are of the region default
  flux-mirror coordinator --nats nats://127.0.0.1:4222 \\
    --region-for registry.eu.example.com=eu,registry.us.example.com=us")]
pub(crate) struct Coordinator {
    /// Address that workers and clients are served on
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:7443",
        env = "FLUX_MIRROR_LISTEN"
    )]
    pub(crate) listen: SocketAddr,

    /// URL under which others reach this coordinator [default: of --listen, unless that is a
    /// wildcard]
    #[arg(
        long,
        value_name = "URL",
        env = "FLUX_MIRROR_ADVERTISE",
        value_parser = values::coordinator
    )]
    pub(crate) advertise: Option<String>,

    /// Region whose workers copy to this registry host; may be repeated [default: the region
    /// default]
    #[arg(
        long,
        value_name = "HOST=REGION",
        env = "FLUX_MIRROR_REGION_FOR",
        value_delimiter = ',',
        value_parser = values::region_for
    )]
    pub(crate) region_for: Vec<(RegistryHost, Region)>,

    /// How long a region may be without a worker before its jobs fail
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10m",
        env = "FLUX_MIRROR_SCHEDULE_TIMEOUT",
        value_parser = values::budget,
        allow_hyphen_values = true
    )]
    pub(crate) schedule_timeout: GoDuration,

    /// Trusted root of a private Sigstore, JSON [default: that of the public-good instance]
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_TRUSTED_ROOT")]
    pub(crate) trusted_root: Option<PathBuf>,

    /// Replicas of each NATS stream: 1, 3 or 5
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        env = "FLUX_MIRROR_REPLICAS",
        value_parser = values::replicas,
        allow_hyphen_values = true
    )]
    pub(crate) replicas: usize,

    /// Unit of the protocol's times; all coordinators of a fleet must have the same
    #[arg(
        long,
        hide = true,
        value_name = "DURATION",
        default_value = "4s",
        env = "FLUX_MIRROR_BEAT",
        value_parser = values::budget,
        allow_hyphen_values = true
    )]
    pub(crate) beat: GoDuration,

    #[command(flatten)]
    pub(crate) server: ServerFlags,

    #[command(flatten)]
    pub(crate) nats: NatsFlags,

    #[command(flatten)]
    pub(crate) process: ProcessFlags,
}

/// Who may speak to a coordinator, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Clients and workers")]
pub(crate) struct ServerFlags {
    /// Certificate of this coordinator, PEM
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_TLS_CERT", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Key of --tls-cert, PEM
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_TLS_KEY", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// CA certificates, PEM: who calls must have a certificate of these
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_CLIENT_CA", requires = "tls_cert")]
    pub(crate) client_ca: Option<PathBuf>,

    /// File with the bearer token that who calls must have; read again when it changes
    #[arg(long, value_name = "FILE", env = "FLUX_MIRROR_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Serve plaintext off loopback too: for tests alone
    #[arg(
        long,
        env = "FLUX_MIRROR_INSECURE_PLAINTEXT",
        value_parser = Switch::new(),
        conflicts_with = "tls_cert"
    )]
    pub(crate) insecure_plaintext: bool,
}
