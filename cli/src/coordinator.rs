//! `coordinator`: a process that plans runs, hands out their jobs and keeps the log, until a signal.

use std::collections::BTreeMap;
use std::sync::Arc;

use mirror_coordinator::CoordinatorOptions;
use mirror_oci::RegistryHost;
use mirror_queue::Region;
use mirror_rpc::ServerOptions;

use crate::arguments::Coordinator;
use crate::failure::Failed;
use crate::trust::trust;
use crate::version::VERSION;
use crate::{logs, process, registries};

/// What the subjects begin with that NATS answers a coordinator to: permissions name it, so that nobody
/// else listens there.
const INBOX: &str = "_INBOX_coord";

/// Runs the command; returns the exit code.
pub(crate) fn run(flags: Coordinator, envsubst: bool) -> Result<u8, Failed> {
    let regions = regions(flags.region_for)?;
    logs::begin(&flags.process)?;
    let registries = registries::of_hosts(flags.process.hosts.as_deref(), envsubst)?;
    let options = CoordinatorOptions {
        nats: flags.nats.options("flux-mirror coordinator".to_owned(), Some(INBOX.to_owned())),
        server: ServerOptions {
            listen: flags.listen,
            certificate: flags.server.tls_cert.zip(flags.server.tls_key),
            client_ca: flags.server.client_ca,
            token: flags.server.token_file,
            plaintext: flags.server.insecure_plaintext,
        },
        advertise: flags.advertise,
        metrics: flags.process.metrics,
        regions,
        schedule_timeout: flags.schedule_timeout.0,
        replicas: flags.replicas,
        beat: flags.beat.0,
        trust: Arc::new(trust(flags.trusted_root.as_deref(), registries.transport())?),
        registries,
        version: VERSION,
    };
    process::serve(async |shutdown| mirror_coordinator::serve(options, shutdown).await)
}

/// Returns the region of each host that has one; a host has one alone.
fn regions(pairs: Vec<(RegistryHost, Region)>) -> Result<BTreeMap<RegistryHost, Region>, Failed> {
    let mut regions = BTreeMap::new();
    for (host, region) in pairs {
        match regions.get(&host) {
            Some(first) if *first != region => {
                let message = format!("--region-for: {host} is of {first} and of {region}");
                return Err(Failed::new(message));
            }
            Some(_) => {}
            None => {
                regions.insert(host, region);
            }
        }
    }
    Ok(regions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_region() {
        let pair = |host: &str, region: &str| (host.parse().unwrap(), region.parse().unwrap());
        let (hub, same) = (pair("docker.io", "eu"), pair("index.docker.io", "eu"));
        let other = pair("registry-1.docker.io", "us");
        let regions_of_hub = regions(vec![hub.clone(), same]).unwrap();
        assert_eq!(regions_of_hub, BTreeMap::from([hub.clone()]));
        let refused = format!("{:?}", regions(vec![hub, other]).unwrap_err());
        assert!(refused.contains("--region-for: docker.io is of eu and of us"), "{refused}");
    }
}
