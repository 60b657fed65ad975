//! What a copied job costs more over a fleet than in process, with as many at once and nothing far away.

use std::time::Duration;

use mirror_tests::binary::Binary;
use mirror_tests::sample::{Image, Sample, noise};
use mirror_tests::servers::{OciRegistry, OciRegistryOptions};

use crate::processes::{DEADLINE, Fleet};
use crate::seed::{config, seed};

const REPOSITORIES: usize = 4;
const TAGS: usize = 100;
const JOBS: usize = REPOSITORIES * TAGS;
const REPEATS: usize = 5;

pub(crate) async fn measure() {
    let source = OciRegistry::start(OciRegistryOptions::default()).await;
    for repository in 0..REPOSITORIES {
        seed(&source.host(), &[repository], &images(repository)).await;
    }
    println!(
        "overhead: {JOBS} images of a layer of their own, no latency, the minimum of {REPEATS}"
    );
    for (workers, slots) in [(1, 1), (2, 4)] {
        let (mut within, mut over) = (Duration::MAX, Duration::MAX);
        let mut busy = (Duration::ZERO, Duration::ZERO);
        for _ in 0..REPEATS {
            within = within.min(in_process(&source.host(), workers * slots).await);
            let fleet = Fleet::start(workers, slots, false).await;
            let before = fleet.busy();
            let elapsed = copied(&fleet, &source.host()).await;
            if elapsed < over {
                (over, busy) = (elapsed, fleet.busy_since(before));
            }
        }
        let each =
            |time: Duration| time.as_secs_f64() * 1e3 / f64::from(u32::try_from(JOBS).unwrap());
        println!(
            "  {workers} x {slots} slots: in process {:.2} ms a job, over the fleet {:.2} ms, {:.2} ms more; processor time of the coordinator {:.2} ms, of the workers {:.2} ms",
            each(within),
            each(over),
            each(over) - each(within),
            each(busy.0),
            each(busy.1),
        );
    }
    for (workers, slots) in [(1, 1), (2, 4)] {
        let fleet = Fleet::start(workers, slots, true).await;
        let before = fleet.nats_bytes();
        copied(&fleet, &source.host()).await;
        let bytes = fleet.nats_bytes() - before;
        println!(
            "  {workers} x {slots} slots: {} bytes from NATS and to it a job",
            bytes / JOBS as u64
        );
    }
}

async fn in_process(source: &str, concurrency: usize) -> Duration {
    let destination = OciRegistry::start(OciRegistryOptions::default()).await;
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    mirror.write("mirror.yaml", config(source, &destination.host(), REPOSITORIES));
    let concurrency = concurrency.to_string();
    let call = mirror.call(["sync", "mirror.yaml", "--no-progress", "--concurrency", &concurrency]);
    let run = call.deadline(DEADLINE).run().await;
    run.assert_code(0);
    run.elapsed
}

async fn copied(fleet: &Fleet, source: &str) -> Duration {
    let destination = OciRegistry::start(OciRegistryOptions::default()).await;
    fleet.sync(&config(source, &destination.host(), REPOSITORIES)).await.elapsed
}

fn images(repository: usize) -> Vec<Sample> {
    let image = |tag: usize| {
        let layer = noise(&format!("{repository} {tag}"), 4 << 10);
        Image::new().layer(layer).annotation("tag", &format!("{repository}.{tag}")).build()
    };
    (0..TAGS).map(image).collect()
}
