//! What is attached, and who finds it.

use std::fs;

use mirror_oci::{MAX_REFERRERS, Referrer, ReferrerIndex};

use super::*;

/// A manifest that refers to `subject`.
fn referrer(subject: &Manifest, kind: &str) -> Manifest {
    let Descriptor { media_type, digest, size, .. } = &subject.descriptor;
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","artifactType":"application/vnd.test.{kind}","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{}","size":2}},"layers":[],"subject":{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}},"annotations":{{"kind":"{kind}","org.opencontainers.image.ref.name":"1"}}}}"#,
        MediaType::OCI_MANIFEST,
        Digest::of(b"{}"),
    );
    Manifest::parse(Digest::of(text.as_bytes()), Bytes::from(text), None).unwrap()
}

fn subject_of(manifest: &Manifest) -> Digest {
    manifest.descriptor.digest
}

/// The artifact types of what is attached.
async fn kinds(layout: &Layout, subject: &Manifest) -> Vec<String> {
    let referrers = layout.referrers(&subject_of(subject)).await.unwrap();
    let kind = |one: &Referrer| one.descriptor.artifact_type.clone().unwrap_or_default();
    referrers.iter().map(|one| kind(one).replace("application/vnd.test.", "")).collect()
}

fn edit_index(path: &Path, edit: impl FnOnce(String) -> String) {
    let index = path.join("index.json");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, edit(text)).unwrap();
}

#[tokio::test]
async fn what_is_attached_is_listed_once_and_is_no_tag() {
    let (_folder, path, layout) = nowhere();
    let image = put_image(&layout, "1", b"layer").await;
    assert_eq!(layout.referrers(&subject_of(&image)).await.unwrap(), []);
    let (signature, sbom) = (referrer(&image, "signature"), referrer(&image, "sbom"));
    layout.attach(&signature).await.unwrap();
    layout.attach(&sbom).await.unwrap();
    let before = fs::metadata(path.join("index.json")).unwrap().modified().unwrap();
    at(&path).attach(&signature).await.unwrap();
    let after = fs::metadata(path.join("index.json")).unwrap().modified().unwrap();
    assert_eq!(after, before, "what changes nothing is not written");

    let expected = [signature.referrer(), sbom.referrer()];
    for layout in [&layout, &at(&path)] {
        assert_eq!(layout.referrers(&subject_of(&image)).await.unwrap(), expected);
        assert_eq!(layout.tags().await.unwrap(), [tag("1")]);
        let resolved = layout.resolve(&tag("1")).await.unwrap().map(|(digest, _)| digest);
        assert_eq!(resolved, Some(subject_of(&image)), "a referrer took the tag");
    }
    // One hangs on another.
    layout.attach(&referrer(&signature, "timestamp")).await.unwrap();
    assert_eq!(kinds(&layout, &signature).await, ["timestamp"]);
    assert_eq!(kinds(&layout, &image).await, ["signature", "sbom"]);
}

#[tokio::test]
async fn a_subject_that_has_no_entry_gets_one_where_it_is_a_manifest() {
    let (_folder, path, layout) = nowhere();
    let image = put_image(&layout, "1", b"layer").await;
    let child = put_image(&layout, "other", b"child").await;
    // Now it is only below an index, or below nothing.
    edit_index(&path, |text| {
        let mut index: serde_json::Value = serde_json::from_str(&text).unwrap();
        index["manifests"].as_array_mut().unwrap().truncate(1);
        index.to_string()
    });
    let signature = referrer(&child, "signature");
    layout.attach(&signature).await.unwrap();
    layout.attach(&referrer(&image, "sbom")).await.unwrap();
    // Its subject is not there.
    let lost = referrer(&signature, "lost");
    layout.attach(&referrer(&lost, "timestamp")).await.unwrap();
    let index = fs::read(path.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 1 + 2 + 1 + 1, "{index}");
    let expected = serde_json::json!({
        "mediaType": child.descriptor.media_type.as_str(),
        "digest": child.descriptor.digest.to_string(),
        "size": child.descriptor.size,
    });
    assert_eq!(entries[1], expected);
    assert_eq!(layout.tags().await.unwrap(), [tag("1")]);
    assert_eq!(kinds(&layout, &child).await, ["signature"]);
    // It is nobody's tag, and can become one.
    layout.set_tag(&tag("child"), &child).await.unwrap();
    let index = fs::read_to_string(path.join("index.json")).unwrap();
    assert_eq!(index.matches(&child.descriptor.digest.to_string()).count(), 1, "{index}");
}

