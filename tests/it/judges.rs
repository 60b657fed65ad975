//! Other clients read what was written here, and write what is read here: the same digests on both
//! sides, in registries and in layouts.
//!
//! `oci-client` and crane are always there; oras and regctl with `--features test-clients`; skopeo
//! where it is installed.

#[cfg(feature = "test-clients")]
mod attached;
#[cfg(feature = "test-clients")]
mod clients;
mod crane;
mod oci_client;
mod skopeo;

use std::path::Path;

use mirror_tests::binary::Binary;
use mirror_tests::layout::write_layout;
use mirror_tests::sample::{Image, Sample, artifact, docker_list, image, noise, two_platforms};
use mirror_tests::servers::{Distribution, DistributionOptions};

/// One of each kind of content, by its tag.
fn samples() -> Vec<(&'static str, Sample)> {
    let docker =
        |name: &str| Image::new().layer(noise(name, 2000)).docker().platform("linux", name);
    vec![
        ("artifact", artifact("application/vnd.example.settings", "settings")),
        ("docker", docker("amd64").build()),
        ("docker-list", docker_list(&[docker("amd64").build(), docker("arm64").build()])),
        ("image", image("image")),
        ("index", two_platforms("index")),
    ]
}

/// The program under test, with all samples in the layout `source`.
fn mirror() -> Binary {
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    for (tag, sample) in samples() {
        write_layout(&mirror.folder().join("source"), &[(tag, &sample)]);
    }
    mirror
}

/// Mirrors every tag.
async fn sync(mirror: &Binary, source: &str, destination: &str) {
    mirror.write(
        "mirror.yaml",
        format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - {{source: \
             '{source}', destination: '{destination}', selector: {{sortBy: alphabetical, limit: \
             0}}}}\n"
        ),
    );
    mirror.call(["sync", "mirror.yaml"]).run().await.assert_code(0);
}

/// A registry that holds what we wrote, as `app`.
async fn written(mirror: &Binary) -> Distribution {
    let registry = Distribution::start(DistributionOptions::default()).await;
    sync(mirror, "oci-layout://source", &format!("{}/app", registry.host())).await;
    registry
}

/// A layout that we wrote from a registry.
async fn written_layout(mirror: &Binary) -> std::path::PathBuf {
    let registry = written(mirror).await;
    sync(mirror, &format!("{}/app", registry.host()), "oci-layout://written").await;
    mirror.folder().join("written")
}

/// Mirrors a layout that another client wrote, and asserts that it is these tags, whole.
async fn reads(mirror: &Binary, layout: &Path, tags: &[(&str, &Sample)]) {
    let name = layout.strip_prefix(mirror.folder()).expect("a layout beside the config").display();
    let registry = Distribution::start(DistributionOptions::default()).await;
    sync(mirror, &format!("oci-layout://{name}"), &format!("{}/read", registry.host())).await;
    let client = mirror_tests::client::Client::new(&registry.host());
    for (tag, sample) in tags {
        client.assert_holds("read", tag, sample).await;
    }
    assert_eq!(client.tags("read").await.len(), tags.len());
}
