//! Tables of entries and what becomes of them, and the laws of editing.

use mirror_oci::{Descriptor, Digest, MediaType, Referrer, Tag};
use proptest::prelude::*;

use super::{EMPTY, Index, Pointer, Update, edit};

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn digest(content: &str) -> Digest {
    Digest::of(content.as_bytes())
}

fn manifest(content: &str) -> Descriptor {
    Descriptor {
        media_type: MediaType::parse(MediaType::OCI_MANIFEST).unwrap(),
        digest: digest(content),
        size: content.len() as u64,
        artifact_type: None,
    }
}

fn update(name: &str, content: &str) -> Update {
    Update::Tag { tag: tag(name), manifest: manifest(content) }
}

fn attach(content: &str, annotations: &[&str]) -> Update {
    let mut descriptor = manifest(content);
    descriptor.artifact_type = Some("a/t".to_owned());
    let annotations = annotations.iter().map(|key| ((*key).to_owned(), "v".to_owned()));
    let referrer = Referrer { descriptor, annotations: annotations.collect() };
    Update::Attach { referrer, subject: None }
}

/// An entry: `name=content`, or `=content` for one without a name.
fn entry(text: &str) -> String {
    let (name, content) = text.rsplit_once('=').unwrap();
    let digest = if content == "?" { "blake3:00".to_owned() } else { digest(content).to_string() };
    let annotations = match name {
        "" => String::new(),
        name => format!(r#", "annotations": {{"org.opencontainers.image.ref.name": "{name}"}}"#),
    };
    format!(r#"{{"mediaType": "a/b", "digest": "{digest}", "size": 1{annotations}}}"#)
}

fn index(entries: &str) -> String {
    let entries: Vec<String> = entries.split_whitespace().map(entry).collect();
    format!("{{\n \"manifests\": [{}]}}", entries.join(", "))
}

/// Entries, and the tags as `tag=content`, with `?` for no digest and `!` for too many.
#[track_caller]
fn check_read(entries: &str, expected: &str) {
    let read = Index::parse(index(entries).as_bytes()).unwrap();
    let shown: Vec<String> = read
        .tags
        .iter()
        .map(|tag| match read.pointer(tag).unwrap() {
            Pointer::To(found, _) => {
                let content = ["a", "b", "c"].into_iter().find(|text| digest(text) == *found);
                format!("{tag}={}", content.unwrap())
            }
            Pointer::Unreadable => format!("{tag}=?"),
            Pointer::Ambiguous => format!("{tag}=!"),
        })
        .collect();
    assert_eq!(shown.join(" "), expected, "{entries}");
}

#[test]
fn tags_are_read_in_their_order() {
    check_read("", "");
    check_read("2=a 1=b latest=a", "2=a 1=b latest=a");
    check_read("=a 1=b", "1=b");
    check_read("a/b=a no,tag=b 1+meta=c .x=a", "");
    check_read("docker.io/library/nginx:1.27=a", "1.27=a");
    check_read("localhost:5000/nginx:1=a localhost:5000/nginx=b", "1=a");
    check_read("nginx:1@sha256:00=a nginx@sha256:00=b :1=c", "1=a");
    check_read("host/x:1=a 1=b host/y:1=c", "1=b");
    check_read("1=b host/x:1=a", "1=b");
    check_read("1=a 2=b 1=a", "1=a 2=b");
    check_read("1=a 2=b 1=b", "1=! 2=b");
    check_read("x:1=a y:1=b", "1=!");
    check_read("x:1=a y:1=b 1=c", "1=c");
    check_read("1=? 2=b", "1=? 2=b");
    check_read("1=? 1=b 1=b", "1=!");
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    for (text, expected) in [
        ("", "EOF"),
        ("[]", "expected an object"),
        (r#"{"manifests":[],"manifests":[]}"#, "key \"manifests\" stands twice"),
        (r#"{"manifests":[],"Manifests":[]}"#, "key \"Manifests\" is ambiguous"),
        (r#"{"manifests":{}}"#, "expected a sequence"),
        (r#"{"manifests":[{}]}"#, "missing field `digest`"),
        (r#"{"manifests":[{"digest":"a","digest":"b"}]}"#, "duplicate field `digest`"),
    ] {
        let error = Index::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
        let error = edit(text.as_bytes(), &[update("1", "a")]).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    for text in ["{}", r#"{"manifests":null}"#, EMPTY] {
        assert!(Index::parse(text.as_bytes()).unwrap().tags.is_empty(), "{text}");
    }
}

#[test]
fn media_types_are_known_by_digest() {
    let read = Index::parse(index("=a 1=b").as_bytes()).unwrap();
    assert_eq!(read.media_type(&digest("a")).map(MediaType::as_str), Some("a/b"));
    assert_eq!(read.media_type(&digest("c")), None);
}

/// Entries, updates (`tag=content`, `+content` for what is attached), and the entries after them; `same`
/// for no change.
#[track_caller]
fn check_edit(entries: &str, updates: &str, expected: &str) {
    let updates: Vec<Update> = updates
        .split_whitespace()
        .map(|text| match text.strip_prefix('+') {
            Some(content) => attach(content, &[]),
            None => text.split_once('=').map(|(name, content)| update(name, content)).unwrap(),
        })
        .collect();
    let Some(edited) = edit(index(entries).as_bytes(), &updates).unwrap() else {
        assert_eq!(expected, "same", "{entries} with {updates:?}");
        return;
    };
    let edited: serde_json::Value = serde_json::from_slice(&edited).unwrap();
    let shown: Vec<String> = edited["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str();
            let is_it = |text: &&str| entry["digest"] == digest(text).to_string();
            let content = ["a", "b", "c"].into_iter().find(is_it);
            format!("{}={}", name.unwrap_or_default(), content.unwrap())
        })
        .collect();
    assert_eq!(shown.join(" "), expected, "{entries} with {updates:?}");
}

#[test]
fn tags_are_put_where_they_belong() {
    check_edit("", "1=a", "1=a");
    check_edit("1=a", "1=a", "same");
    check_edit("1=a 2=b 3=c", "2=c", "1=a 2=c 3=c");
    check_edit("1=a 1=b 2=c 1=c", "1=b", "1=b 2=c");
    check_edit("1=b 2=c 1=c", "1=b", "1=b 2=c");
    check_edit("=a =b", "1=b", "=a 1=b");
    check_edit("=a =b", "1=b 2=b", "=a 1=b 2=b");
    check_edit("=a", "1=b 1=c 1=a", "=a 1=a");
    check_edit("1=?", "1=a", "1=a");
    check_edit("host/x:1=a", "1=b", "host/x:1=a 1=b");
    check_edit("2=a", "1=a", "2=a 1=a");
}

#[test]
fn what_is_attached_has_one_entry() {
    check_edit("", "+a", "=a");
    check_edit("", "+b +a +b", "=b =a");
    check_edit("=b =a", "+a", "same");
    check_edit("1=a", "+a", "same");
    check_edit("host/x:1=a", "+a", "same");
    check_edit("1=a", "1=b +a", "1=b =a");
    check_edit("1=a 1=a", "1=b +a", "1=b =a");
    check_edit("1=a", "+a 1=b", "1=b");
    check_edit("", "+a 1=a +a", "1=a");
    check_edit("=a", "1=a 1=b +a", "1=b =a");
}

#[test]
fn an_entry_of_what_is_attached_has_no_name() {
    let named = ["org.opencontainers.image.ref.name", "io.containerd.image.name"];
    let edited = edit(EMPTY.as_bytes(), &[attach("a", &named)]).unwrap().unwrap();
    let entry = |annotations: &str| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":1,{annotations}"artifactType":"a/t"}}]}}"#,
            digest("a")
        )
    };
    assert_eq!(String::from_utf8(edited).unwrap(), entry(""));
    let edited = edit(EMPTY.as_bytes(), &[attach("a", &["k", named[0]])]).unwrap().unwrap();
    assert_eq!(String::from_utf8(edited).unwrap(), entry(r#""annotations":{"k":"v"},"#));
}

#[test]
fn what_is_not_changed_keeps_its_bytes() {
    let kept = r#"{"x": [1.0e400,  "\u0041"], "digest":"md5:1"}"#;
    let unnamed = format!(
        r#"{{"digest":"{}","platform":{{ "os" : "linux"}},"annotations":{{"b":"1","a":"2"}}}}"#,
        digest("a")
    );
    let text = format!(
        r#"{{"schemaVersion":2, "z":{{"b":1,"a":2}},"manifests":[ {kept} , {unnamed}],"a":1e2}}"#
    );
    let edited = edit(text.as_bytes(), &[update("1", "a")]).unwrap().unwrap();
    let tagged =
        unnamed.replace(r#""a":"2"}"#, r#""a":"2","org.opencontainers.image.ref.name":"1"}"#);
    assert_eq!(
        String::from_utf8(edited).unwrap(),
        format!(
            r#"{{"schemaVersion":2,"z":{{"b":1,"a":2}},"manifests":[{kept},{tagged}],"a":1e2}}"#
        )
    );
}

#[test]
fn a_new_entry_is_a_descriptor_with_the_tag() {
    let edited = edit(EMPTY.as_bytes(), &[update("1", "a")]).unwrap().unwrap();
    let expected = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":1,"annotations":{{"org.opencontainers.image.ref.name":"1"}}}}]}}"#,
        digest("a")
    );
    assert_eq!(String::from_utf8(edited).unwrap(), expected);
}

proptest! {
    /// Each tag stands for what it was given last, all others for what they stood for, and to do it
    /// again changes nothing.
    #[test]
    fn editing_is_a_set_of_assignments(
        entries in prop::collection::vec("(|[1-4]|h/x:[1-4])=[abc]", 0..8),
        updates in prop::collection::vec(("[1-4]", "[abc]"), 1..6),
    ) {
        let text = index(&entries.join(" "));
        let before = Index::parse(text.as_bytes()).unwrap();
        let all = |updates: &[(String, String)]| -> Vec<Update> {
            updates.iter().map(|(name, content)| update(name, content)).collect()
        };
        let edited = edit(text.as_bytes(), &all(&updates)).unwrap();
        let edited = edited.unwrap_or_else(|| text.into_bytes());
        let after = Index::parse(&edited).unwrap();
        for name in ["1", "2", "3", "4"] {
            let last = updates.iter().rev().find(|(tag, _)| tag == name);
            match (last, after.pointer(&tag(name))) {
                (Some((_, content)), Some(Pointer::To(found, _))) => {
                    prop_assert_eq!(*found, digest(content));
                }
                (Some(_), other) => prop_assert!(false, "{:?}", other),
                (None, pointer) => prop_assert_eq!(pointer, before.pointer(&tag(name))),
            }
        }
        let mut again = updates;
        let mut seen = std::collections::HashSet::new();
        again.reverse();
        again.retain(|(name, _)| seen.insert(name.clone()));
        prop_assert_eq!(edit(&edited, &all(&again)).unwrap(), None);
    }

    /// What is attached has an entry after all, no tag changes by it, and to do it again changes nothing.
    #[test]
    fn attaching_is_adding_to_a_set(
        entries in prop::collection::vec("(|[1-4]|h/x:[1-4])=[abc]", 0..8),
        attached in prop::collection::vec("[abc]", 1..6),
    ) {
        let text = index(&entries.join(" "));
        let before = Index::parse(text.as_bytes()).unwrap();
        let updates: Vec<Update> = attached.iter().map(|content| attach(content, &[])).collect();
        let edited = edit(text.as_bytes(), &updates).unwrap();
        let edited = edited.unwrap_or_else(|| text.into_bytes());
        let after = Index::parse(&edited).unwrap();
        prop_assert!(after.entries.starts_with(&before.entries));
        for content in &attached {
            prop_assert!(after.entries.iter().any(|entry| entry.digest == Some(digest(content))));
        }
        prop_assert_eq!(&after.tags, &before.tags);
        for tag in &before.tags {
            prop_assert_eq!(after.pointer(tag), before.pointer(tag));
        }
        prop_assert_eq!(edit(&edited, &updates).unwrap(), None);
    }

    #[test]
    fn reading_never_panics(text in ".*") {
        let _ = Index::parse(text.as_bytes());
        let _ = edit(text.as_bytes(), &[update("1", "a")]);
    }
}
