//! Generates the messages and services of `fluxmirror/*/v1`, without a protoc on the machine.

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    // Where cargo runs this: a compiled path would be that of another checkout with the same target folder.
    let root = Path::new(".");
    let files = ["job", "log", "worker", "control"];
    let files: Vec<PathBuf> =
        files.iter().map(|name| root.join(format!("fluxmirror/{name}/v1/{name}.proto"))).collect();
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let descriptors = protox::compile(&files, [root])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
