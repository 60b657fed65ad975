//! What `docker login` and `podman login` left behind: the Docker config, then Podman's
//! `auth.json`.
//!
//! Files are looked at in that order, and read anew at each question, so that a login or a rotated
//! mount is seen while a run goes on. A file that is missing is none; one that is needed and cannot
//! be read or understood is an error, since going on without it would be going on anonymously. What
//! a file says is in `auths`, running a helper in [`crate::helper`]; storing a login is `store`'s.

use std::io;
use std::path::{Path, PathBuf};

use mirror_oci::{RegistryHost, RepositoryName};
use rustix::fs::Mode;
use rustix::io::Errno;
use zeroize::Zeroizing;

use self::auths::{Candidate, LoginFile};
use crate::helper::Helpers;
use crate::read::{OPEN, ReadError, read_regular};
use crate::{CredentialError, Found, Origin};

pub use self::edit::ColonInUsername;
pub use self::store::{DockerStore, Keeper, StoreError, Stored, docker_config};

mod auths;
mod edit;
mod json;
mod store;
#[cfg(test)]
mod tests;

/// The most that is read of a config: a Kubernetes Secret, the largest way to bring one, ends here.
const CONFIG_BYTES: usize = 1024 * 1024;

/// The Docker config and its kin: which files, and how to run their helpers.
#[derive(Debug)]
pub struct DockerConfig {
    /// In order of precedence.
    files: Vec<PathBuf>,
    helpers: Helpers,
}

/// Why a Docker config does not say how to authenticate. Names keys of the file, never values.
#[derive(Debug, thiserror::Error)]
pub enum DockerConfigError {
    /// There, but not for us.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// A folder, a pipe, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// No config is that large.
    #[error("it is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The bound.
        limit_bytes: usize,
    },
    /// Not JSON, or not of this shape.
    #[error("it is not the JSON of a Docker config, at line {line}, column {column}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// The column.
        column: usize,
    },
    /// `auth` cannot be decoded.
    #[error("`auth` of `{key}` is not the base64 of `user:password`")]
    Auth {
        /// The entry.
        key: String,
    },
    /// A user without a password, or the reverse.
    #[error("the entry `{key}` has only one of username and password")]
    Incomplete {
        /// The entry.
        key: String,
    },
}

/// No file and no helper: everything is anonymous.
impl Default for DockerConfig {
    fn default() -> Self {
        Self { files: Vec::new(), helpers: Helpers::new("") }
    }
}

impl DockerConfig {
    /// Finds the files and the folders of helpers by `environment`; reads nothing.
    ///
    /// Heeded are `DOCKER_CONFIG`, `REGISTRY_AUTH_FILE`, `XDG_RUNTIME_DIR`, `XDG_CONFIG_HOME`,
    /// `HOME` and `PATH`; empty is unset.
    pub fn from_environment(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let user = rustix::process::getuid().as_raw();
        let path = environment("PATH").unwrap_or_default();
        Self { files: files(environment, user), helpers: Helpers::new(&path) }
    }

    /// Returns what the first file that knows of `repository` at `host` says, if one does.
    pub(crate) async fn resolve(
        &self,
        host: &RegistryHost,
        repository: &RepositoryName,
    ) -> Result<Option<Found>, CredentialError> {
        for path in &self.files {
            let fault = |source| CredentialError::DockerConfig {
                host: host.clone(),
                path: path.clone(),
                source,
            };
            let Some(file) = load(path.clone()).await.map_err(fault)? else { continue };
            for candidate in file.candidates(host, repository) {
                let (found, origin) = match candidate {
                    Candidate::Entry(login) => {
                        let credential = login.credential().map_err(fault)?;
                        (Some(credential), Origin::Login { path: path.clone() })
                    }
                    Candidate::Helper(question) => {
                        let name = question.helper.clone();
                        let asked = self.helpers.ask(question).await;
                        let fault = |source| {
                            let (host, path) = (host.clone(), path.clone());
                            CredentialError::Helper { host, path, source }
                        };
                        (asked.map_err(fault)?, Origin::Helper { name, path: path.clone() })
                    }
                };
                if let Some(credential) = found {
                    return Ok(Some(Found { credential, origin }));
                }
            }
        }
        Ok(None)
    }
}

/// Returns the folder of the Docker config, where there is one: `DOCKER_CONFIG`, else `.docker` in
/// `HOME`; empty is unset.
pub fn docker_folder(environment: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let folder =
        |name| environment(name).filter(|value: &String| !value.is_empty()).map(PathBuf::from);
    folder("DOCKER_CONFIG").or_else(|| folder("HOME").map(|home| home.join(".docker")))
}

/// Lists the files that may hold a login of `user`, by docker-config(5) and
/// containers-auth.json(5).
fn files(environment: &dyn Fn(&str) -> Option<String>, user: u32) -> Vec<PathBuf> {
    let folder =
        |name| environment(name).filter(|value: &String| !value.is_empty()).map(PathBuf::from);
    let home = |below| folder("HOME").map(|home| home.join(below));

    let runtime = || {
        let runtime = folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers"));
        runtime.unwrap_or_else(|| PathBuf::from(format!("/run/containers/{user}")))
    };
    let podman = folder("REGISTRY_AUTH_FILE").unwrap_or_else(|| runtime().join("auth.json"));
    let fallback = folder("XDG_CONFIG_HOME").or_else(|| home(".config"));

    docker_folder(environment)
        .map(|folder| folder.join("config.json"))
        .into_iter()
        .chain([podman])
        .chain(fallback.map(|folder| folder.join("containers/auth.json")))
        .collect()
}

/// Reads the file at `path`, where there is one.
async fn load(path: PathBuf) -> Result<Option<LoginFile>, DockerConfigError> {
    let reading = tokio::task::spawn_blocking(move || read(&path)).await;
    // A reader that is lost is one whose runtime ends.
    reading.unwrap_or_else(|lost| Err(DockerConfigError::Unreadable(io::Error::other(lost))))
}

fn read(path: &Path) -> Result<Option<LoginFile>, DockerConfigError> {
    read_bytes(path)?.map(|bytes| LoginFile::parse(&bytes)).transpose()
}

/// Reads the bytes of the file at `path`, where there is one. Blocks.
fn read_bytes(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, DockerConfigError> {
    let file = match rustix::fs::open(path, OPEN, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(errno) => return Err(DockerConfigError::Unreadable(errno.into())),
    };
    let bytes = read_regular(file, CONFIG_BYTES).map_err(|error| match error {
        ReadError::NotAFile => DockerConfigError::NotAFile,
        ReadError::TooLarge => DockerConfigError::TooLarge { limit_bytes: CONFIG_BYTES },
        ReadError::Io(source) => DockerConfigError::Unreadable(source),
    })?;
    Ok(Some(bytes))
}

/// Says where a file is no Docker config: the parser's own message would show values, and so secrets.
fn malformed(error: &serde_json::Error) -> DockerConfigError {
    DockerConfigError::Malformed { line: error.line(), column: error.column() }
}
