//! `login` and `keygen`, through the binary: what is stored where, by which helper, what is refused, and
//! that it is used.

mod keys;
mod stored;
mod used;

use std::path::Path;

use mirror_tests::binary::Binary;
use serde_json::Value;

/// What every config of these tests begins with.
const HEAD: &str = "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nhosts:\n";

/// The program with a config, `hosts.yaml`, of these hosts alone: each a line of YAML's flow style.
fn with_hosts(hosts: &[&str]) -> Binary {
    let binary = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let hosts: Vec<String> = hosts.iter().map(|host| format!("  - {{{host}}}")).collect();
    binary.write("hosts.yaml", format!("{HEAD}{}\n", hosts.join("\n")));
    binary
}

/// Returns the Docker config.
fn docker_config(binary: &Binary) -> Value {
    read(&binary.folder().join("home/.docker/config.json"))
}

fn read(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("it is JSON")
}
