//! Registries are filled by the program itself, from a layout.

use std::fmt::Write as _;

use mirror_tests::binary::Binary;
use mirror_tests::layout::write_layout;
use mirror_tests::sample::Sample;

use crate::processes::DEADLINE;

const HEAD: &str = "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n";

/// Puts `samples` into some repositories of a registry, as 0.0.0, 0.0.1, …
pub(crate) async fn seed(host: &str, repositories: &[usize], samples: &[Sample]) {
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let names: Vec<String> = (0..samples.len()).map(|tag| format!("0.0.{tag}")).collect();
    let tags: Vec<(&str, &Sample)> = names.iter().map(String::as_str).zip(samples).collect();
    write_layout(&mirror.folder().join("layout"), &tags);
    let mut config = HEAD.to_owned();
    for repository in repositories {
        writeln!(config, "- {{source: 'oci-layout://layout', destination: {host}/app-{repository}, selector: {{limit: 0}}}}").unwrap();
    }
    mirror.write("seed.yaml", config);
    let call = mirror.call(["sync", "seed.yaml", "--no-progress", "--concurrency", "32"]);
    call.deadline(DEADLINE).run().await.assert_code(0);
}

/// A config of one entry a repository, every tag of it.
pub(crate) fn config(source: &str, destination: &str, repositories: usize) -> String {
    let mut config = HEAD.to_owned();
    for repository in 0..repositories {
        writeln!(config, "- {{source: {source}/app-{repository}, destination: {destination}/app-{repository}, selector: {{limit: 0}}}}").unwrap();
    }
    config
}
