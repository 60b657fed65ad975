//! How this process reaches registries: by a config's hosts, the Docker config and the environment.

use std::path::Path;
use std::sync::Arc;

use mirror_charts::{Charts, ChartsOptions, RepositoriesFile};
use mirror_config::{Host, LoadOptions, MirrorConfig, Purpose};
use mirror_credentials::{Credentials, DockerConfig, Providers};
use mirror_model::Warning;
use mirror_registry::{Notice, Registries, RegistriesOptions, web};
use mirror_transport::{Options, Timing, Transport, Workload};
use tracing::{debug, info, warn};

use crate::environment::environment;
use crate::failure::Failed;
use crate::version::VERSION;

/// Returns the registries of a process; `warn` is told what they say beside their answers.
pub(crate) fn registries(
    insecure: bool,
    hosts: &[Host],
    warn: impl Fn(Warning) + Send + Sync + 'static,
) -> Arc<Registries> {
    let chunks = hosts.iter().filter_map(|host| Some((host.host.clone(), host.max_chunk_bytes?)));
    let workload = Workload::new(environment()("SPIFFE_ENDPOINT_SOCKET"));
    let tls = hosts
        .iter()
        .filter_map(|host| Some((host.host.clone(), host.tls.as_ref()?.settings(&workload))));
    let transport = transport(insecure);
    let docker = DockerConfig::from_environment(&environment());
    Registries::new(RegistriesOptions {
        credentials: credentials(hosts, docker, &transport),
        transport,
        chunks: chunks.collect(),
        tls: tls.collect(),
        notices: Arc::new(move |notice| warn(warning(notice))),
    })
}

/// Returns what all connections of this process are made by.
pub(crate) fn transport(insecure: bool) -> Transport {
    Transport::new(Options {
        insecure,
        user_agent: format!("flux-mirror/{VERSION}"),
        timing: Timing::default(),
    })
}

/// Returns the credentials of `hosts`, and of all others what `docker` knows.
pub(crate) fn credentials(
    hosts: &[Host],
    docker: DockerConfig,
    transport: &Transport,
) -> Credentials {
    let logins = hosts.iter().filter_map(|host| Some((host.host.clone(), host.login.clone()?)));
    let providers = Providers::new(&environment(), web(transport.clone()));
    Credentials::new(logins.collect(), docker, providers)
}

/// Returns the registries of a process of a fleet, which a config of hosts alone may describe. What
/// registries say beside their answers is logged.
pub(crate) fn of_hosts(file: Option<&Path>, envsubst: bool) -> Result<Arc<Registries>, Failed> {
    let hosts = file.map_or(Ok(Vec::new()), |file| load(file, envsubst))?;
    let registries = registries(false, &hosts, log);
    if let Some(message) = registries.transport().warning() {
        warn!(message, "registries may not be reached as they should be");
    }
    Ok(registries)
}

/// Returns how a process reads chart repositories: as it reaches registries, and let in by Helm's own file.
pub(crate) fn charts(registries: &Arc<Registries>) -> Arc<Charts> {
    let repositories = RepositoriesFile::from_environment(&environment());
    let told = Arc::clone(registries);
    let notices = move |notice| match notice {
        mirror_charts::Notice::Credential { host, source } => {
            told.tell(Notice::Credential { host, source });
        }
    };
    Charts::new(ChartsOptions {
        transport: registries.transport().clone(),
        repositories,
        notices: Arc::new(notices),
    })
}

fn load(file: &Path, envsubst: bool) -> Result<Vec<Host>, Failed> {
    let environment = environment();
    let config = MirrorConfig::load(
        file,
        &LoadOptions {
            envsubst,
            environment: &environment,
            layout_root: None,
            purpose: Purpose::Hosts,
        },
    )?;
    let unsupported = config.unsupported();
    if !unsupported.is_empty() {
        return Err(Failed::all(unsupported));
    }
    for message in &config.warnings {
        warn!(message, "the config of hosts has something to be known");
    }
    Ok(config.hosts)
}

fn log(warning: Warning) {
    match warning {
        Warning::Run { message } => warn!(message, "something is to be known"),
        Warning::Entry { source, message, .. } => warn!(source, message, "an entry is peculiar"),
        Warning::Registry { host, message } => warn!(host, message, "a registry warns"),
        Warning::Credential { host, source } => info!(host, source, "using credential"),
        Warning::TokenRealm { host, realm } => {
            debug!(host, realm, "tokens come from another host");
        }
    }
}

fn warning(notice: Notice) -> Warning {
    match notice {
        Notice::Warning { host, message } => Warning::Registry { host, message },
        Notice::Credential { host, source } => Warning::Credential { host, source },
        Notice::Realm { host, realm } => Warning::TokenRealm { host, realm },
    }
}
