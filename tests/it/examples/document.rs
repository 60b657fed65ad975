//! Workflows and manifests: each of the document is among the examples, as it stands there, and each of the
//! examples is of the document.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The files of a folder that are a workflow's or a manifest's, by name.
fn names(path: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder(path)).expect("a folder").flatten();
    let names = files.map(|file| file.file_name().into_string().expect("our own names"));
    let is_of_two_words = |name: &String| name.split('.').count() == 3 && name.contains(".yaml");
    names.filter(is_of_two_words).collect()
}

fn text(path: &str) -> String {
    fs::read_to_string(folder(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Reads each document of a file of YAML.
pub(super) fn documents(text: &str) -> Vec<Value> {
    let parts = text.split("\n---\n");
    parts.map(|part| serde_saphyr::from_str(part).expect("it is YAML")).collect()
}

#[test]
fn every_workflow_and_manifest_of_the_document_stands_among_the_examples_as_it_was() {
    let document = names("tests/it/examples/document");
    assert_eq!(names("examples"), document);
    assert_eq!(document.len(), 7, "{document:?}");
    for name in document {
        // The document's config is the example's, under its own name.
        let config = format!("{}.yaml", name.split('.').next().unwrap_or_default());
        let expected = text(&format!("tests/it/examples/document/{name}"));
        let expected = expected.replace("flux-mirror.yaml", &config);
        let own = text(&format!("examples/{name}"));
        assert_eq!(documents(&own), documents(&expected), "{name}");
        assert!(folder(&format!("examples/{config}")).is_file(), "{name} has no config");
        // Nor are its comments lost, but for the first: where the file is to stand.
        let comments = |text: &str| -> Vec<String> {
            let lines = text.lines().filter_map(|line| line.split_once('#'));
            lines.map(|(_, comment)| comment.trim().to_owned()).collect()
        };
        let (own, expected) = (comments(&own), comments(&expected));
        let missing: Vec<_> = expected.iter().filter(|line| !own.contains(line)).collect();
        assert!(missing.is_empty(), "{name} has not {missing:?}");
    }
}
