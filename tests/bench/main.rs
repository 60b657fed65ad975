//! Measures what `docs/performance.md` says: `cargo bench -p flux-mirror --bench mirror [-- NAME…]`.
//!
//! Real servers on this machine, the program as it is built for benches (optimised, without link-time
//! optimisation). Nothing is asserted: the machine decides, and ratios within one run are what counts.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what a bench is for")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on stops")]

mod blob;
mod cpu;
mod fleet;
mod large;
mod overhead;
mod processes;
mod seed;
mod unchanged;
mod workers;

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|other| other == name);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if is_wanted("fleet") {
        runtime.block_on(fleet::measure());
    }
    if is_wanted("unchanged") {
        runtime.block_on(unchanged::measure());
    }
    if is_wanted("blob") {
        runtime.block_on(blob::measure());
    }
    if is_wanted("workers") {
        runtime.block_on(workers::measure());
    }
    if is_wanted("overhead") {
        runtime.block_on(overhead::measure());
    }
    if is_wanted("unchanged-fleet") {
        runtime.block_on(large::unchanged());
    }
    if is_wanted("copied-fleet") {
        runtime.block_on(large::copied());
    }
}
