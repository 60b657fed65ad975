//! `worker`: a process that copies what a coordinator has planned, until a signal drains it.

use mirror_worker::WorkerOptions;

use crate::arguments::Worker;
use crate::failure::Failed;
use crate::version::VERSION;
use crate::{logs, process, registries};

/// Runs the command; returns the exit code.
pub(crate) fn run(flags: Worker, envsubst: bool) -> Result<u8, Failed> {
    logs::begin(&flags.process)?;
    let registries = registries::of_hosts(flags.process.hosts.as_deref(), envsubst)?;
    let region = flags.region;
    let inbox = flags.nats_inbox_prefix.unwrap_or_else(|| format!("_INBOX_{region}"));
    let options = WorkerOptions {
        nats: flags.nats.options(format!("flux-mirror worker {region}"), Some(inbox)),
        coordinators: flags.client.options(&flags.coordinator),
        region,
        slots: flags.concurrency,
        allowed: flags.allow_destination,
        metrics: flags.process.metrics,
        drain: flags.drain_timeout.0,
        charts: registries::charts(&registries),
        registries,
        version: VERSION,
    };
    process::serve(async |shutdown| mirror_worker::serve(options, shutdown).await)
}
