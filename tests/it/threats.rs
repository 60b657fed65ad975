//! Hostile registries get nothing.

mod addresses;
mod content;
mod minted;
mod printing;
mod secrets;
mod strangers;

use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::sample::image;
use mirror_tests::scripted::{ScriptedOptions, ScriptedRegistry};

/// A registry with `app:v1`.
fn registry() -> ScriptedRegistry {
    start(None)
}

/// A registry with `app:v1` that speaks TLS.
fn over_tls(pki: &Pki) -> ScriptedRegistry {
    start(Some(pki.clone()))
}

fn start(tls: Option<Pki>) -> ScriptedRegistry {
    let registry = ScriptedRegistry::start(ScriptedOptions { tls, ..Default::default() });
    registry.store().push("app", "v1", &image("app"));
    registry
}

/// Mirrors `app` of one registry into `app` of another.
fn mirror(source: &ScriptedRegistry, destination: &ScriptedRegistry) -> Mirror {
    let (from, to) = (source.host(), destination.host());
    Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
        .artifact(&format!("{from}/app"), &format!("{to}/app"))
}
