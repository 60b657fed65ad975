//! Other people's clients, as independent judges: each with a HOME of its own.

use serde_json::{Map, json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::binary::Binary;
use crate::servers::{find, program};

/// Returns crane, which is always there.
pub fn crane() -> Binary {
    Binary::new(program("crane"))
}

/// Returns another client, `oras`, `regctl`, `skopeo` or `helm`, if it was built or is installed.
pub fn tool(name: &str) -> Option<Binary> {
    let installed = ["/usr/local/bin", "/usr/bin"].map(|folder| format!("{folder}/{name}"));
    let installed = installed.into_iter().find(|path| std::path::Path::new(path).is_file());
    find(name).or(installed.map(Into::into)).map(Binary::new)
}

impl Binary {
    /// Writes a Docker configuration with a user and a password for each host.
    pub fn log_in(&self, hosts: &[(&str, &str, &str)]) {
        let auths: Map<String, serde_json::Value> = hosts
            .iter()
            .map(|(host, user, password)| {
                let auth = STANDARD.encode(format!("{user}:{password}"));
                ((*host).to_owned(), json!({"auth": auth}))
            })
            .collect();
        self.write_docker_config(&json!({"auths": auths}));
    }

    /// Runs it, asserts that it succeeds, and returns what it printed, without the last newline.
    pub async fn says<I>(&self, arguments: I) -> String
    where
        I: IntoIterator,
        I::Item: AsRef<std::ffi::OsStr>,
    {
        let done = self.call(arguments).run().await;
        done.assert_code(0);
        done.stdout.trim_end().to_owned()
    }
}
