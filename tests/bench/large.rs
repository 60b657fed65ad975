//! Runs over a fleet that are as large as they get: tags that have not changed, and tags that are copied.

use mirror_tests::sample::{Image, Sample, image, noise};
use mirror_tests::servers::{OciRegistry, OciRegistryOptions};

use crate::processes::Fleet;
use crate::seed::{config, seed};

/// 100,000 tags that have not changed: they never leave the coordinator.
pub(crate) async fn unchanged() {
    const REPOSITORIES: usize = 10;
    const TAGS: usize = 10_000;
    let source = OciRegistry::start(OciRegistryOptions::default()).await;
    let destination = OciRegistry::start(OciRegistryOptions::default()).await;
    let samples = vec![image("app"); TAGS];
    let repositories: Vec<usize> = (0..REPOSITORIES).collect();
    for registry in [&source, &destination] {
        seed(&registry.host(), &repositories, &samples).await;
    }
    let fleet = Fleet::start(1, 8, true).await;
    let config = config(&source.host(), &destination.host(), REPOSITORIES);
    show("unchanged-fleet", &fleet, &config, REPOSITORIES * TAGS).await;
}

/// 20,000 tags to be copied, all of a repository of the same layer: a manifest each.
pub(crate) async fn copied() {
    const REPOSITORIES: usize = 20;
    const TAGS: usize = 1_000;
    let source = OciRegistry::start(OciRegistryOptions::default()).await;
    let destination = OciRegistry::start(OciRegistryOptions::default()).await;
    let layer = noise("layer", 4 << 10);
    let sample = |tag: usize| -> Sample {
        Image::new().layer(layer.clone()).annotation("tag", &tag.to_string()).build()
    };
    let samples: Vec<Sample> = (0..TAGS).map(sample).collect();
    let repositories: Vec<usize> = (0..REPOSITORIES).collect();
    seed(&source.host(), &repositories, &samples).await;
    let fleet = Fleet::start(2, 8, true).await;
    let config = config(&source.host(), &destination.host(), REPOSITORIES);
    show("copied-fleet", &fleet, &config, REPOSITORIES * TAGS).await;
}

/// Measures a run, watches it again, and measures it a second time: then nothing is left to be copied,
/// and the coordinator remembers the first.
async fn show(name: &str, fleet: &Fleet, config: &str, rows: usize) {
    let (coordinator, _) = fleet.peaks();
    println!("{name}: coordinator {} MiB before the run", coordinator >> 20);
    let (bytes, busy) = (fleet.nats_bytes(), fleet.busy());
    let run = fleet.sync(config).await;
    let (coordinator, worker) = fleet.peaks();
    let busy = fleet.busy_since(busy);
    println!(
        "{name}: {rows} rows: {:.1} s, {:.0} a second; coordinator {} MiB at most and {:.1} s of processor time, a worker {} MiB, all workers {:.1} s, the command line {} MiB; NATS {} bytes a row",
        run.elapsed.as_secs_f64(),
        f64::from(u32::try_from(rows).unwrap()) / run.elapsed.as_secs_f64(),
        coordinator >> 20,
        busy.0.as_secs_f64(),
        worker >> 20,
        busy.1.as_secs_f64(),
        run.peak_bytes.unwrap_or(0) >> 20,
        (fleet.nats_bytes() - bytes) / rows as u64,
    );
    let again = fleet.sync(config).await;
    println!(
        "{name}: the same again, unchanged: {:.1} s; coordinator {} MiB at most by now",
        again.elapsed.as_secs_f64(),
        fleet.peaks().0 >> 20,
    );
    let Some(id) = run.stderr.split_whitespace().find(|word| word.len() == 26) else { return };
    let watched = fleet.watch(id.trim_matches(|sign: char| !sign.is_alphanumeric())).await;
    println!(
        "{name}: watched again from the log: {:.1} s; coordinator {} MiB at most by now, the command line {} MiB",
        watched.elapsed.as_secs_f64(),
        fleet.peaks().0 >> 20,
        watched.peak_bytes.unwrap_or(0) >> 20,
    );
}
