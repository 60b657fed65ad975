//! The crates depend downwards only, as ARCHITECTURE.md says, and every file says what it is.
//!
//! Read from `cargo metadata`, offline: the manifests themselves are the judge.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Who may stand on whom.
const WALL: [(&str, &[&str]); 16] = [
    ("oci", &[]),
    ("selector", &[]),
    ("model", &["oci", "selector"]),
    ("proto", &["oci", "selector", "model"]),
    ("credentials", &["oci"]),
    ("transport", &[]),
    ("config", &["oci", "selector", "model", "credentials", "transport"]),
    ("registry", &["oci", "credentials", "transport"]),
    ("layout", &["oci"]),
    ("charts", &["oci", "selector", "credentials", "transport"]),
    ("verify", &["oci", "model"]),
    (
        "engine",
        &["oci", "selector", "model", "transport", "registry", "layout", "charts", "verify"],
    ),
    ("report", &["model"]),
    ("queue", &["model", "proto"]),
    ("rpc", &[]),
    ("monitor", &[]),
];

/// What a released program must not hold: a second cryptography, a system's library, a dead parser.
const BANNED: [&str; 4] = ["ring", "openssl-sys", "native-tls", "serde_yaml"];

/// The library of the tests.
const TESTS: &str = "mirror-tests";

/// Lines that a file may have.
const MOST_LINES: usize = 500;

#[test]
fn a_crate_depends_on_the_crates_that_it_stands_on_alone() {
    let metadata = metadata();
    let wall = BTreeMap::from(WALL);
    let shared = members(&metadata).into_iter().filter(|(_, package)| is_shared(package));
    let mut seen = 0;
    for (name, package) in shared {
        let brick = name.strip_prefix("mirror-").unwrap_or_else(|| panic!("{name}: no mirror-"));
        let may = wall.get(brick).unwrap_or_else(|| panic!("{name} has no place in the wall"));
        for other in dependencies(package, &[None, Some("build")]) {
            if let Some(other) = other.strip_prefix("mirror-") {
                assert!(may.contains(&other), "{name} must not depend on mirror-{other}");
            }
        }
        seen += 1;
    }
    assert!(seen >= 10, "{seen} crates in shared/");
}

#[test]
fn a_shared_crate_lies_in_the_folder_of_its_name() {
    for (name, package) in members(&metadata()) {
        if is_shared(package) {
            let folder = folder(package);
            assert_eq!(Some(format!("shared/{}", &name["mirror-".len()..])), folder, "{name}");
        }
    }
}

#[test]
fn the_tests_judge_the_product_and_are_no_part_of_it() {
    let metadata = metadata();
    let members = members(&metadata);
    for (name, package) in &members {
        let dependencies = dependencies(package, &[None, Some("build")]);
        assert!(!dependencies.contains(TESTS), "{name} depends on {TESTS}");
    }
    let own = dependencies(members[TESTS], &[None, Some("build"), Some("dev")]);
    let product: Vec<&String> = own.iter().filter(|one| members.contains_key(*one)).collect();
    assert_eq!(product, Vec::<&String>::new(), "{TESTS} depends on what it judges");
}

#[test]
fn what_is_released_holds_no_banned_crate() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package=flux-mirror", "--all-features"])
        .args(["--edges=normal,build", "--prefix=none", "--format={p}"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8(tree.stdout).expect("cargo prints text");
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("rustls"), "the graph is not what it is thought to be");
    for banned in BANNED {
        assert!(!names.contains(banned), "{banned} would be released");
    }
}

#[test]
fn every_file_says_what_it_is_and_is_short_enough_to_read() {
    let mut files = Vec::new();
    for folder in ["cli", "shared", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 150, "{} files", files.len());
    for file in files {
        let content = fs::read_to_string(&file).expect("a source is text");
        let path = file.display();
        assert!(content.starts_with("//! "), "{path} does not begin with what it is");
        let lines = content.lines().count();
        assert!(lines <= MOST_LINES, "{path} has {lines} lines");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

/// What cargo knows, for this platform: what others need may not be on this machine.
fn metadata() -> Value {
    let compiler = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let compiler = String::from_utf8(compiler.stdout).expect("rustc prints text");
    let host = compiler.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let done = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--format-version=1", "--filter-platform", host])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("metadata is JSON")
}

/// The workspace's own packages, by name.
fn members(metadata: &Value) -> BTreeMap<String, &Value> {
    let ids = metadata["workspace_members"].as_array().expect("members");
    let packages = metadata["packages"].as_array().expect("packages");
    let own = packages.iter().filter(|package| ids.contains(&package["id"]));
    own.map(|package| (text(package, "name").to_owned(), package)).collect()
}

/// The names of a package's dependencies of these kinds; none is the normal one.
fn dependencies(package: &Value, kinds: &[Option<&str>]) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().expect("dependencies");
    let wanted = all.iter().filter(|one| kinds.contains(&one["kind"].as_str()));
    wanted.map(|one| text(one, "name").to_owned()).collect()
}

fn is_shared(package: &Value) -> bool {
    folder(package).is_some_and(|folder| folder.starts_with("shared/"))
}

/// Where a package lies, seen from the root.
fn folder(package: &Value) -> Option<String> {
    let manifest = Path::new(text(package, "manifest_path"));
    let folder = manifest.parent()?.strip_prefix(root()).ok()?;
    folder.to_str().map(str::to_owned)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// Every `.rs` file below `folder`.
fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}
