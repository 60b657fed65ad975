//! What is read of a layout, and what is refused.

use mirror_oci::{CHECKPOINT_BYTES, MAX_MANIFEST_BYTES};
use rustix::fs::{CWD, Mode};

use super::*;

/// Files of a layout with `index.json` and `oci-layout` as given.
fn written(index: &str, marker: &str) -> (TempDir, PathBuf, Layout) {
    let (folder, path, layout) = nowhere();
    std::fs::create_dir_all(path.join("blobs/sha256")).unwrap();
    std::fs::write(path.join("index.json"), index).unwrap();
    std::fs::write(path.join("oci-layout"), marker).unwrap();
    (folder, path, layout)
}

const MARKER: &str = r#"{ "imageLayoutVersion": "1.0.0" }"#;

#[tokio::test]
async fn what_is_not_there_is_no_layout() {
    let (_folder, path, layout) = nowhere();
    let blob = descriptor(b"a");
    for made in [false, true] {
        if made {
            std::fs::create_dir_all(&path).unwrap();
        }
        assert!(layout.tags().await.unwrap_err().is_absent());
        assert!(layout.resolve(&tag("1")).await.unwrap_err().is_absent());
        assert!(layout.manifest(blob.digest).await.unwrap_err().is_missing());
        assert!(read_whole(&layout, &blob).await.unwrap_err().is_missing());
        assert!(!layout.has(&blob).await.unwrap());
    }
    std::fs::write(path.join("index.json"), crate::index::EMPTY).unwrap();
    assert!(layout.tags().await.unwrap_err().is_absent(), "it does not say that it is a layout");
    assert_eq!(names(&path), ["index.json"], "reading makes nothing");
}

