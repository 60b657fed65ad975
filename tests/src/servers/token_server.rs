//! `token-server`: issues the tokens that CNCF distribution asks for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{Process, folder};
use super::programs::program;
use super::record::{self, Served};
use crate::ports;

/// Who gets which tokens.
#[derive(Clone, Debug)]
pub struct TokenServerOptions {
    /// Who may have tokens.
    pub users: Vec<TokenUser>,
    /// Prefix of the repositories that anybody may pull.
    pub anonymous: Option<String>,
    /// How long a token lives, in seconds; the registry allows 60 more, so -58 lives for 2.
    pub ttl_seconds: i64,
    /// How long the client is told it lives.
    pub expires_in: Duration,
}

impl Default for TokenServerOptions {
    /// Tokens of five minutes for `mirror` with `secret`, who may push and pull everything.
    fn default() -> Self {
        Self {
            users: vec![TokenUser::new("mirror", "secret", "", "pull,push")],
            anonymous: None,
            ttl_seconds: 300,
            expires_in: Duration::from_mins(5),
        }
    }
}

/// Somebody who may have tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUser {
    /// The name.
    pub name: String,
    /// The password; `NAME:PASSWORD` is the refresh token.
    pub password: String,
    /// Prefix of the repositories.
    pub prefix: String,
    /// `pull`, `push` or `pull,push`.
    pub actions: String,
}

impl TokenUser {
    /// Returns a user.
    pub fn new(name: &str, password: &str, prefix: &str, actions: &str) -> Self {
        let [name, password, prefix, actions] =
            [name, password, prefix, actions].map(str::to_owned);
        Self { name, password, prefix, actions }
    }
}

/// A token server that is running.
#[derive(Debug)]
pub struct TokenServer {
    process: Process,
}

impl TokenServer {
    /// Starts a token server; it has written its public key when this returns.
    pub async fn start(options: &TokenServerOptions) -> Self {
        let folder = folder();
        let mut command = Command::new(program("token-server"));
        command.args(["-jwks", "jwks.json", "-requests", "requests.jsonl"]);
        command.arg("-addr").arg(ports::free().to_string());
        for TokenUser { name, password, prefix, actions } in &options.users {
            command.arg("-user").arg(format!("{name}:{password}:{prefix}:{actions}"));
        }
        if let Some(prefix) = &options.anonymous {
            command.arg("-anonymous").arg(prefix);
        }
        command.arg(format!("-ttl={}s", options.ttl_seconds));
        command.arg(format!("-expires-in={}s", options.expires_in.as_secs()));
        Self { process: Process::start(command, folder).await }
    }

    /// Returns `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.process.host()
    }

    /// Returns the realm. By name: some clients refuse a realm on another loopback address.
    pub fn realm(&self) -> String {
        format!("http://localhost:{}/token", self.process.port())
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Served> {
        record::read(&self.process.folder().join("requests.jsonl"))
    }

    pub(super) fn key_set(&self) -> PathBuf {
        let folder: &Path = self.process.folder();
        folder.join("jwks.json")
    }
}
