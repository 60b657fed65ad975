//! 10,000 tags that have not changed: what a run costs that has nothing to do.

use std::time::Duration;

use mirror_tests::binary::Binary;
use mirror_tests::proxy::{Proxy, ProxyOptions};
use mirror_tests::sample::image;
use mirror_tests::scripted::ScriptedRegistry;

const TAGS: usize = 10_000;

pub(crate) async fn measure() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    for registry in [&source, &destination] {
        registry.store().push("app", "0.0.0", &image("app"));
        for tag in 1..TAGS {
            registry.store().tag("app", &format!("0.0.{tag}"), &image("app").digest());
        }
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
            run.peak_bytes >> 20,
        );
    }
}
