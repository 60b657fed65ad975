//! What single registries do beside the specification: a test for each row of the table.

mod hosted;
mod own;

use mirror_tests::mirror::Mirror;
use mirror_tests::scripted::ScriptedRegistry;

/// Mirrors `app` of one registry into `app` of another.
fn from_to(source: &ScriptedRegistry, destination: &ScriptedRegistry) -> Mirror {
    let (from, to) = (source.host(), destination.host());
    Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
        .artifact(&format!("{from}/app"), &format!("{to}/app"))
}
