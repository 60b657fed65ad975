//! Tags of layouts: which there are, in which order, and what becomes of them.

use std::fs;

use mirror_tests::layout::{assert_layout_holds, judge_layout, layout_tags, write_layout};
use mirror_tests::sample::{
    Image, Sample, artifact, docker_list, image, index, noise, two_platforms,
};
use mirror_tests::scripted::{Kind, ScriptedRegistry};
use serde_json::{Value, json};

use super::{HEAD, binary, carry, sync};

/// One of each kind of content.
fn kinds() -> Vec<(&'static str, Sample)> {
    let docker = || Image::new().layer(noise("docker", 900)).docker();
    vec![
        ("artifact", artifact("application/vnd.example", "content")),
        ("docker", docker().build()),
        ("docker-list", docker_list(&[docker().platform("linux", "amd64").build()])),
        ("image", image("image")),
        ("index", two_platforms("index")),
        ("nested", index(&[two_platforms("inner"), image("beside")])),
    ]
}

#[tokio::test]
async fn a_mirror_is_carried_over_an_air_gap() {
    let (near, far) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    let kinds = kinds();
    for (tag, sample) in &kinds {
        near.store().push("app", tag, sample);
    }
    let here = binary();
    let near_app = format!("{}/app", near.host());
    sync(&here, &near_app, "oci-layout://disk/app", &[]).await.assert_code(0);
    for (tag, sample) in &kinds {
        assert_layout_holds(&here.folder().join("disk/app"), tag, sample);
    }

    let there = binary();
    carry(&here.folder().join("disk"), &there.folder().join("disk"));
    let far_app = format!("{}/app", far.host());
    sync(&there, "oci-layout://disk/app", &far_app, &[]).await.assert_code(0);
    for (tag, sample) in &kinds {
        far.store().assert_holds("app", tag, sample);
    }
    assert_eq!(far.store().tags("app"), near.store().tags("app"));

    // What was carried is up to date on both sides.
    far.clear_log();
    let again = sync(&there, "oci-layout://disk/app", &far_app, &["-o", "json"]).await;
    again.assert_code(0);
    assert_eq!(again.json()["report"]["summary"]["skipped"], kinds.len());
    far.log().assert(&[(Kind::ManifestHead, kinds.len())]);
}

#[tokio::test]
async fn a_layout_is_copied_into_another() {
    let mirror = binary();
    for (tag, sample) in kinds() {
        write_layout(&mirror.folder().join("one"), &[(tag, &sample)]);
    }
    sync(&mirror, "oci-layout://one", "oci-layout://two", &[]).await.assert_code(0);
    let (one, two) = (mirror.folder().join("one"), mirror.folder().join("two"));
    assert_eq!(layout_tags(&one), layout_tags(&two));
    assert_eq!(judge_layout(&one).unwrap(), judge_layout(&two).unwrap());
}

