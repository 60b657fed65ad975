//! What is written to a layout, and what is left of what does not come whole.

use std::time::{Duration, SystemTime};

use futures_util::StreamExt;

use super::*;
use crate::PutError;

#[tokio::test]
async fn a_destination_is_made() {
    let (_folder, path, layout) = nowhere();
    let manifest = put_image(&layout, "1", b"layer").await;
    assert_eq!(names(&path), [".flux-mirror.lock", "blobs", "index.json", "oci-layout"]);
    let text = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
    assert_eq!(text("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#);
    assert_eq!(
        text("index.json"),
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{}","digest":"{}","size":{},"annotations":{{"org.opencontainers.image.ref.name":"1"}}}}]}}"#,
            MediaType::OCI_INDEX,
            MediaType::OCI_MANIFEST,
            manifest.descriptor.digest,
            manifest.bytes.len()
        )
    );
    let mut digests = [manifest.descriptor.digest.hex(), manifest.blobs[0].digest.hex()];
    digests.sort();
    assert_eq!(names(&path.join("blobs")), ["sha256"]);
    assert_eq!(names(&path.join("blobs/sha256")), digests);
    assert_eq!(check_whole(&layout).await, ["1"]);
}

#[tokio::test]
async fn a_tag_moves_and_the_others_stay() {
    let (_folder, path, layout) = nowhere();
    for name in ["1", "2", "3"] {
        put_image(&layout, name, b"old").await;
    }
    let index = std::fs::read_to_string(path.join("index.json")).unwrap();
    let index = index.replacen('{', r#"{"annotations":{"kept":"yes"},"#, 1);
    std::fs::write(path.join("index.json"), &index).unwrap();

    let (old, new) = (image(b"old").descriptor, put_image(&at(&path), "2", b"new").await);
    assert_eq!(check_whole(&layout).await, ["1", "2", "3"]);
    for (name, expected) in [("1", &old), ("2", &new.descriptor), ("3", &old)] {
        let (digest, _) = layout.resolve(&tag(name)).await.unwrap().unwrap();
        assert_eq!(digest, expected.digest, "{name}");
    }
    let after = std::fs::read_to_string(path.join("index.json")).unwrap();
    assert!(after.starts_with(r#"{"annotations":{"kept":"yes"},"schemaVersion":2"#), "{after}");

    let modified = || std::fs::metadata(path.join("index.json")).unwrap().modified().unwrap();
    let before = modified();
    layout.set_tag(&tag("2"), &new).await.unwrap();
    assert_eq!(modified(), before, "what changes nothing is not written");
}

#[tokio::test]
async fn half_a_layout_is_completed() {
    let (_folder, path, layout) = nowhere();
    put_image(&layout, "1", b"one").await;
    std::fs::remove_file(path.join("oci-layout")).unwrap();
    put_image(&at(&path), "2", b"two").await;
    assert_eq!(check_whole(&layout).await, ["1", "2"]);
    std::fs::remove_file(path.join("index.json")).unwrap();
    put_image(&at(&path), "3", b"three").await;
    assert_eq!(check_whole(&layout).await, ["3"]);
    std::fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    let error = at(&path).put_manifest(&image(b"four")).await.unwrap_err();
    assert!(matches!(error, LayoutError::Version { .. }), "{error}");
}

#[tokio::test]
async fn content_of_both_algorithms_is_kept_apart() {
    let (_folder, path, layout) = nowhere();
    let mut hasher = format!("sha512:{}", "0".repeat(128)).parse::<Digest>().unwrap().hasher();
    hasher.update(b"content");
    let blob = Descriptor { digest: hasher.finish(), ..descriptor(b"content") };
    assert!(!layout.has(&blob).await.unwrap());
    layout.put_blob(&blob, stream_of(b"content", 3)).await.unwrap();
    assert!(layout.has(&blob).await.unwrap());
    assert_eq!(read_whole(&layout, &blob).await.unwrap(), b"content");
    assert_eq!(names(&path.join("blobs")), ["sha256", "sha512"]);
}

#[tokio::test]
async fn blobs_come_in_chunks_of_any_size() {
    let (_folder, _, layout) = nowhere();
    for (size, chunk) in
        [(5000, 1), (3_000_000, 16_384), (4_000_000, 3_000_000), (2 << 20, 1 << 20)]
    {
        let content: Vec<u8> = (0..size).map(|at: u32| (at % 253) as u8).collect();
        let blob = descriptor(&content);
        let written = layout.put_blob(&blob, stream_of(&content, chunk)).await.unwrap();
        assert_eq!(written, blob.size);
        assert!(read_whole(&layout, &blob).await.unwrap() == content, "{size} by {chunk}");
    }
}

/// How a blob ends, and the error that it ends in. Nothing is left of it.
#[tokio::test]
async fn what_does_not_come_whole_leaves_nothing() {
    let (_folder, path, layout) = nowhere();
    put_image(&layout, "1", b"layer").await;
    let before = (names(&path), names(&path.join("blobs/sha256")));
    let content = vec![7; 3 << 20];
    let blob = descriptor(&content);

    let broken = || LayoutError::NoLayout { path: "the source".into() };
    let breaks = stream_of(&content, 1 << 19).take(5).chain(stream::iter([Err(broken())]));
    let error = layout.put_blob(&blob, Blob::new(breaks)).await.unwrap_err();
    assert!(matches!(&error, PutError::Source(source) if source.is_absent()), "{error}");
    let short = stream_of(&content, 1 << 19).take(5);
    let error = layout.put_blob(&blob, Blob::new(short)).await.unwrap_err();
    assert!(matches!(&error, PutError::Layout(LayoutError::Damaged { .. })), "{error}");
    let long = stream_of(&content, 1 << 19).chain(stream_of(b"!", 1));
    let error = layout.put_blob(&blob, Blob::new(long)).await.unwrap_err();
    assert!(matches!(&error, PutError::Layout(LayoutError::Damaged { .. })), "{error}");

    let hangs = stream_of(&content, 1 << 19).take(5).chain(stream::pending());
    let hanging = layout.put_blob(&blob, Blob::new(hangs));
    assert!(tokio::time::timeout(Duration::from_millis(100), hanging).await.is_err());
    let mut tries = 0;
    while (names(&path), names(&path.join("blobs/sha256"))) != before {
        assert!(tries < 500, "{:?}", names(&path));
        tries += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(check_whole(&layout).await, ["1"]);
}

/// Wherever the writing of an image is given up, what is there is a valid layout.
#[tokio::test]
async fn a_writing_that_is_given_up_harms_nothing() {
    let (_folder, path, layout) = nowhere();
    put_image(&layout, "1", b"layer").await;
    for given_up in 0..60 {
        let layer = format!("layer {given_up}");
        let layout = at(&path);
        let mut writing = Box::pin(put_image(&layout, "2", layer.as_bytes()));
        for _ in 0..given_up {
            let nap = tokio::time::timeout(Duration::from_micros(100), &mut writing);
            if nap.await.is_ok() {
                break;
            }
        }
        drop(writing);
        check_whole(&at(&path)).await;
    }
    put_image(&layout, "3", b"layer").await;
    let tags = check_whole(&layout).await;
    assert!(tags.first().is_some_and(|tag| tag == "1") && tags.contains(&"3".to_owned()));
}

#[tokio::test]
async fn what_is_damaged_or_a_link_is_replaced() {
    let (folder, path, layout) = nowhere();
    let manifest = put_image(&layout, "1", b"layer").await;
    let blob = &manifest.blobs[0];
    std::fs::write(blob_path(&path, blob.digest), b"lay").unwrap();
    assert!(!layout.has(blob).await.unwrap());
    put(&layout, b"layer").await;
    std::fs::write(blob_path(&path, manifest.descriptor.digest), b"{}").unwrap();
    layout.put_manifest(&manifest).await.unwrap();
    check_whole(&layout).await;

    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, b"others").unwrap();
    std::fs::remove_file(blob_path(&path, blob.digest)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, blob_path(&path, blob.digest)).unwrap();
    put(&layout, b"layer").await;
    check_whole(&layout).await;
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"others");
}

#[tokio::test]
async fn old_left_overs_are_swept() {
    let (_folder, path, layout) = nowhere();
    std::fs::create_dir_all(&path).unwrap();
    let old = SystemTime::now() - Duration::from_hours(2);
    for (name, is_old) in
        [(".flux-mirror-00", true), (".flux-mirror-01", false), ("index.json.1.tmp", true)]
    {
        let file = std::fs::File::create(path.join(name)).unwrap();
        if is_old {
            file.set_modified(old).unwrap();
        }
    }
    put_image(&layout, "1", b"layer").await;
    let left: Vec<String> = names(&path).into_iter().filter(|name| name.contains('1')).collect();
    assert_eq!(left, [".flux-mirror-01", "index.json.1.tmp"]);
    assert!(!path.join(".flux-mirror-00").exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_an_error() {
    let (folder, _, _) = nowhere();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = at(&file).put_manifest(&image(b"a")).await.unwrap_err();
    assert!(matches!(error, LayoutError::Irregular { .. }), "{error}");
    let error = at(&file.join("below")).put_manifest(&image(b"a")).await.unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}
