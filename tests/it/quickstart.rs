//! The commands of the README: the first on a copy of `examples/quickstart`, with no registry and nothing to
//! start; the fleet's demo as it stands.

mod fleet;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::layout::{judge_layout, layout_tags};

/// A copy of the quickstart as it is before anybody has run it, with the program in it.
fn quickstart() -> Binary {
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    copy(&original(), mirror.folder());
    let left_behind = mirror.folder().join("destination");
    if left_behind.exists() {
        fs::remove_dir_all(left_behind).expect("a copy can be removed");
    }
    mirror
}

fn original() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the folder is there").flatten() {
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, &copied).expect("a file can be copied");
        }
    }
}

/// Every file below `folder`, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![folder.to_owned()];
    while let Some(next) = ahead.pop() {
        for entry in fs::read_dir(&next).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                ahead.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below the folder").to_owned();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

fn lines(done: &Finished) -> Vec<&str> {
    let mut lines: Vec<&str> = done.stdout.lines().collect();
    let summary = lines.pop().expect("there is a summary");
    lines.sort_unstable();
    lines.push(summary.split(" in ").next().expect("split gives something"));
    lines
}

#[tokio::test]
async fn the_first_run_copies_and_the_second_has_nothing_to_do() {
    let mirror = quickstart();
    let source = layout_tags(&mirror.folder().join("source"));
    let first = mirror.call(["sync", "mirror.yaml"]).run().await;
    first.assert_code(0);
    assert_eq!(
        lines(&first),
        [
            "→ oci-layout://destination/app:1.1.0",
            "→ oci-layout://destination/app:1.2.0",
            "→ oci-layout://destination/settings:settings-1.2.0",
            "✓ oci-layout://source:1.1.0 (copied)",
            "✓ oci-layout://source:1.2.0 (copied)",
            "✓ oci-layout://source:settings-1.2.0 (copied)",
            "Summary: 3 copied",
        ]
    );
    assert_eq!(first.stderr, "");
    for (layout, tags) in [("app", &["1.1.0", "1.2.0"][..]), ("settings", &["settings-1.2.0"])] {
        let folder = mirror.folder().join("destination").join(layout);
        judge_layout(&folder).expect("the layout is whole");
        let expected = tags.iter().map(|tag| ((*tag).to_owned(), source[*tag].clone())).collect();
        assert_eq!(layout_tags(&folder), expected);
    }

    let before = files(&mirror.folder().join("destination"));
    let second = mirror.call(["sync", "mirror.yaml"]).run().await;
    second.assert_code(0);
    assert_eq!(lines(&second).last(), Some(&"Summary: 3 skipped"));
    assert_eq!(files(&mirror.folder().join("destination")), before);
}

#[tokio::test]
async fn it_runs_from_anywhere_as_paths_are_the_configs() {
    let mirror = quickstart();
    let path = mirror.folder().join("mirror.yaml");
    let elsewhere = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    elsewhere.call(["sync".as_ref(), path.as_os_str()]).run().await.assert_code(0);
    judge_layout(&mirror.folder().join("destination/app")).expect("the layout is whole");
}

#[test]
fn the_sample_is_whole_and_small() {
    let source = original().join("source");
    judge_layout(&source).expect("the sample is whole");
    let bytes: usize = files(&source).values().map(Vec::len).sum();
    assert!(bytes < 64 * 1024, "{bytes} bytes for a sample");
}

#[test]
#[expect(clippy::print_stderr, reason = "whoever reads why a test says little, reads it here")]
fn the_sample_is_what_its_program_makes() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let program = folder.path().join("make-sample.py");
    fs::copy(original().join("make-sample.py"), &program).expect("a file can be copied");
    let Ok(made) = Command::new("python3").arg(&program).output() else {
        eprintln!("python3 is not here: the sample is not made anew");
        return;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(files(&folder.path().join("source")), files(&original().join("source")));
}
