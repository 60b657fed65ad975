//! Layouts whose writer is killed, and layouts with two writers at once.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use mirror_model::EntrySource;
use mirror_oci::{LayoutPath, Place};
use mirror_tests::binary::{Binary, Running, eventually};
use mirror_tests::layout::{assert_layout_holds, judge_layout, layout_tags, write_layout};
use mirror_tests::sample::{image, two_platforms};
use mirror_tests::scripted::{At, Fault, Gate, Kind, Rule, ScriptedRegistry, Stop};
use mirror_tests::tools::crane;
use rustix::fs::inotify;

use super::{HEAD, binary, entry, sync};
use crate::requests::pair::Pair;

const PATIENCE: Duration = Duration::from_secs(20);

/// A registry with `count` tags of `app`.
fn registry(count: usize) -> ScriptedRegistry {
    let registry = ScriptedRegistry::plain();
    for index in 0..count {
        registry.store().push("app", &tag(index), &two_platforms(&tag(index)));
    }
    registry
}

fn tag(index: usize) -> String {
    format!("1.{index}.0")
}

#[tokio::test]
async fn a_crash_leaves_a_layout_that_is_valid_and_the_next_run_completes_it() {
    // Each of six tags takes four blobs and three manifests: killed early, in the middle, and late.
    for (kind, after) in [
        (Kind::ManifestGet, 2),
        (Kind::BlobGet, 0),
        (Kind::BlobGet, 1),
        (Kind::BlobGet, 7),
        (Kind::BlobGet, 14),
        (Kind::BlobGet, 20),
    ] {
        let registry = registry(6);
        let gate = Gate::closed();
        registry.script(Rule::on(kind).after(after), Fault::none().hold(&gate));
        let mirror = binary();
        let source = format!("{}/app", registry.host());
        mirror.write("mirror.yaml", format!("{HEAD}{}", entry(&source, "oci-layout://to")));
        let run = mirror.call(["sync", "mirror.yaml", "--concurrency=2"]).spawn();
        gate.reached(1).await;
        run.kill();
        assert_eq!(run.wait().await.signal(), Some(9));
        gate.resume();
        registry.clear_script();
        let to = mirror.folder().join("to");
        if to.join("index.json").exists() {
            judge_layout(&to).unwrap_or_else(|fault| panic!("{kind:?} {after}: {fault}"));
        }

        sync(&mirror, &source, "oci-layout://to", &[]).await.assert_code(0);
        for index in 0..6 {
            assert_layout_holds(&to, &tag(index), &two_platforms(&tag(index)));
        }
    }
}

/// A run that has half of a layer in a layout, and gets no more of it.
async fn half_written(mirror: &Binary, registry: &ScriptedRegistry) -> Running {
    registry.script(Rule::on(Kind::BlobGet), Fault::none().stop(At::Body(1), Stop::Hang));
    let to = mirror.folder().join("to");
    write_layout(&to, &[("own", &image("own"))]);
    let source = format!("{}/app", registry.host());
    mirror.write("mirror.yaml", format!("{HEAD}{}", entry(&source, "oci-layout://to")));
    let run = mirror.call(["sync", "mirror.yaml"]).spawn();
    eventually("a file in the making", PATIENCE, || parts(&to) > 0).await;
    run
}

/// Counts the files in the making.
fn parts(layout: &Path) -> usize {
    let entries = fs::read_dir(layout).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".flux-mirror-")).count()
}

#[tokio::test]
async fn a_cancelled_run_takes_away_what_it_was_making() {
    let registry = registry(1);
    let mirror = binary();
    let run = half_written(&mirror, &registry).await;
    run.interrupt();
    run.wait().await.assert_code(1);
    let to = mirror.folder().join("to");
    assert_eq!(parts(&to), 0);
    assert_layout_holds(&to, "own", &image("own"));
}

#[tokio::test]
async fn other_tools_clean_up_after_a_crash() {
    let registry = registry(1);
    let mirror = binary();
    let run = half_written(&mirror, &registry).await;
    run.kill();
    run.wait().await;
    let to = mirror.folder().join("to");
    assert!(parts(&to) > 0);
    // It takes each file among the blobs for one, and stops at a name that is no digest.
    let cleaned = crane().call(["layout", "gc", to.to_str().unwrap()]).run().await;
    cleaned.assert_code(0);
    assert_layout_holds(&to, "own", &image("own"));
}

