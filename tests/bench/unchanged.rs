//! 10,000 tags that have not changed: what a run costs that has nothing to do.

use std::time::Duration;

use mirror_tests::binary::Binary;
use mirror_tests::layout::write_layout;
use mirror_tests::proxy::{Proxy, ProxyOptions};
use mirror_tests::sample::{Sample, image};
use mirror_tests::servers::{OciRegistry, OciRegistryOptions};

const TAGS: usize = 10_000;

pub(crate) async fn measure() {
    let source = OciRegistry::start(OciRegistryOptions::default()).await;
    let destination = OciRegistry::start(OciRegistryOptions::default()).await;
    for registry in [&source, &destination] {
        seed(&registry.host()).await;
    }
    for latency in [0, 5] {
        let latency = Duration::from_millis(latency);
        let options = ProxyOptions { latency, connect: latency, ..ProxyOptions::default() };
        let near = Proxy::start(&source.host(), options.clone());
        let there = Proxy::start(&destination.host(), options);
        let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
        mirror.write(
            "mirror.yaml",
            format!(
                "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - source: {}/app\n    destination: {}/app\n    selector: {{limit: 0}}\n",
                near.host(),
                there.host()
            ),
        );
        let call = mirror.call(["sync", "mirror.yaml", "--no-progress"]);
        let run = call.deadline(Duration::from_secs(300)).run().await;
        run.assert_code(0);
        println!(
            "unchanged: {TAGS} tags, {} ms: {:.2} s, {} requests, {} MiB at most",
            latency.as_millis(),
            run.elapsed.as_secs_f64(),
            near.requests().len() + there.requests().len(),
            run.peak_bytes.unwrap_or(0) >> 20,
        );
    }
}

/// Fills a registry from a layout: ten thousand names of one image.
async fn seed(host: &str) {
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    let names: Vec<String> = (0..TAGS).map(|tag| format!("0.0.{tag}")).collect();
    let sample = image("app");
    let tags: Vec<(&str, &Sample)> = names.iter().map(|name| (name.as_str(), &sample)).collect();
    write_layout(&mirror.folder().join("layout"), &tags);
    mirror.write(
        "seed.yaml",
        format!("apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - source: oci-layout://layout\n    destination: {host}/app\n    selector: {{limit: 0}}\n"),
    );
    let call = mirror.call(["sync", "seed.yaml", "--no-progress", "--concurrency", "32"]);
    call.deadline(Duration::from_secs(300)).run().await.assert_code(0);
}
