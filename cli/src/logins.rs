//! The credentials that a config gives its hosts, for commands that hand them on.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use futures_util::{StreamExt as _, stream};
use mirror_config::{Host, LoadOptions, MirrorConfig, Purpose};
use mirror_credentials::{Credential, Credentials, DockerConfig};
use mirror_oci::{RegistryHost, RepositoryName};
use mirror_report::notice_line;

use crate::arguments::HostFlags;
use crate::deadline::Deadline;
use crate::environment::environment;
use crate::failure::Failed;
use crate::registries::{credentials, transport};
use crate::{config, display};

/// Credentials that are asked for at once: a config lists some dozens of hosts, and a provider is not to
/// be flooded.
const AT_ONCE: usize = 8;

/// A repository to ask for: what `hosts` say of a host holds for each of its repositories.
const ANY_REPOSITORY: &str = "any";

/// Loads the hosts that the flags choose, each of which has a credential.
pub(crate) fn hosts(flags: &HostFlags, envsubst: bool) -> Result<Vec<Host>, Failed> {
    let environment = environment();
    let (envsubst, purpose) = (envsubst, Purpose::Hosts);
    let options = LoadOptions { envsubst, environment: &environment, layout_root: None, purpose };
    let config = config::load(&path(flags)?, &options)?;
    let chosen = choose(&config, &flags.host).map_err(Failed::all)?;
    let unsupported = config.unsupported();
    if !unsupported.is_empty() {
        return Err(Failed::all(unsupported));
    }
    for message in &config.warnings {
        display::note(&notice_line(message));
    }
    Ok(chosen)
}

/// Asks for the credential of each host, all of them by the deadline.
pub(crate) async fn resolve(
    hosts: &[Host],
    deadline: Deadline,
) -> Result<Vec<(RegistryHost, Credential)>, Failed> {
    let transport = transport(false);
    if let Some(message) = transport.warning() {
        display::note(&notice_line(message));
    }
    let credentials = credentials(hosts, DockerConfig::default(), &transport);
    let asked = stream::iter(hosts).map(|host| one(&credentials, &host.host));
    let late = || "not all credentials came within".to_owned();
    let asked = deadline.bound(asked.buffered(AT_ONCE).collect::<Vec<_>>(), late).await?;
    let (found, missing): (Vec<_>, Vec<_>) = asked.into_iter().partition(Result::is_ok);
    let missing: Vec<String> =
        missing.into_iter().filter_map(Result::err).map(|failed| failed.text()).collect();
    if !missing.is_empty() {
        return Err(Failed::all(missing));
    }
    Ok(found.into_iter().filter_map(Result::ok).collect())
}

async fn one(
    credentials: &Credentials,
    host: &RegistryHost,
) -> Result<(RegistryHost, Credential), Failed> {
    let any: RepositoryName = ANY_REPOSITORY.parse().map_err(|error| Failed::by(&error))?;
    let found = credentials.resolve(host, &any).await.map_err(|error| Failed::by(&error))?;
    if matches!(found.credential, Credential::Anonymous) {
        return Err(Failed::new(format!("{host} has no credential")));
    }
    Ok((host.clone(), found.credential))
}

/// Returns where the config is.
fn path(flags: &HostFlags) -> Result<OsString, Failed> {
    if let Some(config) = flags.config.as_ref().filter(|config| !config.is_empty()) {
        return Ok(config.clone());
    }
    let beside = beside_program();
    match beside.filter(|path| path.exists()) {
        Some(path) => Ok(path.into()),
        None => {
            let place = beside_program()
                .map(|path| format!(", or put it at {}", path.display()))
                .unwrap_or_default();
            Err(Failed::new(format!(
                "a config is required: give --config, - for stdin, or set FLUX_MIRROR_CONFIG{place}"
            )))
        }
    }
}

fn beside_program() -> Option<PathBuf> {
    let mut path = std::env::current_exe().ok()?.into_os_string();
    path.push(OsStr::new(".config"));
    Some(path.into())
}

/// Returns the hosts that are asked for; without any, all that have a credential.
fn choose(config: &MirrorConfig, wanted: &[RegistryHost]) -> Result<Vec<Host>, Vec<String>> {
    let with_credential = || config.hosts.iter().filter(|host| host.login.is_some());
    if wanted.is_empty() {
        let all: Vec<Host> = with_credential().cloned().collect();
        let none = "hosts: none has a credential".to_owned();
        return if all.is_empty() { Err(vec![none]) } else { Ok(all) };
    }
    let refusal = |host: &RegistryHost| {
        let listed = config.hosts.iter().any(|listed| listed.host == *host);
        match (listed, with_credential().any(|listed| listed.host == *host)) {
            (_, true) => None,
            (true, false) => Some(format!("--host {host}: the config gives it no credential")),
            (false, false) => Some(format!("--host {host}: it is no host of the config")),
        }
    };
    let refusals: Vec<String> = wanted.iter().filter_map(refusal).collect();
    if !refusals.is_empty() {
        return Err(refusals);
    }
    Ok(with_credential().filter(|host| wanted.contains(&host.host)).cloned().collect())
}
