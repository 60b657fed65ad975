//! The set keeps what others wrote, byte for byte, and takes in what is missing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn referrer(fill: usize) -> Referrer {
    Referrer {
        descriptor: Descriptor {
            media_type: MediaType::parse(MediaType::OCI_MANIFEST).unwrap(),
            digest: format!("sha256:{fill:064x}").parse().unwrap(),
            size: 7,
            artifact_type: Some("application/vnd.test".to_owned()),
        },
        annotations: BTreeMap::from([("k".to_owned(), fill.to_string())]),
    }
}

fn parse(json: &str) -> Result<ReferrerIndex, InvalidManifest> {
    let bytes = Bytes::copy_from_slice(json.as_bytes());
    ReferrerIndex::parse(Digest::of(&bytes), bytes, None)
}

/// The index that a registry would give back.
fn stored(manifest: &Manifest) -> ReferrerIndex {
    let Manifest { descriptor, bytes, .. } = manifest;
    assert_eq!((descriptor.digest, descriptor.size), (Digest::of(bytes), bytes.len() as u64));
    ReferrerIndex::parse(descriptor.digest, bytes.clone(), Some(&descriptor.media_type)).unwrap()
}

#[test]
fn what_others_wrote_stays_as_it_stands() {
    let (one, two) = (referrer(1), referrer(2));
    let theirs = format!(
        "{{ \"schemaVersion\" : 2,\n \"x\": [ 1.0 ], \"manifests\": [ {{\"size\":7 ,\"mediaType\":\"a/m\",\"y\":\"\\u00e9\",\
         \"digest\":\"{}\"}} ],\"annotations\":{{}}}}",
        one.descriptor.digest
    );
    let manifest = parse(&theirs).unwrap().with(&[one.clone(), two.clone(), two.clone()]).unwrap();
    let text = String::from_utf8(manifest.unwrap().bytes.to_vec()).unwrap();
    let expected = format!(
        "{{\"schemaVersion\":2,\"x\":[ 1.0 ],\"manifests\":[{{\"size\":7 ,\"mediaType\":\"a/m\",\"y\":\"\\u00e9\",\
         \"digest\":\"{}\"}},{{\"mediaType\":\"{}\",\"digest\":\"{}\",\"size\":7,\
         \"annotations\":{{\"k\":\"2\"}},\"artifactType\":\"application/vnd.test\"}}],\"annotations\":{{}}}}",
        one.descriptor.digest, two.descriptor.media_type, two.descriptor.digest
    );
    assert_eq!(text, expected);
}

#[test]
fn the_first_writer_makes_the_index() {
    let index = ReferrerIndex::empty();
    assert!(index.with(&[]).unwrap().is_none());
    let manifest = index.with(&[referrer(1)]).unwrap().unwrap();
    let text = std::str::from_utf8(&manifest.bytes).unwrap();
    assert!(
        text.starts_with(
            "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
        ),
        "{text}"
    );
    assert!(stored(&manifest).contains(&referrer(1).descriptor.digest));
    assert_eq!(manifest.children, [referrer(1).descriptor]);
    let by_manifest = Manifest::parse(manifest.descriptor.digest, manifest.bytes, None).unwrap();
    assert_eq!(by_manifest.descriptor, manifest.descriptor);
}

#[test]
fn an_index_of_null_is_empty() {
    let manifest = parse(r#"{"schemaVersion":2,"manifests":null}"#).unwrap().with(&[referrer(1)]);
    assert_eq!(stored(&manifest.unwrap().unwrap()).referrers(), [referrer(1)]);
}

#[test]
fn an_entry_that_stands_twice_counts_once() {
    let entry = referrer(1).to_json().unwrap();
    let index = parse(&format!(r#"{{"manifests":[{entry},{entry}]}}"#)).unwrap();
    assert_eq!(index.referrers(), [referrer(1)]);
}

#[test]
fn what_is_something_else_is_refused() {
    for json in [
        "",
        "[]",
        "{}",
        r#"{"config":{}}"#,
        r#"{"manifests":[{}]}"#,
        r#"{"mediaType":"a/b","manifests":[]}"#,
    ] {
        assert!(matches!(parse(json), Err(InvalidManifest::Json { .. })), "{json}");
    }
    let image = MediaType::parse(MediaType::OCI_MANIFEST);
    let bytes = Bytes::from_static(br#"{"manifests":[]}"#);
    let error = ReferrerIndex::parse(Digest::of(&bytes), bytes, image.as_ref()).unwrap_err();
    assert!(matches!(error, InvalidManifest::NoReferrers { .. }), "{error}");
    let large = " ".repeat(usize::try_from(MAX_MANIFEST_BYTES).unwrap() + 1);
    assert!(matches!(parse(&large), Err(InvalidManifest::TooLarge { .. })));
}

#[test]
fn nothing_is_written_that_would_not_be_read() {
    let small = |fill| Referrer { annotations: BTreeMap::new(), ..referrer(fill) };
    let all: Vec<Referrer> = (0..MAX_REFERRERS).map(small).collect();
    let full = stored(&ReferrerIndex::empty().with(&all).unwrap().unwrap());
    assert_eq!(full.referrers().len(), MAX_REFERRERS);
    let error = full.with(&[small(MAX_REFERRERS)]).unwrap_err();
    assert!(matches!(error, InvalidManifest::TooMany { most: MAX_REFERRERS, .. }), "{error}");

    let half = usize::try_from(MAX_MANIFEST_BYTES / 2).unwrap();
    let large = |fill| Referrer {
        annotations: BTreeMap::from([("k".to_owned(), "v".repeat(half))]),
        ..referrer(fill)
    };
    let one = stored(&ReferrerIndex::empty().with(&[large(1)]).unwrap().unwrap());
    let error = one.with(&[large(2)]).unwrap_err();
    assert!(matches!(error, InvalidManifest::TooLarge { .. }), "{error}");
}

proptest! {
    #[test]
    fn a_set_keeps_all_and_takes_each_once(
        present in prop::collection::vec(0_usize..12, 0..12),
        added in prop::collection::vec(0_usize..12, 0..12),
    ) {
        let referrers = |fills: &[usize]| fills.iter().map(|fill| referrer(*fill)).collect::<Vec<_>>();
        let before = match ReferrerIndex::empty().with(&referrers(&present)).unwrap() {
            Some(manifest) => stored(&manifest),
            None => ReferrerIndex::empty(),
        };
        let after = match before.with(&referrers(&added)).unwrap() {
            Some(manifest) => stored(&manifest),
            None => before.clone(),
        };
        prop_assert!(after.referrers().starts_with(before.referrers()));
        prop_assert!(added.iter().all(|fill| after.contains(&referrer(*fill).descriptor.digest)));
        let mut distinct: Vec<usize> = present.iter().chain(&added).copied().collect();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(after.referrers().len(), distinct.len());
        prop_assert!(after.with(&referrers(&added)).unwrap().is_none());
    }

    #[test]
    fn reading_never_panics(
        text in "(\\{|\\}|\\[|\\]|,|:|null|1|\"manifests\"|\"digest\"|\"size\"|\"mediaType\"|\"a/b\"|é){0,40}",
    ) {
        let _ = parse(&text);
        let _ = Referrer::parse_page(text.as_bytes());
    }
}
