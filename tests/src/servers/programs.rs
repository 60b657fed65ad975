//! Builds the Go programs, once a checkout, and says where they are.
//!
//! A set at a time, when the first of its programs is wanted. By Go, or by the `golang` image where
//! a container engine runs; where neither is there, a panic says what to install. Several test
//! processes do not disturb each other: a lock on a file. What was built from the same sources is
//! not built again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::digest::sha256;

/// Names a folder of programs that were built already, for machines that share one.
const FOLDER: &str = "TEST_SERVERS";
/// The oldest Go that the modules can be built with.
const GO: (u32, u32) = (1, 26);
/// The image that builds where there is no Go.
const IMAGE: &str = "docker.io/library/golang:1.26";
/// The sets that are built, each when the first of its programs is wanted.
static SETS: [Set; 3] = [
    Set {
        name: "core",
        is_wanted: true,
        programs: &[
            "crane",
            "file-server",
            "metadata",
            "nats-server",
            "nk",
            "oci-registry",
            "registry",
            "token-server",
            "workload-api",
        ],
        built: OnceLock::new(),
    },
    Set {
        name: "clients",
        is_wanted: cfg!(feature = "test-clients"),
        programs: &["helm", "kustomize", "nats", "oras", "regctl"],
        built: OnceLock::new(),
    },
    Set {
        name: "sigstore",
        is_wanted: cfg!(feature = "test-sigstore"),
        programs: &["cosign", "fulcio", "private-sigstore", "rekor-server"],
        built: OnceLock::new(),
    },
];

/// Programs that are built together.
struct Set {
    name: &'static str,
    /// Whether this build of the tests has its feature.
    is_wanted: bool,
    programs: &'static [&'static str],
    built: OnceLock<()>,
}

/// Returns the path of a program, built if need be.
///
/// Panics where it cannot be built, and where its set is behind a feature that is off.
pub fn program(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| {
        panic!(
            "{name} was not built: is it in a set behind --features test-clients or \
             test-sigstore?"
        )
    })
}

/// Returns the path of a program, if its set is built in this configuration.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let set = SETS.iter().find(|set| set.programs.contains(&name))?;
    let folder = folder();
    if set.is_wanted {
        set.built.get_or_init(|| build(&folder, set));
    }
    let path = folder.join(name);
    path.is_file().then_some(path)
}

/// Returns the folder of the programs.
pub(super) fn folder() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "tests read their own switch")]
    let named = std::env::var_os(FOLDER);
    named.map_or_else(|| target().join("test-servers"), PathBuf::from)
}

fn build(folder: &Path, set: &Set) {
    fs::create_dir_all(folder).expect("the target folder can be written to");
    let lock = File::create(folder.join(".lock")).expect("the target folder can be written to");
    lock.lock().expect("a file can be locked");
    if !is_built(folder, set) {
        run_build(folder, set.name);
        let written = fs::write(stamp(folder, set.name), sources_digest(&sources(), set.name));
        written.expect("the target folder can be written to");
    }
}

/// Returns the target folder: the one that the running test was built into.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a process has a program");
    // Cargo keeps what it knows of the compiler at the root of each target folder.
    let built = own.ancestors().find(|folder| folder.join(".rustc_info.json").is_file());
    built.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), Path::to_owned)
}

pub(super) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("servers")
}

fn stamp(folder: &Path, set: &str) -> PathBuf {
    folder.join(format!(".{set}"))
}

fn is_built(folder: &Path, set: &Set) -> bool {
    let Set { name, programs, .. } = set;
    let stamped = fs::read_to_string(stamp(folder, name));
    stamped.is_ok_and(|it| it == sources_digest(&sources(), name))
        && programs.iter().all(|program| folder.join(program).is_file())
}

/// Returns a digest of all that a set is built from, the same in each checkout.
fn sources_digest(sources: &Path, set: &str) -> String {
    let mut digests = vec![file_digest(sources, &sources.join("build.sh"))];
    let mut folders = vec![sources.join(set)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                digests.push(file_digest(sources, &path));
            }
        }
    }
    digests.sort();
    sha256(digests.concat().as_bytes())
}

fn file_digest(sources: &Path, path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path.strip_prefix(sources).unwrap_or(path);
    format!("{}{}", name.display(), sha256(&bytes))
}

fn run_build(folder: &Path, set: &str) {
    let mut command = if go_is_new_enough() {
        let mut command = Command::new("sh");
        command.arg(sources().join("build.sh")).arg(folder);
        command
    } else if let Some(engine) = engine() {
        in_container(engine, folder)
    } else {
        let (major, minor) = GO;
        panic!(
            "the test servers are built by Go: install Go {major}.{minor} or newer, or start \
             Docker or Podman, which then build them in {IMAGE}"
        );
    };
    let built = command.arg(set).stdin(Stdio::null()).output();
    let built = built.unwrap_or_else(|error| panic!("cannot run build.sh: {error}"));
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "tests/servers/build.sh {set} ended {}\n{said}", built.status);
}

fn go_is_new_enough() -> bool {
    let Some(text) = output("go", &["env", "GOVERSION"]) else { return false };
    let mut numbers =
        text.trim().trim_start_matches("go").split('.').map(|part| part.parse::<u32>().ok());
    let found = (numbers.next().flatten(), numbers.next().flatten());
    matches!(found, (Some(major), Some(minor)) if (major, minor) >= GO)
}

/// Returns a container engine that runs.
fn engine() -> Option<&'static str> {
    ["docker", "podman"].into_iter().find(|engine| output(engine, &["info"]).is_some())
}

fn in_container(engine: &str, folder: &Path) -> Command {
    let volume = |path: &Path, inside: &str| {
        let path = path.canonicalize().expect("the folder is there");
        format!("--volume={}:{inside}", path.display())
    };
    let mut command = Command::new(engine);
    command.args(["run", "--rm", "--env=HOME=/out/.cache", "--env=GOPATH=/out/.cache/go"]);
    command.args(["--env=GOFLAGS=-modcacherw", "--workdir=/servers"]);
    command.arg(volume(&sources(), "/servers:ro")).arg(volume(folder, "/out"));
    if engine == "docker" {
        // Podman without root maps root to us by itself.
        let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
        command.arg(format!("--user={}:{}", user.as_raw(), group.as_raw()));
    }
    command.args([IMAGE, "sh", "/servers/build.sh", "/out"]);
    command
}

/// Returns what a command printed, if it is there and succeeded.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkouts_that_share_a_folder_do_not_build_for_each_other() {
        let checkout = |source: &str| {
            let folder = tempfile::TempDir::new().unwrap();
            fs::create_dir_all(folder.path().join("core/cmd")).unwrap();
            fs::write(folder.path().join("build.sh"), "build").unwrap();
            fs::write(folder.path().join("core/cmd/main.go"), source).unwrap();
            sources_digest(folder.path(), "core")
        };
        assert_eq!(checkout("package main"), checkout("package main"));
        assert_ne!(checkout("package main"), checkout("package other"));
    }
}
