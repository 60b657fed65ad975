//! A mirror under test: the binary, and a config that is put together call by call.

use std::fmt::Write as _;
use std::path::Path;

use crate::binary::{Binary, Call};

/// The binary with a folder of its own, and what its config says.
#[derive(Debug)]
pub struct Mirror {
    /// The binary: environment, files, the Docker config.
    pub binary: Binary,
    artifacts: String,
    hosts: String,
}

impl Mirror {
    /// Makes a mirror of nothing yet.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { binary: Binary::new(path), artifacts: String::new(), hosts: String::new() }
    }

    /// Mirrors all tags of `source`.
    #[must_use]
    pub fn artifact(self, source: &str, destination: &str) -> Self {
        self.artifact_with(source, destination, "selector: {sortBy: alphabetical, limit: 0}")
    }

    /// Mirrors `source` as `more`, a line of YAML, says.
    #[must_use]
    pub fn artifact_with(mut self, source: &str, destination: &str, more: &str) -> Self {
        writeln!(
            self.artifacts,
            "  - source: {source}\n    destination: {destination}\n    {more}"
        )
        .expect("a String takes all");
        self
    }

    /// Adds a host; `more` is the rest of it in YAML's flow style.
    #[must_use]
    pub fn host(mut self, host: &str, more: &str) -> Self {
        writeln!(self.hosts, "  - {{host: \"{host}\", {more}}}").expect("a String takes all");
        self
    }

    /// Sets a variable for every call.
    #[must_use]
    pub fn env(mut self, key: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.binary.set_env(key, value);
        self
    }

    /// Begins `sync` with these flags.
    pub fn sync(&self, flags: &[&str]) -> Call {
        let Self { binary, artifacts, hosts } = self;
        let mut config = format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n{artifacts}"
        );
        if !hosts.is_empty() {
            write!(config, "hosts:\n{hosts}").expect("a String takes all");
        }
        binary.write("mirror.yaml", config);
        let arguments = ["sync", "mirror.yaml"].iter().chain(flags);
        binary.call(arguments)
    }
}
