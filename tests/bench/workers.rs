//! From one worker process to four, of two slots each: cold copies from far to far.

use std::time::Duration;

use mirror_tests::proxy::{Proxy, ProxyOptions};
use mirror_tests::sample::{Image, Sample, noise};
use mirror_tests::servers::{OciRegistry, OciRegistryOptions};

use crate::cpu::Processors;
use crate::processes::Fleet;
use crate::seed::{config, seed};

const REPOSITORIES: usize = 8;
const TAGS: usize = 50;
const SLOTS: usize = 2;
const LATENCY: Duration = Duration::from_millis(50);
const REPEATS: usize = 2;

pub(crate) async fn measure() {
    let source = OciRegistry::start(OciRegistryOptions::default()).await;
    for repository in 0..REPOSITORIES {
        seed(&source.host(), &[repository], &images(repository)).await;
    }
    let jobs = REPOSITORIES * TAGS;
    println!(
        "workers: {jobs} images of 2 layers of their own, {} ms, minimum of {REPEATS}",
        LATENCY.as_millis()
    );
    let mut alone = None;
    for workers in [1, 2, 4] {
        let mut best: Option<(Duration, u64, Duration)> = None;
        for _ in 0..REPEATS {
            let destination = OciRegistry::start(OciRegistryOptions::default()).await;
            let options =
                ProxyOptions { latency: LATENCY, connect: LATENCY, ..ProxyOptions::default() };
            let near = Proxy::start(&source.host(), options.clone());
            let there = Proxy::start(&destination.host(), options);
            let fleet = Fleet::start(workers, SLOTS, false).await;
            let (processors, before) = (Processors::now(), fleet.busy());
            let run = fleet.sync(&config(&near.host(), &there.host(), REPOSITORIES)).await;
            let idle = processors.idle_since();
            let busy = fleet.busy_since(before);
            if best.is_none_or(|(elapsed, _, _)| run.elapsed < elapsed) {
                best = Some((run.elapsed, idle, busy.0 + busy.1));
            }
        }
        let (elapsed, idle, busy) = best.unwrap();
        let alone = *alone.get_or_insert(elapsed);
        println!(
            "  {workers} of {SLOTS} slots: {:.2} s, {:.1} jobs/s, {:.2} times as fast as one; the fleet took {:.2} s of processor time, the processors were idle {idle} %",
            elapsed.as_secs_f64(),
            f64::from(u32::try_from(jobs).unwrap()) / elapsed.as_secs_f64(),
            alone.as_secs_f64() / elapsed.as_secs_f64(),
            busy.as_secs_f64(),
        );
    }
}

fn images(repository: usize) -> Vec<Sample> {
    let image = |tag: usize| {
        let layer = |part: &str| noise(&format!("{repository} {tag} {part}"), 16 << 10);
        Image::new()
            .layer(layer("base"))
            .layer(layer("top"))
            .annotation("tag", &format!("{repository}.{tag}"))
            .build()
    };
    (0..TAGS).map(image).collect()
}