#[tokio::test]
async fn what_is_attached_by_many_at_once_is_all_there() {
    let (_folder, path, layout) = nowhere();
    let image = put_image(&layout, "1", b"layer").await;
    let all: Vec<String> = (0..20).map(|at| format!("kind{at}")).collect();
    let writes = all.iter().map(|kind| {
        let (layout, manifest) = (layout.clone(), referrer(&image, kind));
        async move { layout.attach(&manifest).await }
    });
    let tags = (0..5).map(|at| put_image(&layout, ["a", "b", "c", "d", "e"][at], b"layer"));
    let (written, _) =
        tokio::join!(futures_util::future::join_all(writes), futures_util::future::join_all(tags));
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    let mut found = kinds(&at(&path), &image).await;
    found.sort_unstable();
    let mut all = all;
    all.sort_unstable();
    assert_eq!(found, all);
    assert_eq!(layout.tags().await.unwrap().len(), 6);
}

#[tokio::test]
async fn a_referrer_that_has_a_tag_is_one_all_the_same() {
    let (_folder, _path, layout) = nowhere();
    let image = put_image(&layout, "1", b"layer").await;
    let signature = referrer(&image, "signature");
    layout.set_tag(&tag("signed"), &signature).await.unwrap();
    assert_eq!(kinds(&layout, &image).await, ["signature"]);
    layout.attach(&signature).await.unwrap();
    assert_eq!(kinds(&layout, &image).await, ["signature"]);
}

#[tokio::test]
async fn what_a_fallback_tag_lists_comes_after_what_the_index_names() {
    let (_folder, _path, layout) = nowhere();
    let image = put_image(&layout, "1", b"layer").await;
    let all = ["sbom", "signature", "scan"].map(|kind| referrer(&image, kind));
    let listed: Vec<Referrer> = all.iter().map(Manifest::referrer).collect();
    let index = ReferrerIndex::empty().with(&listed).unwrap().unwrap();
    for manifest in &all {
        layout.put_manifest(manifest).await.unwrap();
    }
    layout.set_tag(&subject_of(&image).fallback_tag(), &index).await.unwrap();
    assert_eq!(kinds(&layout, &image).await, ["sbom", "signature", "scan"]);
    layout.attach(&all[1]).await.unwrap();
    assert_eq!(kinds(&layout, &image).await, ["signature", "sbom", "scan"]);
}

