//! Releases: archives, checksums and the bill of materials as `deploy/release` makes them, installed by the
//! action's own steps and as a plugin of the Flux CLI.
//!
//! What is packed is the program under test, and a stand-in where only its version matters. Attesting and the
//! workflow want GitHub and are not seen here; what it signs is signed at a private Sigstore.

mod action;
mod made;
mod plugin;
#[cfg(feature = "test-sigstore")]
mod signed;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Returns the path of something in the checkout.
fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `uname` calls this machine, as releases do.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

/// Packs a program into a folder; returns the archive's name.
#[track_caller]
fn package(program: &Path, architecture: &str, folder: &Path) -> String {
    let done = Command::new(checkout("deploy/release/package.sh"))
        .arg(program)
        .args(["linux", architecture])
        .arg(folder)
        .env("SOURCE_DATE_EPOCH", "1764500000")
        .output();
    said(&done.expect("bash runs")).trim().to_owned()
}

/// Returns what a script printed, that went well.
#[track_caller]
fn said(done: &Output) -> String {
    let printed = String::from_utf8_lossy(&done.stdout).into_owned();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{}\n{printed}\n{errors}", done.status);
    printed
}

/// A program that says only its version, in a folder of its own.
fn stand_in(version: &str) -> (TempDir, PathBuf) {
    script(&format!("echo flux-mirror {version}"))
}

/// A program that is this script, in a folder of its own.
fn script(script: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("flux-mirror");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("our own");
    (folder, path)
}
