//! What `deploy/` says is what Kubernetes, NATS and our own program take.
//!
//! Kustomize renders every overlay, and rules look for faults in what comes out; each rule is also
//! shown a fault that it must find. NATS's permissions run on a real server. Whether a cluster does
//! with it what it should is left to whoever has one. Needs `--features test-clients`.

mod commands;
mod compose;
mod containers;
mod image;
mod kinds;
mod made;
mod nats;
mod network;
mod objects;
mod references;
mod scaling;
mod selectors;

use std::path::{Path, PathBuf};

use serde_json::Value;

use objects::{Rendered, rendered};

/// What looks at everything that an overlay renders, and returns what is wrong with it.
type Rule = fn(&Rendered) -> Vec<String>;

/// Returns the path of something in `deploy/`.
fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path)
}

/// Returns the text of a file in `deploy/`.
fn text(path: &str) -> String {
    let read = std::fs::read_to_string(deploy(path));
    read.unwrap_or_else(|error| panic!("deploy/{path}: {error}"))
}

/// Returns a YAML file of `deploy/`.
fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap_or_else(|error| panic!("deploy/{path}: {error}"))
}

/// Asserts that a rule finds nothing in all that is rendered.
async fn assert_kept(rule: Rule) {
    for rendered in rendered().await {
        let faults = rule(rendered);
        assert!(faults.is_empty(), "{}:\n{}", rendered.name, faults.join("\n"));
    }
}

/// Asserts that a rule finds `fault` once `pointer` of `object` of an overlay is `value`; null takes
/// it away.
#[track_caller]
fn check(rule: Rule, overlay: &Rendered, change: (&str, &str, Value), fault: &str) {
    let (object, pointer, value) = change;
    let faults = rule(&overlay.changed(object, pointer, value));
    assert!(
        faults.iter().any(|it| it.contains(fault)),
        "{object} {pointer}: {fault:?} is not among {faults:#?}"
    );
}
