//! Metadata as Helm makes it, over the corpus of `tests/corpus`, and what Helm refuses.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

const BASE: &str = "apiVersion: v2\nname: app\nversion: 1.0.0\n";

/// Each folder has a Chart.yaml, perhaps a requirements.yaml, and the config that Helm 3.22 makes of
/// them; `tests/helm.rs` asks Helm again.
#[test]
fn configs_are_those_that_helm_makes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut cases = 0;
    for case in fs::read_dir(corpus).unwrap().flatten() {
        let file = |name: &str| fs::read(case.path().join(name));
        let expected = String::from_utf8(file("config.json").unwrap()).unwrap();
        let (chart, requirements) = (file("Chart.yaml").unwrap(), file("requirements.yaml").ok());
        let metadata = Metadata::read(&chart, requirements.as_deref());
        let metadata =
            metadata.unwrap_or_else(|error| panic!("{}: {error}", case.path().display()));
        assert_eq!(metadata.json(), expected, "{}", case.path().display());
        cases += 1;
    }
    assert!(cases >= 60, "{cases} cases");
}

/// Every error, by what it says.
#[track_caller]
fn check(chart: &str, expected: &str) {
    let error = Metadata::read(chart.as_bytes(), None).unwrap_err();
    let mut text = error.to_string();
    if let Some(source) = std::error::Error::source(&error) {
        text = format!("{text}: {source}");
    }
    assert!(text.contains(expected), "{chart}: {text}");
}

#[test]
fn what_helm_refuses_is_refused() {
    let with = |more: &str| format!("{BASE}{more}");
    check("", "Chart.yaml has no name");
    check("apiVersion: v2\nversion: 1.0.0\n", "Chart.yaml has no name");
    check("apiVersion: v2\nname: app\n", "Chart.yaml has no version");
    check(
        "name: app\nversion: 1.0.0.0\n",
        "`version` of Chart.yaml is `1.0.0.0`, which is no version",
    );
    check("name: a/b\nversion: 1.0.0\n", "`name` of Chart.yaml is `a/b`, which is a path");
    check("name: ..\nversion: 1.0.0\n", "which is a path");
    check("name: \"\\u200B\"\nversion: 1.0.0\n", "Chart.yaml has no name");
    check("[]", "`the document` of Chart.yaml is a list, not a mapping");
    check("text", "`the document` of Chart.yaml is text, not a mapping");
    check("a: [", "Chart.yaml is no YAML: ");
    check(&with("type: plugin\n"), "which is neither application nor library");
    check(&with("description: [a]\n"), "`description` of Chart.yaml is a list, not text");
    check(&with("keywords: a\n"), "`keywords` of Chart.yaml is text, not a list");
    check(&with("keywords: [{a: 1}]\n"), "`keywords[0]` of Chart.yaml is a mapping, not text");
    check(&with("annotations: [a]\n"), "`annotations` of Chart.yaml is a list, not a mapping");
    check(&with("annotations: {a: {}}\n"), "`annotations.a` of Chart.yaml is a mapping, not text");
    check(&with("deprecated: 'true'\n"), "`deprecated` of Chart.yaml is text, not a boolean");
    check(&with("maintainers: [{email: []}]\n"), "`maintainers[0].email` of Chart.yaml is a list");
    check(&with("maintainers: [Ada]\n"), "`maintainers[0]` of Chart.yaml is text, not a mapping");
    check(&with("maintainers: [~]\n"), "an empty item among its maintainers");
    check(&with("dependencies: [~]\n"), "an empty item among its dependencies");
    check(
        &with("dependencies: [{name: a}, {name: a}]\n"),
        "two dependencies with the name or alias `a`",
    );
    check(&with("dependencies: [{name: a, alias: a.b}]\n"), "`alias` of Chart.yaml is `a.b`");
    check(
        &with("dependencies: [{name: a, import-values: [.nan]}]\n"),
        "`dependencies[0].import-values[0]`",
    );
}

#[test]
fn what_helm_cannot_print_is_gone_and_the_rest_stays() {
    for (text, expected) in [
        ("a b", "a b"),
        ("a\u{7f}b", "ab"),
        ("\u{2028}", " "),
        ("é 漢 🚀 ½ ‘’ ₿", "é 漢 🚀 ½ ‘’ ₿"),
        ("\u{200b}\u{ad}\u{e000}\u{378}", ""),
    ] {
        let escape = |next: char| format!("\\U{:08X}", u32::from(next));
        let escaped = text.chars().map(escape).collect::<Vec<_>>().concat();
        let chart = format!("{BASE}description: \"{escaped}\"\n");
        let metadata = Metadata::read(chart.as_bytes(), None).unwrap();
        assert_eq!(metadata.description, expected);
    }
}

proptest! {
    #[test]
    fn reading_never_panics(
        chart in prop::collection::vec(any::<u8>(), 0..200),
        requirements in prop::option::of(prop::collection::vec(any::<u8>(), 0..100)),
    ) {
        let _ = Metadata::read(&chart, requirements.as_deref());
    }

    /// Whatever text a field has, its config is JSON that says the same, and what was cleaned once
    /// stays as it is.
    #[test]
    fn configs_are_json(text in any::<String>()) {
        let quoted = serde_json::to_string(&text).unwrap();
        let chart = format!("{BASE}annotations: {{a: {quoted}}}\ndescription: {quoted}\n");
        if let Ok(metadata) = Metadata::read(chart.as_bytes(), None) {
            let config: serde_json::Value = serde_json::from_str(&metadata.json()).unwrap();
            prop_assert_eq!(config["annotations"]["a"].as_str().unwrap(), text);
            let again = Metadata::read(metadata.json().as_bytes(), None).unwrap();
            prop_assert_eq!(again.json(), metadata.json());
        }
    }
}
