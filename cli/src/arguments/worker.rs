//! The flags of `worker`.

use std::num::NonZeroUsize;

use clap::Args;
use mirror_model::GoDuration;
use mirror_queue::Region;

use super::{ClientFlags, NatsFlags, ProcessFlags, values};

/// The flags of `worker`.
#[derive(Debug, Args)]
#[command(after_help = "\
SIGTERM or SIGINT drains the worker: it takes no more jobs, hands back those that have no
permission to write their tag yet, ends the others, hands over its rows, and ends with exit code 0;
what is left after --drain-timeout is handed back too. A second signal ends it at once.

Environment:
  FLUX_MIRROR_…            what each flag names, where the flag is not given; empty is unset
  DOCKER_CONFIG            folder of the Docker config whose credentials are used where --hosts
                           says nothing of a registry [default: ~/.docker]
  HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY
                           proxies, and the hosts that are reached without
  SSL_CERT_FILE, SSL_CERT_DIR
                           certificate authorities in place of the system's
  NO_COLOR                 no colours on a terminal, unless empty
  Whatever --hosts names   as ${NAME} (see --no-envsubst)

Examples:
  # On one machine, for a try
  flux-mirror worker --nats nats://127.0.0.1:4222 --coordinator http://127.0.0.1:7443

  # In a region of its own, of two coordinators, for one team's repositories alone
  flux-mirror worker --nats tls://nats:4222 --nats-creds nats.creds --region eu --concurrency 16 \\
    --coordinator https://coordinator-0.mirror:7443,https://coordinator-1.mirror:7443 \\
    --coordinator-ca ca.crt --client-cert tls.crt --client-key tls.key \\
    --allow-destination registry.eu.example.com/team --hosts hosts.yaml --log-format json")]
pub(crate) struct Worker {
    /// Coordinators of the fleet, tried in turn; the leader is followed
    #[arg(
        long,
        required = true,
        value_name = "URL[,URL]",
        env = "FLUX_MIRROR_COORDINATOR",
        value_delimiter = ',',
        value_parser = values::coordinator
    )]
    pub(crate) coordinator: Vec<String>,

    /// Region whose jobs are taken: 1 to 32 of a-z, 0-9 and -
    #[arg(long, value_name = "REGION", default_value = "default", env = "FLUX_MIRROR_REGION")]
    pub(crate) region: Region,

    /// Tags that are copied at once; greater than 0
    #[arg(
        long,
        value_name = "N",
        default_value = "4",
        env = "FLUX_MIRROR_CONCURRENCY",
        value_parser = values::concurrency,
        allow_hyphen_values = true
    )]
    pub(crate) concurrency: NonZeroUsize,

    /// Destinations that may be written: a host, or the beginning of a repository in whole path
    /// components; may be repeated [default: all]
    #[arg(
        long,
        value_name = "PREFIX",
        env = "FLUX_MIRROR_ALLOW_DESTINATION",
        value_delimiter = ',',
        value_parser = values::destination_prefix
    )]
    pub(crate) allow_destination: Vec<String>,

    /// What a drain may take before the jobs that are left are handed back
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m30s",
        env = "FLUX_MIRROR_DRAIN_TIMEOUT",
        value_parser = values::budget,
        allow_hyphen_values = true
    )]
    pub(crate) drain_timeout: GoDuration,

    #[command(flatten)]
    pub(crate) client: ClientFlags,

    #[command(flatten)]
    pub(crate) nats: NatsFlags,

    #[arg(
        long,
        help = "Beginning of the subjects that NATS answers to, for permissions \
                [default: _INBOX_<REGION>]",
        help_heading = "NATS",
        value_name = "PREFIX",
        env = "FLUX_MIRROR_NATS_INBOX_PREFIX",
        value_parser = values::inbox_prefix
    )]
    pub(crate) nats_inbox_prefix: Option<String>,

    #[command(flatten)]
    pub(crate) process: ProcessFlags,
}
