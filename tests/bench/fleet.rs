//! 20 repositories of 10 tags, half of them two-platform indexes, layers shared: 691 distinct blobs,
//! 400 manifests, some 227 MiB; from one registry into another, both of them far away.

use std::fmt::Write as _;
use std::time::Duration;

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::client::Client;
use mirror_tests::proxy::{Proxy, ProxyOptions};
use mirror_tests::sample::{Image, Sample, index, noise};
use mirror_tests::servers::{Distribution, DistributionOptions};

const REPOSITORIES: usize = 20;
const TAGS: usize = 10;
const REPEATS: usize = 3;

pub(crate) async fn measure() {
    let source = Distribution::start(DistributionOptions::default()).await;
    let client = Client::new(&source.host());
    for repository in 0..REPOSITORIES {
        for tag in 0..TAGS {
            client.push(&name(repository), &format!("1.{tag}.0"), &sample(repository, tag)).await;
        }
    }
    println!("fleet: 20 repositories, 10 tags each, distribution on both sides, the minimum of 3");
    for (latency, concurrency) in [(0, 8), (20, 8), (20, 50), (100, 8), (100, 50)] {
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        let (mut requests, mut unchanged) = (0, 0);
        for _ in 0..REPEATS {
            let destination = Distribution::start(DistributionOptions::default()).await;
            let far = Duration::from_millis(latency);
            let options = ProxyOptions { latency: far, connect: far, ..ProxyOptions::default() };
            let near = Proxy::start(&source.host(), options.clone());
            let there = Proxy::start(&destination.host(), options);
            let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
            mirror.write("mirror.yaml", config(&near.host(), &there.host()));
            cold.push(run(&mirror, concurrency).await);
            requests = near.requests().len() + there.requests().len();
            warm.push(run(&mirror, concurrency).await);
            unchanged = near.requests().len() + there.requests().len() - requests;
        }
        let (cold, warm) = (least(&cold), least(&warm));
        println!(
            "  {latency:>3} ms, {concurrency:>2} at once: first run {:.2} s, {requests} requests, {} MiB; unchanged {:.2} s, {unchanged} requests",
            cold.elapsed.as_secs_f64(),
            cold.peak_bytes.unwrap_or(0) >> 20,
            warm.elapsed.as_secs_f64(),
        );
    }
}

async fn run(mirror: &Binary, concurrency: usize) -> Finished {
    let concurrency = concurrency.to_string();
    let call = mirror.call(["sync", "mirror.yaml", "--no-progress", "--concurrency", &concurrency]);
    let finished = call.deadline(Duration::from_secs(300)).run().await;
    finished.assert_code(0);
    finished
}

fn least(runs: &[Finished]) -> &Finished {
    runs.iter().min_by_key(|run| run.elapsed).unwrap()
}

fn name(repository: usize) -> String {
    format!("team-{}/app-{repository}", repository % 4)
}

/// A config of one entry a repository, every tag of it.
fn config(source: &str, destination: &str) -> String {
    let mut config =
        "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n".to_owned();
    for repository in 0..REPOSITORIES {
        let name = name(repository);
        writeln!(config, "  - source: {source}/{name}\n    destination: {destination}/mirror/{name}\n    selector: {{limit: 0}}").unwrap();
    }
    config
}

fn sample(repository: usize, tag: usize) -> Sample {
    match tag % 2 {
        0 => image(repository, tag, "amd64"),
        _ => index(&[image(repository, tag, "amd64"), image(repository, tag, "arm64")]),
    }
}

/// Three layers: one of all repositories, one of this, one of this image; and a config of its own.
fn image(repository: usize, tag: usize, architecture: &str) -> Sample {
    let everywhere = noise(&format!("base {}", (repository * TAGS + tag) % 11), 2 << 20);
    let here = noise(&format!("repository {repository} {}", tag % 4), 1 << 20);
    let own = noise(&format!("image {repository} {tag} {architecture}"), 430 << 10);
    let unique = format!("{repository}.{tag}");
    Image::new()
        .platform("linux", architecture)
        .annotation("org.opencontainers.image.version", &unique)
        .layer(everywhere)
        .layer(here)
        .layer(own)
        .build()
}
