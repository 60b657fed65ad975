//! Indexes: what is kept, what is passed over, what is refused.

use proptest::prelude::*;

use super::*;

fn wanted(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn parse(text: &str) -> Result<Index, IndexError> {
    Index::parse(text.as_bytes(), &wanted(&["app", "other"]))
}

/// What of an index was kept: `version urls digest`, and what was passed over.
fn shown(index: &Index) -> String {
    let mut lines = Vec::new();
    for (chart, versions) in &index.charts {
        for ChartVersion { version, urls, digest, .. } in versions {
            let digest =
                digest.map_or_else(String::new, |digest| format!(" {}", &digest.hex()[..4]));
            lines.push(format!("{chart} {version} {}{digest}", urls.join(" ")));
        }
    }
    lines.extend(index.passed_over.iter().map(|one| format!("- {one}")));
    lines.join("\n")
}

const DIGEST: &str = "aaaabbbbccccddddeeeeffff0000111122223333444455556666777788889999";

#[test]
fn yaml_and_json_are_read_alike() {
    let yaml = format!(
        "apiVersion: v1\nentries:\n  app:\n  - version: 1.1.0+b.1\n    urls: [app-1.1.0.tgz, 'https://b.example/a']\n    digest: {DIGEST}\n    annotations: {{a: [b]}}\n  - {{version: 1.0.0, urls: [app-1.0.0.tgz]}}\n  unwanted:\n  - version: 3.0.0\n    urls: [x]\ngenerated: now\n"
    );
    let json = format!(
        r#"{{"apiVersion":"v1","entries":{{"app":[{{"version":"1.1.0+b.1","urls":["app-1.1.0.tgz","https://b.example/a"],"digest":"{DIGEST}","annotations":{{"a":["b",1,null,true,1.5]}}}},{{"version":"1.0.0","urls":["app-1.0.0.tgz"]}}],"unwanted":[{{"version":"3.0.0","urls":["x"]}}]}},"generated":"now"}}"#
    );
    let expected = "app 1.1.0+b.1 app-1.1.0.tgz https://b.example/a aaaa\napp 1.0.0 app-1.0.0.tgz";
    for text in [yaml, format!("\u{feff}{json}"), json] {
        let index = parse(&text).unwrap();
        assert_eq!(shown(&index), expected);
        assert_eq!(index.versions("app").unwrap().len(), 2);
        assert_eq!(index.versions("other"), None);
        assert_eq!(index.versions("unwanted"), None);
        assert_eq!(index.nearest("ap"), ["app"]);
        assert_eq!(index.nearest("unwanted2"), ["unwanted"]);
    }
}

#[test]
fn an_index_in_flow_style_is_yaml() {
    for text in [
        "{apiVersion: v1, entries: {app: [{version: 1.0.0, urls: [a]}]}}",
        "{ # charts\n 'entries': {app: [{version: 1.0.0, urls: [a]}]}}",
    ] {
        assert_eq!(shown(&parse(text).unwrap()), "app 1.0.0 a");
    }
}

/// An index with these versions of `app`, in YAML.
fn with(versions: &str) -> Index {
    parse(&format!("apiVersion: v1\nentries:\n  app:\n{versions}\n")).unwrap()
}

#[test]
fn what_is_no_version_is_passed_over_and_named() {
    let check = |versions: &str, expected: &str| assert_eq!(shown(&with(versions)), expected);
    check("  - version: 1.0.0\n    urls: [a]", "app 1.0.0 a");
    check("  - version: 1.10\n    urls: [a]", "app 1.1 a");
    check("  - version: '1.10'\n    urls: [a]", "app 1.10 a");
    check("  - version: v1\n    urls: []", "app v1 ");
    check("  - version: 1.0.0", "app 1.0.0 ");
    check("  - ~\n  - version: 1.0.0", "app 1.0.0 \n- app: a version is no mapping");
    check("  - [a]\n  - text", "- app: a version is no mapping\n- app: a version is no mapping");
    check("  - urls: [a]", "- app: it has no version");
    check("  - version: ~", "- app: it has no version");
    check("  - version: latest", "- app latest: its version is none");
    check("  - version: {a: b}", "- app: a field of it is of another kind than it should be");
    check(
        "  - {version: 1.0.0, urls: {a: b}}",
        "- app 1.0.0: a field of it is of another kind than it should be",
    );
    check(
        "  - {version: 1.0.0, urls: [[a]]}",
        "- app 1.0.0: a field of it is of another kind than it should be",
    );
    check("  - {version: 1.0.0, digest: abc}", "- app 1.0.0: its digest is no sha256");
    check("  - {version: 1.0.0, digest: 'md5:00'}", "- app 1.0.0: its digest is no sha256");
    check("  - {version: 1.0.0, digest: ''}", "app 1.0.0 ");
    check("  - {version: 1.0.0, digest: ~}", "app 1.0.0 ");
    check(
        &format!("  - {{version: 1.0.0, digest: 'sha256:{}'}}", DIGEST.to_uppercase()),
        "app 1.0.0  aaaa",
    );
    check(
        "  - {version: 1.0.0, urls: [first]}\n  - {version: 1.0.0, urls: [second]}",
        "app 1.0.0 first\n- app 1.0.0: it stands there twice, of which the first counts",
    );
    check(
        &format!("  - version: 1.0.0-{}", "a".repeat(130)),
        &format!("- app 1.0.0-{}: its version makes no tag", "a".repeat(130)),
    );
    check(
        "  - {version: 1.0.0, urls: ['https://me:hunter2@b.example/a']}",
        "app 1.0.0 https://b.example/a",
    );
    check("  - {version: 1.0.0, urls: ['charts//app@1.tgz']}", "app 1.0.0 charts//app@1.tgz");
    check("  - {version: 1.0.0, urls: ['//me@b.example/a']}", "app 1.0.0 //b.example/a");
    check(
        "  - {version: 1.0.0, urls: ['https://me:hunter2@b.example:99999/a', b]}",
        "app 1.0.0 b\n- app 1.0.0: a URL of it is none",
    );
    // Its length is that of what is handed on, which is escaped.
    check(
        &format!("  - {{version: 1.0.0, urls: ['//me@b.example/{}']}}", "\u{e9}".repeat(3 << 10)),
        "- app 1.0.0: a URL of it is longer than 8 KiB",
    );
    let long = "a".repeat((8 << 10) - 20);
    check(
        &format!("  - {{version: 1.0.0, urls: ['//{}@b.example/{long}']}}", "m".repeat(100)),
        &format!("app 1.0.0 //b.example/{long}"),
    );
    check("  - {version: \"1\\e[31m\"}", "- app 1\\u{1b}[31m: its version is none");
    check("   a: b", "- app: its versions are no list");
    check("   ~", "");
    check("  - {version: 1.0.0, urls: a.tgz}", "app 1.0.0 \n- app 1.0.0: its urls are no list");
    check("  - {version: 1.0.0, urls: ~}", "app 1.0.0 ");
    check("  - {version: 1.0.0, urls: ''}", "app 1.0.0 \n- app 1.0.0: its urls are no list");
    let urls = |count| vec!["a"; count];
    let listed = |count| format!("  - {{version: 1.0.0, urls: [{}]}}", urls(count).join(", "));
    let kept = format!("app 1.0.0 {}", urls(8).join(" "));
    check(&listed(8), &kept);
    let more = "- app 1.0.0: it has more than 8 URLs, of which the first are tried";
    check(&listed(9), &format!("{kept}\n{more}"));
    check(&listed(20), &format!("{kept}\n{more}"));
    let many = "  - ~\n".repeat(500);
    assert_eq!(with(&many).passed_over().len(), 100);
}

#[test]
fn what_is_lost_of_a_chart_is_counted() {
    let check = |versions: &str, expected: &str| {
        let index = with(versions);
        let shown = |lost: &Lost| format!("{} first {}", lost.entries, lost.first);
        assert_eq!(index.lost("app").map(shown).unwrap_or_default(), expected, "{versions}");
        assert_eq!(index.lost("other"), None);
    };
    check("  - ~\n  - version: latest", "2 first app: a version is no mapping");
    check("  - {version: 1.0.0, digest: 'md5:00'}", "1 first app 1.0.0: its digest is no sha256");
    check("   a: b", "1 first app: its versions are no list");
    check(&"  - text\n".repeat(500), "500 first app: a version is no mapping");
    // A version of which something else is passed over is one.
    check("  - version: 1.0.0\n  - version: 1.0.0", "");
    check("  - {version: 1.0.0, urls: ['https://a.example:99999/a']}", "");
    check("   ~", "");
}

#[test]
fn an_index_without_charts_is_one() {
    for text in
        ["apiVersion: v1", "entries: {}", "apiVersion: v1\nentries: ~\n", "{\"entries\":{}}"]
    {
        assert_eq!(shown(&parse(text).unwrap()), "");
    }
}

/// Every broken index, and what is said of it.
#[track_caller]
fn check(text: &[u8], expected: &str) {
    let error = Index::parse(text, &wanted(&["app"])).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_is_no_index_is_named() {
    check(b"", "it is empty");
    check(b" \n", "it is empty");
    check(b"<!DOCTYPE html><html>", "it is a web page");
    check(b"\n<html>", "it is a web page");
    check(b"404 page not found", "an index is a mapping, at line 1, column 1");
    check(b"[]", "an index is a mapping");
    check(b"error: not found", "it is no index of charts");
    check(b"{\"errors\":[{\"code\":\"DENIED\"}]}", "it is no index of charts");
    check(b"---\n", "an index is a mapping");
    check(b"entries: []", "its entries are no mapping, at line 1, column 10");
    check(b"entries:\n  app: [\n", "at line ");
    check(b"entries: {app: [{version: 1.0.0}", "at line ");
    check(b"{\"entries\": {\"app\": [", "at line 1, column ");
    check(b"{\"entries\": {}} more", "trailing characters, at line 1");
    check(b"entries:\n\tapp: []", "at line 2");
    check(b"entries:\n  app: \xff", "it is not UTF-8, at line 2, column 8");
    check(b"{\"entries\": {\"\xff\": []}}", "at line 1");
    check(&gzip(b"entries: {}"), "it is not UTF-8");
}

#[test]
fn what_two_readers_could_read_differently_is_refused() {
    const TWICE: &str = "a key stands there twice";
    check(b"entries: {}\nentries: {}", TWICE);
    check(b"{\"entries\": {}, \"entries\": {}}", TWICE);
    check(b"apiVersion: v1\napiVersion: v2", TWICE);
    check(b"entries:\n  app: []\n  app: []", "a key stands there twice, at line 3, column 3");
    check(b"entries: {x: [], x: []}", TWICE);
    check(b"{\"entries\": {\"x\": [], \"x\": []}}", TWICE);
    check(b"entries: {app: [{version: 1.0.0, version: 2.0.0}]}", TWICE);
    check(b"entries: {app: [{urls: [a], urls: [b]}]}", TWICE);
    check(b"{\"entries\":{\"app\":[{\"digest\":\"a\",\"digest\":\"b\"}]}}", TWICE);
    check(b"entries: {[a]: []}", "a key is no text");
    check(b"[a]: b", "a key is no text");
    check(b"{[a]: b}", "at line 1");
    check(b"entries: {app: [{{a: b}: c}]}", "a key is no text");
    check(b"a: &a [x]\nentries: {app: *a}", "an index has no aliases, at line 2, column 16");
    check(b"entries: {app: *a}", "at line 1");
}

#[test]
fn indexes_without_an_end_are_refused() {
    let deep = |open: &str, close: &str| format!("x: {}{}", open.repeat(70), close.repeat(70));
    check(deep("[", "]").as_bytes(), "it is nested more than 64 deep");
    let json = |depth: usize| format!("{{\"x\": {}1{}}}", "[".repeat(depth), "]".repeat(depth));
    check(json(70).as_bytes(), "it is nested more than 64 deep");
    check(json(100_000).as_bytes(), "it is nested more than 64 deep");
    check(deep("- ", "").as_bytes(), "at line 1");
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nentries: {}\n";
    check(bomb.as_bytes(), "an index has no aliases");
    let names =
        (0..=100_000).fold(String::from("entries:\n"), |text, at| text + &format!(" c{at}:\n"));
    check(names.as_bytes(), "it has more than 100000 charts");
    let keys = (0..=1_000).fold(String::new(), |text, at| text + &format!("k{at}:\n"));
    check(keys.as_bytes(), "it has more than 1000 keys");
    let fields = (0..=1_000).map(|at| format!("k{at}: 1")).collect::<Vec<_>>().join(", ");
    check(
        format!("entries: {{app: [{{{fields}}}]}}").as_bytes(),
        "a version has more than 1000 keys",
    );
}

#[test]
fn versions_are_chosen_by_the_selector() {
    let index = with(
        "  - version: 1.9.0\n  - version: 2.0.0-rc.1\n  - version: 1.10.0+b.1\n  - version: 0.9.0",
    );
    let check = |semver: &str, limit: usize, expected: &[&str]| {
        let spec = SelectorSpec { semver: Some(semver.to_owned()), limit, ..Default::default() };
        let selector = Selector::compile(spec).unwrap();
        let chosen = selector.select(index.versions("app").unwrap());
        let versions: Vec<&str> = chosen.into_iter().map(AsRef::as_ref).collect();
        assert_eq!(versions, expected, "{semver}");
    };
    check("*", 1, &["1.10.0+b.1"]);
    check(">=1.0.0", 0, &["1.10.0+b.1", "1.9.0"]);
    check(">=1.0.0-0", 2, &["2.0.0-rc.1", "1.10.0+b.1"]);
    check("1.9.0", 1, &["1.9.0"]);
    check(">=3", 1, &[]);
}

#[test]
fn the_newest_versions_are_found() {
    let index = with(
        "  - version: 1.0.0\n  - version: 1.10.0\n  - version: 1.9.0\n  - version: 2.0.0-rc.1",
    );
    assert_eq!(index.newest("app"), ["2.0.0-rc.1", "1.10.0", "1.9.0"]);
    assert_eq!(index.newest("other"), Vec::<&str>::new());
    assert!(index.covers(&wanted(&["app"])) && !index.covers(&wanted(&["third"])));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn reading_never_panics(text in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Index::parse(&text, &wanted(&["app"]));
    }

    #[test]
    fn reading_what_looks_like_an_index_never_panics(
        text in "(entries|app|version|urls|digest|1\\.0\\.0|: |:\n|- |\n  |\n|[\\[\\]{},\"'&*#|]){0,60}",
        json in any::<bool>(),
    ) {
        let text = if json { format!("{{\"entries\":{text}") } else { format!("entries:\n  app:\n{text}") };
        let _ = Index::parse(text.as_bytes(), &wanted(&["app"]));
    }

    /// What is kept are versions, each once, and as many as were written.
    #[test]
    fn versions_are_kept_once(versions in prop::collection::vec("[0-2]\\.[0-2]", 0..12)) {
        let line = |version: &String| format!("  - version: '{version}'\n");
        let lines = versions.iter().map(line).collect::<Vec<_>>().concat();
        let index = with(&lines);
        let kept: BTreeSet<&str> =
            index.versions("app").unwrap_or_default().iter().map(AsRef::as_ref).collect();
        prop_assert_eq!(kept.len(), index.versions("app").unwrap_or_default().len());
        prop_assert_eq!(kept, versions.iter().map(String::as_str).collect());
    }
}