#[tokio::test]
async fn a_fallback_tag_that_cannot_be_read_is_an_error_of_its_subject_alone() {
    let (_folder, path, layout) = nowhere();
    let (one, two) = (put_image(&layout, "1", b"one").await, put_image(&layout, "2", b"two").await);
    let fallback = subject_of(&one).fallback_tag();
    layout.set_tag(&fallback, &two).await.unwrap();
    let error = layout.referrers(&subject_of(&one)).await.unwrap_err();
    assert!(matches!(error, LayoutError::Manifest { .. }), "{error}");
    assert_eq!(layout.referrers(&subject_of(&two)).await.unwrap(), []);

    let index = ReferrerIndex::empty().with(&[referrer(&one, "x").referrer()]).unwrap().unwrap();
    layout.set_tag(&fallback, &index).await.unwrap();
    assert_eq!(kinds(&layout, &one).await, ["x"]);
    fs::remove_file(blob_path(&path, index.descriptor.digest)).unwrap();
    let error = layout.referrers(&subject_of(&one)).await.unwrap_err();
    assert!(matches!(error, LayoutError::Missing { .. }), "{error}");
    assert_eq!(layout.referrers(&subject_of(&two)).await.unwrap(), []);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_spoils_a_list_unless_a_tag_leads_to_it() {
    let (_folder, path, layout) = nowhere();
    let (one, two) = (put_image(&layout, "1", b"one").await, put_image(&layout, "2", b"two").await);
    let (kept, lost) = (referrer(&one, "kept"), referrer(&two, "lost"));
    layout.attach(&kept).await.unwrap();
    layout.attach(&lost).await.unwrap();

    // The tag's own row says what is wrong with it.
    fs::write(blob_path(&path, subject_of(&two)), "{}").unwrap();
    assert_eq!(kinds(&at(&path), &one).await, ["kept"]);

    let missing = blob_path(&path, subject_of(&lost));
    fs::rename(&missing, path.join("aside")).unwrap();
    let error = at(&path).referrers(&subject_of(&one)).await.unwrap_err();
    assert!(
        matches!(error, LayoutError::Missing { digest, .. } if digest == subject_of(&lost)),
        "{error}"
    );
    // Whoever has read it knows what it is not attached to.
    fs::rename(path.join("aside"), &missing).unwrap();
    let knowing = at(&path);
    assert_eq!(kinds(&knowing, &two).await, ["lost"]);
    fs::remove_file(&missing).unwrap();
    put_image(&knowing, "3", b"three").await;
    assert_eq!(kinds(&knowing, &one).await, ["kept"]);
    let error = knowing.referrers(&subject_of(&two)).await.unwrap_err();
    assert!(matches!(error, LayoutError::Missing { .. }), "{error}");
}

#[tokio::test]
async fn an_entry_of_an_unknown_digest_spoils_a_list_unless_a_tag_leads_to_it() {
    let (_folder, path, layout) = nowhere();
    let image = put_image(&layout, "1", b"layer").await;
    let entry = |annotations: &str| {
        format!(r#""manifests":[{{"mediaType":"a/b","digest":"blake3:00","size":1{annotations}}},"#)
    };
    let plain = r#""manifests":["#;
    edit_index(&path, |text| {
        text.replace(plain, &entry(r#","annotations":{"org.opencontainers.image.ref.name":"2"}"#))
    });
    assert_eq!(layout.referrers(&subject_of(&image)).await.unwrap(), []);
    edit_index(&path, |text| text.replace(plain, &entry("")));
    let error = layout.referrers(&subject_of(&image)).await.unwrap_err();
    assert!(matches!(error, LayoutError::Json { .. }), "{error}");
}

#[tokio::test]
async fn what_is_no_manifest_is_not_read() {
    let (_folder, path, layout) = nowhere();
    let image = put_image(&layout, "1", b"layer").await;
    let entry = format!(
        r#""manifests":[{{"mediaType":"application/vnd.test.layer","digest":"{}","size":9}},"#,
        Digest::of(b"nowhere")
    );
    edit_index(&path, |text| text.replace(r#""manifests":["#, &entry));
    assert_eq!(layout.referrers(&subject_of(&image)).await.unwrap(), []);
}

#[tokio::test]
async fn a_list_has_an_end() {
    let (_folder, _path, layout) = nowhere();
    let image = put_image(&layout, "1", b"layer").await;
    let Descriptor { media_type, .. } = image.descriptor.clone();
    let listed = |at: usize| Referrer {
        descriptor: Descriptor {
            media_type: media_type.clone(),
            digest: format!("sha256:{at:064x}").parse().unwrap(),
            size: 1,
            artifact_type: None,
        },
        annotations: std::collections::BTreeMap::new(),
    };
    let all: Vec<Referrer> = (0..MAX_REFERRERS).map(listed).collect();
    let index = ReferrerIndex::empty().with(&all).unwrap().unwrap();
    layout.set_tag(&subject_of(&image).fallback_tag(), &index).await.unwrap();
    assert_eq!(layout.referrers(&subject_of(&image)).await.unwrap().len(), MAX_REFERRERS);
    layout.attach(&referrer(&image, "one-more")).await.unwrap();
    let error = layout.referrers(&subject_of(&image)).await.unwrap_err();
    assert!(matches!(error, LayoutError::TooMany { most: MAX_REFERRERS, .. }), "{error}");
}

#[tokio::test]
async fn where_there_is_no_layout_nothing_is_attached() {
    let (_folder, _path, layout) = nowhere();
    let error = layout.referrers(&Digest::of(b"x")).await.unwrap_err();
    assert!(error.is_absent(), "{error}");
}