#[tokio::test]
async fn a_layout_says_which_version_it_is() {
    #[track_caller]
    fn check(result: Result<Vec<Tag>, LayoutError>, expected: &str) {
        let shown = result.map_or_else(|error| error.to_string(), |tags| format!("{tags:?}"));
        assert!(shown.contains(expected), "{shown}");
    }
    for (marker, expected) in [
        (MARKER, "[]"),
        (r#"{"imageLayoutVersion":"1.1.0"}"#, "[]"),
        (r#"{"imageLayoutVersion":"2.0.0"}"#, "is a layout of version `2.0.0`"),
        (r#"{"imageLayoutVersion":"10\u001b[31m"}"#, "version `10\\u{1b}[31m`"),
        ("{}", "cannot understand"),
        ("", "cannot understand"),
        (&" ".repeat(5000), "is larger than 4096 bytes"),
    ] {
        let (_folder, _, layout) = written("{}", marker);
        check(layout.tags().await, expected);
    }
    let (_folder, path, layout) = written("{", MARKER);
    check(layout.tags().await, "cannot understand");
    let index = std::fs::File::create(path.join("index.json")).unwrap();
    index.set_len((32 << 20) + 1).unwrap();
    check(layout.tags().await, "is larger than 33554432 bytes");
}

#[tokio::test]
async fn a_tag_that_stands_for_nothing_certain_is_an_error() {
    let entry = |name: &str, digest: &str| {
        format!(
            r#"{{"digest":"{digest}","annotations":{{"org.opencontainers.image.ref.name":"{name}"}}}}"#
        )
    };
    let (one, two) = (Digest::of(b"1").to_string(), Digest::of(b"2").to_string());
    let entries = [entry("a", &one), entry("b", &one), entry("b", &two), entry("c", "md5:00")];
    let index = format!(r#"{{"manifests":[{}]}}"#, entries.join(","));
    let (_folder, _, layout) = written(&index, MARKER);
    assert_eq!(layout.tags().await.unwrap(), [tag("a"), tag("b"), tag("c")]);
    let (digest, media_type) = layout.resolve(&tag("a")).await.unwrap().unwrap();
    assert_eq!((digest.to_string(), media_type), (one, MediaType::octet_stream()));
    assert_eq!(layout.resolve(&tag("d")).await.unwrap(), None);
    let error = layout.resolve(&tag("b")).await.unwrap_err();
    assert!(matches!(&error, LayoutError::Ambiguous { .. }), "{error}");
    let error = layout.resolve(&tag("c")).await.unwrap_err();
    assert!(matches!(&error, LayoutError::NoDigest { .. }), "{error}");
}

#[tokio::test]
async fn what_others_write_is_seen() {
    let (_folder, path, layout) = nowhere();
    put_image(&layout, "1", b"one").await;
    assert_eq!(layout.tags().await.unwrap(), [tag("1")]);
    put_image(&at(&path), "2", b"two").await;
    assert_eq!(layout.tags().await.unwrap(), [tag("1"), tag("2")]);
    let text = std::fs::read_to_string(path.join("index.json")).unwrap();
    std::fs::write(path.join("index.json"), text.replace(r#"name":"2""#, r#"name":"3""#)).unwrap();
    assert_eq!(layout.tags().await.unwrap(), [tag("1"), tag("3")]);
}

#[tokio::test]
async fn blobs_are_read_from_anywhere() {
    let (_folder, _, layout) = nowhere();
    let content: Vec<u8> = (0..CHECKPOINT_BYTES + 700_000).map(|at| (at % 251) as u8).collect();
    put(&layout, &content).await;
    let blob = descriptor(&content);
    let checkpoints = Checkpoints::new(blob.digest);
    for offset in [0, 1, 300_000, CHECKPOINT_BYTES + 1, blob.size - 1, blob.size] {
        let read = read(&layout, &blob, offset, &checkpoints).await.unwrap();
        assert!(read == content[usize::try_from(offset).unwrap()..], "from {offset}");
    }
    put(&layout, b"").await;
    assert!(read_whole(&layout, &descriptor(b"")).await.unwrap().is_empty());
}

#[tokio::test]
async fn damaged_content_is_found() {
    let (_folder, path, layout) = nowhere();
    let manifest = put_image(&layout, "1", b"content").await;
    let blob = &manifest.blobs[0];
    for (content, expected) in [
        (&b"c0ntent"[..], "has digest"),
        (b"conten", "ended after 6 of 7 bytes"),
        (b"content!", "longer than its 7 bytes"),
    ] {
        std::fs::write(blob_path(&path, blob.digest), content).unwrap();
        let error = read_whole(&layout, blob).await.unwrap_err();
        let LayoutError::Damaged { source, path } = &error else { panic!("{error:?}") };
        assert!(source.to_string().contains(expected), "{source}");
        assert!(path.ends_with(blob.digest.hex()));
        assert_eq!(layout.has(blob).await.unwrap(), content.len() == 7);
    }
    std::fs::write(blob_path(&path, manifest.descriptor.digest), b"{}").unwrap();
    let error = layout.manifest(manifest.descriptor.digest).await.unwrap_err();
    assert!(matches!(error, LayoutError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn manifests_are_bounded_and_unambiguous() {
    let (_folder, path, layout) = nowhere();
    let manifest = put_image(&layout, "1", b"content").await;
    let large = vec![b' '; usize::try_from(MAX_MANIFEST_BYTES).unwrap() + 1];
    put(&layout, &large).await;
    let error = layout.manifest(Digest::of(&large)).await.unwrap_err();
    assert!(matches!(error, LayoutError::TooLarge { .. }), "{error}");
    put(&layout, b"no manifest").await;
    let error = layout.manifest(Digest::of(b"no manifest")).await.unwrap_err();
    assert!(matches!(error, LayoutError::Manifest { .. }), "{error}");
    let error = layout.manifest(Digest::of(b"nothing")).await.unwrap_err();
    assert!(matches!(error, LayoutError::Missing { .. }) && error.is_missing(), "{error}");

    let index = std::fs::read_to_string(path.join("index.json")).unwrap();
    let index = index.replace(MediaType::OCI_MANIFEST, MediaType::DOCKER_LIST);
    std::fs::write(path.join("index.json"), index).unwrap();
    let error = layout.manifest(manifest.descriptor.digest).await.unwrap_err();
    assert!(matches!(error, LayoutError::Manifest { .. }), "{error}");
}

#[tokio::test]
async fn links_and_pipes_are_not_followed() {
    let (folder, path, layout) = nowhere();
    let blob = put_image(&layout, "1", b"content").await.blobs.remove(0);
    let file = blob_path(&path, blob.digest);
    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();

    let check = async |what: &str| {
        let error = read_whole(&layout, &blob).await.unwrap_err();
        assert!(matches!(error, LayoutError::Irregular { .. }), "{what}: {error}");
    };
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    check("a link").await;
    assert!(!layout.has(&blob).await.unwrap());
    std::fs::remove_file(&file).unwrap();
    rustix::fs::mkfifoat(CWD, &file, Mode::RUSR | Mode::WUSR).unwrap();
    check("a pipe").await;
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    check("a folder").await;
    std::fs::remove_dir(&file).unwrap();

    std::fs::rename(path.join("blobs"), folder.path().join("blobs")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("blobs"), path.join("blobs")).unwrap();
    check("a link to a folder").await;
    std::fs::rename(path.join("index.json"), folder.path().join("index.json")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("index.json"), path.join("index.json")).unwrap();
    let error = layout.tags().await.unwrap_err();
    assert!(matches!(error, LayoutError::Irregular { .. }), "{error}");
    let error = at(&elsewhere).tags().await.unwrap_err();
    assert!(matches!(error, LayoutError::Irregular { .. }), "a file for a layout: {error}");
}