#[tokio::test]
async fn a_crash_does_not_hurt_what_was_there() {
    let registry = registry(1);
    let gate = Gate::closed();
    registry.script(Rule::on(Kind::BlobGet).after(1), Fault::none().hold(&gate));
    let mirror = binary();
    let to = mirror.folder().join("to");
    write_layout(&to, &[("own", &image("own")), (&tag(0), &image("old"))]);
    let before = fs::read(to.join("index.json")).unwrap();
    let source = format!("{}/app", registry.host());
    mirror.write("mirror.yaml", format!("{HEAD}{}", entry(&source, "oci-layout://to")));
    let run = mirror.call(["sync", "mirror.yaml", "--overwrite"]).spawn();
    gate.reached(1).await;
    run.kill();
    run.wait().await;
    assert_eq!(fs::read(to.join("index.json")).unwrap(), before);
    assert_layout_holds(&to, "own", &image("own"));
    assert_layout_holds(&to, &tag(0), &image("old"));
}

#[tokio::test]
async fn processes_write_one_layout_together_and_lose_nothing() {
    let registry = registry(40);
    // Nobody writes before all are there, and each writes the index once for each of its tags.
    let gate = Gate::closed();
    registry.script(Rule::on(Kind::BlobGet), Fault::none().hold(&gate));
    let mirror = binary();
    let host = registry.host();
    let runs: Vec<_> = ["[0-4]", "[5-9]", "[12].", "3."]
        .into_iter()
        .map(|part| {
            let selector = format!("{{regex: {{pattern: '^1[.]{part}[.]0$'}}, limit: 0}}");
            let config = format!(
                "{HEAD}  - {{source: '{host}/app', destination: 'oci-layout://to', selector: \
                 {selector}}}\n"
            );
            mirror.call(["sync", "-", "--concurrency=1"]).stdin(config).spawn()
        })
        .collect();
    gate.reached(runs.len()).await;
    gate.resume();
    for run in runs {
        run.wait().await.assert_code(0);
    }
    let to = mirror.folder().join("to");
    judge_layout(&to).unwrap();
    let expected = (0..40).map(|index| (tag(index), two_platforms(&tag(index)).digest())).collect();
    assert_eq!(layout_tags(&to), expected);
}

#[tokio::test(start_paused = true)]
async fn tags_that_wait_are_written_together() {
    let mirror = binary();
    let (from, to) = (mirror.folder().join("from"), mirror.folder().join("to"));
    for index in 0..8 {
        write_layout(&from, &[(&tag(index), &two_platforms(&tag(index)))]);
    }
    write_layout(&to, &[("own", &image("own"))]);
    let lock = File::create(to.join(".flux-mirror.lock")).unwrap();
    lock.lock().unwrap();
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    // What a file was called before is watched too, or the kernel would make one event of two
    // renames to the same name.
    let renames = inotify::WatchFlags::MOVED_FROM | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&watch, &to, renames).unwrap();

    let mut run = Pair::plain().run(&["app"]);
    run.concurrency = 8.try_into().unwrap();
    let place = |path: &Path| Place::Layout(LayoutPath::new(path.to_owned()));
    run.entries[0].source =
        EntrySource::Artifact { place: place(&from), referrers: false, verify: None };
    run.entries[0].destination = place(&to);
    let running = tokio::spawn(run.rows());
    // The clock goes on where nobody has anything to do but to wait, and all else here is work on a disk.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for index in 0..8 {
        let manifest = two_platforms(&tag(index)).digest().replacen("sha256:", "", 1);
        assert!(to.join("blobs/sha256").join(manifest).exists());
    }
    assert_eq!(layout_tags(&to).len(), 1);
    lock.unlock().unwrap();
    let rows = running.await.unwrap();
    assert_eq!(rows.iter().filter(|row| row.1 == "copied").count(), 8, "{rows:?}");
    assert_eq!(layout_tags(&to).len(), 9);
    judge_layout(&to).unwrap();

    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    let mut written = 0;
    while let Ok(event) = events.next() {
        written += usize::from(event.file_name() == Some(c"index.json"));
    }
    assert_eq!(written, 1);
}
