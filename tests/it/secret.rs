//! `secret`, through the binary: what is written into a cluster, what is refused, and who is let in.

mod access;
mod written;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mirror_tests::binary::{Binary, Finished};
use mirror_tests::kubernetes::Kubernetes;
use serde_json::{Value, json};

/// A password for one host, a token for another.
const CONFIG: &str = "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nhosts:\n  - {host: \
                      'basic.example:5000', username: robot, credential: {value: \
                      'hunter2'}}\n  - {host: bearer.example, credential: {value: 'b3arer'}}\n";
/// What must never be printed.
const SECRETS: [&str; 4] = ["hunter2", "b3arer", "s3cret-token", "cm9ib3Q6aHVudGVyMg"];

fn binary() -> Binary {
    let binary = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    binary.write("hosts.yaml", CONFIG);
    binary
}

/// Writes the kubeconfig of a home: a context `here`, in the namespace `default`, of a user with these fields.
fn write_kubeconfig(binary: &Binary, cluster: &Kubernetes, user: &Value) {
    binary.write("home/.kube/config", kubeconfig(cluster, user).to_string());
}

fn kubeconfig(cluster: &Kubernetes, user: &Value) -> Value {
    let ca = std::fs::read(cluster.pki().ca()).expect("it was written");
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "test", "cluster": {
            "server": cluster.url(), "certificate-authority-data": STANDARD.encode(ca),
        }}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "test", "user": "me"}}],
    })
}

/// The user that a cluster lets in by default.
fn by_token() -> Value {
    json!({"token": "s3cret-token"})
}

/// Runs `secret registries` with these flags; no secret is printed whatever comes of it.
async fn secret(binary: &Binary, flags: &[&str]) -> Finished {
    let arguments = ["secret", "registries", "-f", "hosts.yaml"].iter().chain(flags);
    let done = binary.call(arguments).run().await;
    for text in SECRETS {
        assert!(!format!("{done}").contains(text), "{text} is shown: {done}");
    }
    done
}

/// Asserts that it ends with this line, and nothing else.
#[track_caller]
fn assert_refused(done: &Finished, line: &str) {
    done.assert_code(1);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", format!("✗ {line}\n").as_str()));
}
