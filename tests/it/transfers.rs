//! Blobs on their way: chunks, resuming, mounts, corrupt content.

mod downloads;
mod mounts;
mod settling;
mod uploads;

use mirror_tests::mirror::Mirror;
use mirror_tests::sample::{Image, Sample, noise};
use mirror_tests::scripted::{Kind, Rule, ScriptedRegistry};

/// The size of the one layer of [`large`].
const LARGE: usize = 300_000;

/// An image with one layer of [`LARGE`] bytes.
fn large() -> Sample {
    Image::new().layer(noise("large", LARGE)).build()
}

/// Two plain registries, and `app:v1` in the first.
fn pair(sample: &Sample) -> (ScriptedRegistry, ScriptedRegistry) {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", sample);
    (source, destination)
}

/// Mirrors `app` of one registry into `app` of another.
fn mirror(source: &ScriptedRegistry, destination: &ScriptedRegistry) -> Mirror {
    let (from, to) = (source.host(), destination.host());
    Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
        .artifact(&format!("{from}/app"), &format!("{to}/app"))
}

/// Chooses the GETs of the large layer.
fn layer_get() -> Rule {
    let digest = mirror_tests::digest::sha256(&noise("large", LARGE));
    Rule::on(Kind::BlobGet).reference(&digest)
}

/// Chooses the PUTs of the large layer whole.
fn layer_put() -> Rule {
    Rule::on(Kind::UploadPut).with_header("content-length", &LARGE.to_string())
}

/// Asserts that nothing of the large layer was published, and no tag.
#[track_caller]
fn assert_nothing_published(destination: &ScriptedRegistry, sample: &Sample) {
    let store = destination.store();
    let digest = mirror_tests::digest::sha256(&noise("large", LARGE));
    assert!(store.blob("app", &digest).is_none(), "the blob was published");
    assert!(store.tags("app").is_empty(), "the tag was published");
    assert!(!store.manifests("app").contains(&sample.digest()), "the manifest was published");
    store.assert_whole();
}
