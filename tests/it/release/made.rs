//! What a release consists of.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{checkout, package, said, stand_in, text};

#[test]
fn the_same_program_gives_the_same_archive() {
    let (_folder, program) = stand_in(env!("CARGO_PKG_VERSION"));
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let name = package(&program, "arm64", first.path());
    assert_eq!(name, format!("flux-mirror_{}_linux_arm64.tar.gz", env!("CARGO_PKG_VERSION")));
    // Another time, another mode, another owner's umask: none of it is in the archive.
    let mut touch = Command::new("touch");
    touch.args(["-d", "2001-01-01"]).arg(&program);
    assert!(touch.status().unwrap().success());
    package(&program, "arm64", second.path());
    let bytes = |folder: &TempDir| std::fs::read(folder.path().join(&name)).unwrap();
    assert!(bytes(&first) == bytes(&second), "the archives differ");
    let listed = Command::new("tar").arg("-tvzf").arg(first.path().join(&name)).output().unwrap();
    let listed = said(&listed);
    let rows: Vec<Vec<&str>> =
        listed.lines().map(|line| line.split_whitespace().collect()).collect();
    let named: Vec<&str> = rows.iter().map(|row| row[5]).collect();
    assert_eq!(named, ["LICENSE", "README.md", "flux-mirror"], "{listed}");
    assert_eq!((rows[2][0], rows[2][1]), ("-rwxr-xr-x", "0/0"));
}

/// The packages of the lock file, by name and version.
fn locked() -> Vec<(String, String)> {
    let lock = text(&checkout("Cargo.lock"));
    let packages = lock.split("[[package]]").skip(1).map(|package| {
        let field = |name: &str| {
            let (_, rest) = package.split_once(&format!("\n{name} = \"")).expect("it has one");
            rest.split('"').next().expect("it ends").to_owned()
        };
        (field("name"), field("version"))
    });
    packages.collect()
}

#[test]
fn a_finished_folder_names_all_that_is_in_it_and_in_the_program() {
    let (_folder, program) = stand_in(env!("CARGO_PKG_VERSION"));
    let release = TempDir::new().unwrap();
    for architecture in ["amd64", "arm64"] {
        package(&program, architecture, release.path());
    }
    let finish = || {
        let mut script = Command::new(checkout("deploy/release/finish.sh"));
        said(&script.arg(release.path()).output().unwrap());
        text(&release.path().join("SHA256SUMS"))
    };
    let sums = finish();
    assert_eq!(finish(), sums, "a second time changes nothing");
    let version = env!("CARGO_PKG_VERSION");
    let listed: Vec<&str> = sums.lines().filter_map(|line| line.split("  ").nth(1)).collect();
    let archive = |architecture: &str| format!("flux-mirror_{version}_linux_{architecture}.tar.gz");
    assert_eq!(listed, ["flux-mirror.cdx.json", &archive("amd64"), &archive("arm64")]);
    let mut check = Command::new("sha256sum");
    said(&check.args(["--check", "SHA256SUMS"]).current_dir(release.path()).output().unwrap());

    let bom = text(&release.path().join("flux-mirror.cdx.json"));
    let bom: Value = serde_json::from_str(&bom).unwrap();
    assert_eq!((&bom["bomFormat"], &bom["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert_eq!(bom["metadata"]["component"]["purl"], format!("pkg:cargo/flux-mirror@{version}"));
    let components = bom["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|component| component["name"] == name);
    for built in ["mirror-engine", "tokio", "rustls", "aws-lc-sys", "kube"] {
        assert!(named(built).is_some(), "{built} is built into it");
    }
    for left_out in ["ring", "openssl-sys", "proptest", "insta", "mirror-tests", "prost-build"] {
        assert!(named(left_out).is_none(), "{left_out} is not built into it");
    }
    let locked = locked();
    for component in components {
        let field = |name: &str| component[name].as_str().unwrap_or_default().to_owned();
        assert!(locked.contains(&(field("name"), field("version"))), "{component}");
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        let ours = field("name").starts_with("mirror-");
        assert_eq!(component["hashes"].is_array(), !ours, "{component}");
    }
    let references = bom["dependencies"].as_array().unwrap();
    assert_eq!(references.len(), components.len() + 1, "each says what it needs");
}

#[test]
fn what_is_no_release_is_not_finished() {
    let empty = TempDir::new().unwrap();
    let done = Command::new(checkout("deploy/release/finish.sh")).arg(empty.path()).output();
    assert!(!done.unwrap().status.success());
    assert!(!empty.path().join("SHA256SUMS").exists());
}

#[test]
fn the_workflow_calls_the_scripts_that_there_are() {
    let workflow = text(&checkout(".github/workflows/release.yaml"));
    let called: Vec<&str> =
        workflow.split_whitespace().filter(|word| word.starts_with("deploy/release/")).collect();
    for script in ["build.sh", "package.sh", "finish.sh"] {
        assert!(called.contains(&format!("deploy/release/{script}").as_str()), "{called:?}");
        said(
            &Command::new("bash")
                .arg("-n")
                .arg(checkout("deploy/release").join(script))
                .output()
                .unwrap(),
        );
    }
    let parsed: Value = serde_saphyr::from_str(&workflow).expect("it is YAML");
    let built = parsed["jobs"]["build"]["strategy"]["matrix"]["include"].as_array().unwrap();
    let targets = text(&checkout("deploy/release/sbom.py"));
    for row in built {
        let target = format!("\"{}\"", row["target"].as_str().unwrap());
        assert!(targets.contains(&target), "the bill of materials leaves out {target}");
    }
}