#[tokio::test]
async fn tags_are_the_annotated_entries_of_the_index_in_their_order() {
    let mirror = binary();
    let folder = mirror.folder().join("source");
    write_layout(&folder, &[("v1.0.0", &image("a")), ("1.0.0", &image("b")), ("1.0", &image("c"))]);
    // An entry without a name, names that are no tags, and a whole reference, whose tag counts.
    let path = folder.join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let entries = index["manifests"].as_array_mut().unwrap();
    let mut nameless = entries[0].clone();
    nameless.as_object_mut().unwrap().remove("annotations");
    entries.insert(0, nameless);
    for name in ["with space", "ghcr.io/a/b:0.9.0", "", "-dash"] {
        let mut odd = entries[1].clone();
        odd["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        entries.insert(0, odd);
    }
    fs::write(&path, index.to_string()).unwrap();

    // Equal versions keep the order of the index.
    mirror.write(
        "mirror.yaml",
        format!("{HEAD}  - {{source: 'oci-layout://source', destination: 'oci-layout://to', selector: {{limit: 0}}}}\n"),
    );
    let done = mirror.call(["sync", "mirror.yaml", "-o", "json"]).run().await;
    done.assert_code(0);
    let report = done.json();
    let rows = report["report"]["results"][0]["tags"].as_array().unwrap();
    let tags: Vec<&str> = rows.iter().map(|row| row["tag"].as_str().unwrap()).collect();
    assert_eq!(tags, ["v1.0.0", "1.0.0", "1.0", "0.9.0"]);
    judge_layout(&mirror.folder().join("to")).unwrap();
}

#[tokio::test]
async fn drift_overwrite_and_dry_run_are_as_with_a_registry() {
    let mirror = binary();
    let (source, to) = (mirror.folder().join("source"), mirror.folder().join("to"));
    write_layout(&source, &[("1.0.0", &image("new")), ("2.0.0", &image("second"))]);
    write_layout(&to, &[("1.0.0", &image("old")), ("own", &image("own"))]);
    let before = layout_tags(&to);
    let run = async |flags: &[&str], code: i32, lines: [&str; 2]| {
        let done = sync(&mirror, "oci-layout://source", "oci-layout://to", flags).await;
        done.assert_code(code);
        let mut marks: Vec<&str> = done.stdout.lines().filter(|line| line.contains(" (")).collect();
        marks.sort_unstable();
        assert_eq!(marks, lines, "{flags:?}");
    };
    let one = |mark: &str, status: &str| format!("{mark} oci-layout://source:1.0.0 ({status})");
    let two = |status: &str| format!("✓ oci-layout://source:2.0.0 ({status})");
    run(&["--dry-run"], 2, [&one("!", "drifted"), &two("would-copy")]).await;
    run(&["--dry-run", "--overwrite"], 0, [&one("✓", "would-overwrite"), &two("would-copy")]).await;
    assert_eq!(layout_tags(&to), before);
    run(&[], 2, [&one("!", "drifted"), &two("copied")]).await;
    assert_layout_holds(&to, "1.0.0", &image("old"));
    assert_layout_holds(&to, "2.0.0", &image("second"));
    run(&["--overwrite"], 0, [&one("✓", "overwritten"), &two("skipped")]).await;
    assert_layout_holds(&to, "1.0.0", &image("new"));
    assert_layout_holds(&to, "own", &image("own"));
    run(&[], 0, [&one("✓", "skipped"), &two("skipped")]).await;
}

#[tokio::test]
async fn a_dry_run_makes_no_layout() {
    let mirror = binary();
    write_layout(&mirror.folder().join("source"), &[("1.0.0", &image("new"))]);
    let done = sync(&mirror, "oci-layout://source", "oci-layout://to", &["--dry-run"]).await;
    done.assert_code(0);
    assert!(!mirror.folder().join("to").exists());
}

#[tokio::test]
async fn a_missing_source_is_plan_failed_and_others_go_on() {
    let mirror = binary();
    write_layout(&mirror.folder().join("there"), &[("1.0.0", &image("a"))]);
    fs::create_dir(mirror.folder().join("empty")).unwrap();
    mirror.write("file", "no folder");
    for source in ["absent", "empty", "file"] {
        mirror.write(
            "mirror.yaml",
            format!(
                "{HEAD}  - {{source: 'oci-layout://{source}', destination: 'oci-layout://a'}}\n  - \
                 {{source: 'oci-layout://there', destination: 'oci-layout://copy/{source}'}}\n"
            ),
        );
        let done = mirror.call(["sync", "mirror.yaml"]).run().await;
        done.assert_code(1);
        let failed = format!("✗ oci-layout://{source} — plan failed: ");
        assert!(done.stdout.lines().any(|line| line.starts_with(&failed)), "{done}");
        let copied = "✓ oci-layout://there:1.0.0 (copied)";
        assert!(done.stdout.lines().any(|line| line == copied), "{done}");
        assert!(!mirror.folder().join("a").exists());
    }
}

#[tokio::test]
async fn a_missing_destination_is_made_with_its_folders() {
    let mirror = binary();
    write_layout(&mirror.folder().join("source"), &[("1.0.0", &image("a"))]);
    sync(&mirror, "oci-layout://source", "oci-layout://a/b/c", &[]).await.assert_code(0);
    let made = mirror.folder().join("a/b/c");
    assert_layout_holds(&made, "1.0.0", &image("a"));
    let mut names: Vec<_> =
        fs::read_dir(&made).unwrap().flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(names, [".flux-mirror.lock", "blobs", "index.json", "oci-layout"]);
}

#[tokio::test]
async fn content_that_is_not_what_its_name_says_is_not_published() {
    let mirror = binary();
    let registry = ScriptedRegistry::plain();
    let (source, sample) = (mirror.folder().join("source"), image("a"));
    write_layout(&source, &[("1.0.0", &sample)]);
    let blob = mirror_tests::digest::sha256(&sample.blobs[0]).replacen(':', "/", 1);
    let path = source.join("blobs").join(blob);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, bytes).unwrap();
    for destination in ["oci-layout://to", &format!("{}/to", registry.host())] {
        let done = sync(&mirror, "oci-layout://source", destination, &["--retries=0"]).await;
        done.assert_code(1);
        assert!(done.stdout.starts_with("✗ oci-layout://source:1.0.0 — "), "{done}");
    }
    assert_eq!(layout_tags(&mirror.folder().join("to")).len(), 0);
    judge_layout(&mirror.folder().join("to")).unwrap();
    assert_eq!(registry.store().tags("to"), Vec::<String>::new());
    registry.store().assert_whole();
}
