//! What the shared fleet trusts: whoever signs in any test that both modes do.

use serde_json::Value;

use super::world::json;

/// The lists of a trusted root.
const LISTS: [&str; 4] = ["tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"];

/// Returns a trusted root with the keys of the recorded instance, and of the one that is running.
pub(crate) async fn of_the_fleet() -> Value {
    let mut root = json("trusted_root.json");
    if let Some(running) = running().await {
        for list in LISTS {
            let more = running[list].as_array().unwrap().clone();
            root[list].as_array_mut().unwrap().extend(more);
        }
    }
    root
}

#[cfg(feature = "test-sigstore")]
async fn running() -> Option<Value> {
    let sigstore = mirror_tests::servers::Sigstore::shared().await;
    let root = std::fs::read(sigstore.trusted_root()).expect("it was written");
    Some(serde_json::from_slice(&root).expect("a trusted root is JSON"))
}

#[cfg(not(feature = "test-sigstore"))]
#[expect(clippy::unused_async, reason = "it is, where there is one")]
async fn running() -> Option<Value> {
    None
}
