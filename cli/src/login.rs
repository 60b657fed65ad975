//! `login`: stores the credentials of a config's hosts where `docker login` would.

use std::path::PathBuf;
use std::time::Duration;

use mirror_credentials::{DockerStore, Keeper, Stored, docker_folder};
use mirror_oci::RegistryHost;
use mirror_report::{notice_line, printable};

use crate::arguments::Login;
use crate::deadline::Deadline;
use crate::environment::environment;
use crate::failure::Failed;
use crate::{display, logins, runtime};

/// Runs the command; returns the exit code.
pub(crate) fn run(flags: &Login, timeout: Duration, envsubst: bool) -> Result<u8, Failed> {
    let store = DockerStore::new(&folder(flags)?, &environment()("PATH").unwrap_or_default());
    let hosts = logins::hosts(&flags.hosts, envsubst)?;
    let keeper = if flags.plaintext { Keeper::Plaintext } else { Keeper::Helper };
    let deadline = Deadline::begin(timeout);
    let runtime = runtime::begin()?;
    let stored = runtime.block_on(async {
        for (host, credential) in logins::resolve(&hosts, deadline).await? {
            let late = || format!("the credential of {host} was not stored within");
            let stored = deadline.bound(store.store(&host, &credential, keeper), late).await?;
            tell(&host, &store, &stored.map_err(|error| Failed::by(&error))?)?;
        }
        Ok(0)
    });
    runtime::end(runtime);
    stored
}

fn folder(flags: &Login) -> Result<PathBuf, Failed> {
    let given = flags.docker_config.clone().filter(|folder| !folder.as_os_str().is_empty());
    given.or_else(|| docker_folder(&environment())).ok_or_else(|| {
        Failed::new(
            "no folder for a Docker config: give --docker-config, or set DOCKER_CONFIG or HOME",
        )
    })
}

/// Says where a credential is now.
fn tell(host: &RegistryHost, store: &DockerStore, stored: &Stored) -> Result<(), Failed> {
    let file = store.file().display().to_string();
    let file = printable(&file);
    display::print(&format!("✔ stored credential for {host} in {file}\n"))?;
    if let Some(helper) = &stored.passed_over {
        display::note(&notice_line(&format!(
            "{file} names {helper} for {host}, which is asked before what was stored"
        )));
    }
    Ok(())
}
