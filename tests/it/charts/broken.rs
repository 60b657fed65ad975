//! Broken repositories: each a clear error of its own entry, nothing published, memory within bounds.
//!
//! Many at once, beside one that is whole: what one has wrong is nobody else's matter.

use mirror_tests::chart::{archive, archive_of, chart, digest, gzip, index};
use mirror_tests::mode::is_fleet;
use mirror_tests::sample::noise;

use super::*;
use crate::requests::pair::{assert_rows, rows};

/// What a run may take at its worst, of which most is what archives are held in.
const MOST_BYTES: u64 = 300 << 20;
const MIB: usize = 1 << 20;

const CONFIG_START: &str = "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\ncharts:\n";

const METADATA: &str = "apiVersion: v2\nname: app\nversion: 1.0.0\n";
const OWN: &str = "app/Chart.yaml";

/// Archives of `app`, each broken in another way, and what is said of it.
fn archives() -> Vec<(Bytes, &'static str)> {
    let chart_with = |file: &str, kind: u8, content: &str| {
        archive_of(&[(OWN, b'0', METADATA), (file, kind, content)])
    };
    let with_metadata = |text: &str| archive(&[(OWN, text)]);
    let whole = chart("app", "1.0.0");
    let mut corrupt = whole.to_vec();
    let checksum = corrupt.len() - 6;
    corrupt[checksum] ^= 1;
    let many: Vec<String> = (0..10_001).map(|at| format!("app/{at}")).collect();
    let many: Vec<(&str, &str)> = std::iter::once((OWN, METADATA))
        .chain(many.iter().map(|path| (path.as_str(), "")))
        .collect();
    let random = noise("padding", MIB);
    let random: String = random.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    let large = format!("{METADATA}description: {}\n", random.repeat(11));
    let aliases = (0..40).fold(String::from("a0: &a0 [x, x]\n"), |text, at| {
        text + &format!("a{next}: &a{next} [*a{at}, *a{at}]\n", next = at + 1)
    });
    let deep = format!("{METADATA}annotations: {}{}\n", "[".repeat(70), "]".repeat(70));
    vec![
        (Bytes::new(), "it is empty"),
        (Bytes::from("<!DOCTYPE html>"), "it is no gzip, but looks like a web page"),
        (Bytes::from("PK\u{3}\u{4}"), "it is no gzip, but a zip"),
        (whole.slice(..whole.len() / 2), "it is cut off"),
        (whole.slice(..whole.len() - 1), "it is cut off"),
        (corrupt.into(), "it does not unpack"),
        ([&whole[..], b"\n"].concat().into(), "something follows after the end of its gzip"),
        (gzip(b""), "it is empty"),
        (gzip(&[b'x'; 512]), "entry 1 of its tar has no header"),
        (gzip(&vec![0; 300 * MIB]), "it unpacks to more than 200 times its size"),
        (archive(&many), "it has more than 10000 entries"),
        (archive(&[(OWN, &large)]), "its Chart.yaml is larger than 10 MiB"),
        (chart_with("../x", b'0', ""), "its path `../x` climbs out of its folder"),
        (chart_with("app/../../x", b'0', ""), "climbs out of its folder"),
        (chart_with("/etc/passwd", b'0', ""), "its path `/etc/passwd` is absolute"),
        (chart_with("app//x", b'0', ""), "its path `app//x` is absolute in its folder"),
        (chart_with("c:/x", b'0', ""), "its path `c:/x` names a drive"),
        (chart_with("README.md", b'0', ""), "its path `README.md` lies outside the chart's folder"),
        (chart_with("app/x", b'2', "../../x"), "climbs out of the chart's folder"),
        (chart_with("app/x", b'2', "/etc/passwd"), "`/etc/passwd` is absolute"),
        (chart_with("app/null", b'3', ""), "is a device"),
        (chart_with(OWN, b'0', METADATA), "it has two Chart.yaml"),
        (chart_with("b/Chart.yaml", b'0', METADATA), "it has two Chart.yaml"),
        (
            archive_of(&[(OWN, b'2', "other.yaml"), ("app/other.yaml", b'0', METADATA)]),
            "its Chart.yaml is no file, but a symbolic link",
        ),
        (archive(&[("app/values.yaml", "a: 1")]), "it has no Chart.yaml in its top folder"),
        (chart("another", "1.0.0"), "has name `another` in its Chart.yaml where"),
        (chart("app", "1.0.1"), "has version `1.0.1` in its Chart.yaml where `1.0.0`"),
        (with_metadata(""), "Chart.yaml has no name"),
        (with_metadata("name: app\n"), "Chart.yaml has no version"),
        (with_metadata("name: [app]\nversion: 1.0.0\n"), "`name` of Chart.yaml is a list"),
        (with_metadata("a: [\n"), "Chart.yaml is no YAML"),
        (with_metadata(&format!("{METADATA}{aliases}")), "Chart.yaml is no YAML"),
        (with_metadata(&deep), "Chart.yaml is no YAML"),
    ]
}

both_modes!(a_broken_archive_is_the_failure_of_its_chart_alone);
async fn a_broken_archive_is_the_failure_of_its_chart_alone() {
    let (world, whole) = (World::new(), chart("app", "1.0.0"));
    let mut cases: Vec<(Bytes, String, &str)> = Vec::new();
    for (archive, expected) in archives() {
        let digest = digest(&archive);
        cases.push((archive, digest, expected));
    }
    assert!(cases.len() >= 30, "{} cases", cases.len());
    cases.push((whole.clone(), digest(b"something else"), " has digest sha256:"));
    cases.push((whole.clone(), digest(&whole), ""));

    let mut config = CONFIG_START.to_owned();
    for (at, (archive, digest, _)) in cases.iter().enumerate() {
        world.serve_bytes(&format!("{at}/app.tgz"), archive.clone());
        let listed = index("app", &[("1.0.0", "app.tgz", digest)]);
        world.serve_bytes(&format!("{at}/index.yaml"), listed);
        let (source, to) = (format!("{}/{at}", world.url()), world.registry.host());
        writeln!(config, "- {{name: app, source: '{source}', destination: 'oci://{to}/{at}'}}")
            .unwrap();
    }
    world.mirror.write("mirror.yaml", config);
    let done = world.sync(&["--retries=0"]).await;
    done.assert_code(1);
    let last = cases.len() - 1;
    for (at, (_, _, expected)) in cases[..last].iter().enumerate() {
        let rows = rows(&done, at);
        let [(tag, status, error)] = &rows[..] else { panic!("{expected}: {rows:?}") };
        assert_eq!((&**tag, &**status), ("1.0.0", "failed"), "{at}: {expected}");
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(error.contains(&format!("{}/{at}/app.tgz", world.url())), "{error}");
    }
    assert_rows(&done, last, &[("1.0.0", "copied")]);
    assert_eq!(world.registry.store().repositories(), [format!("{last}/app")]);
    within_bounds(&done);
}

/// Indexes, each broken in another way.
fn indexes() -> Vec<(Answer, &'static str)> {
    let ok = |body: &str| Answer::status(200).body(body.to_owned());
    let packed =
        |bytes: &[u8]| Answer::status(200).with("Content-Encoding", "gzip").body(gzip(bytes));
    let nested = |depth| format!("x: {}{}", "[".repeat(depth), "]".repeat(depth));
    let many =
        (0..=100_000).fold(String::from("entries:\n"), |text, at| text + &format!(" c{at}:\n"));
    let filler = format!("entries: {{}}\nx: |\n  {}\n", "a".repeat(65 * MIB));
    vec![
        (ok(""), "it is empty"),
        (ok("<!DOCTYPE html><html>"), "it is a web page: does the repository's URL"),
        (ok("not found"), "an index is a mapping, at line 1, column 1"),
        (ok("{\"errors\":[{\"code\":\"DENIED\"}]}"), "it is no index of charts"),
        (ok("entries: []"), "its entries are no mapping"),
        (ok("entries:\n  app: [\n"), "at line "),
        (ok("{\"entries\": {\"app\": ["), "at line 1, column "),
        (ok("entries: {}\nentries: {}"), "a key stands there twice"),
        (ok("entries: {app: [{version: 1.0.0, version: 2.0.0}]}"), "a key stands there twice"),
        (ok("{\"entries\": {\"app\": [], \"app\": []}}"), "a key stands there twice"),
        (ok("a: &a [x, x]\nb: &b [*a, *a]\nentries: {}\n"), "an index has no aliases"),
        (ok(&nested(70)), "it is nested more than 64 deep"),
        (ok(&nested(1_000_000)), "at line 1, column "),
        (ok(&many), "it has more than 100000 charts"),
        (packed(filler.as_bytes()), "is larger than 64 MiB"),
        (ok("entries: {}").with("Content-Encoding", "br"), "it is encoded as br"),
        (ok("not packed").with("Content-Encoding", "gzip"), "cannot be unpacked"),
        (Answer::status(404), "answered 404"),
        (Answer::status(500), "answered 500"),
        (Answer::status(401), "answered 401"),
        (ok("entries: {other: []}"), "chart \"app\" not found in index"),
    ]
}

both_modes!(a_broken_index_is_the_failure_of_its_entries_alone);
async fn a_broken_index_is_the_failure_of_its_entries_alone() {
    let world = World::of(&["1.0.0"], "");
    let broken = indexes();
    assert!(broken.len() >= 20, "{} cases", broken.len());
    let mut config = CONFIG_START.to_owned();
    let mut entry = |source: &str| {
        let to = world.registry.host();
        writeln!(config, "- {{name: app, source: '{source}', destination: 'oci://{to}/mirrored'}}")
            .unwrap();
    };
    for (at, (answer, _)) in broken.iter().enumerate() {
        world.serve(&format!("{at}/index.yaml"), answer.clone());
        entry(&format!("{}/{at}", world.url()));
    }
    entry(&world.url());
    world.mirror.write("mirror.yaml", config);
    let done = world.sync(&["--retries=0"]).await;
    done.assert_code(1);
    for (at, (_, expected)) in broken.iter().enumerate() {
        let error = plan_error(&done, at);
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(error.contains(&format!("{}/{at}/index.yaml", world.url())), "{error}");
    }
    assert_rows(&done, broken.len(), &[("1.0.0", "copied")]);
    within_bounds(&done);
}

both_modes!(a_version_without_a_url_fails_and_one_that_is_none_is_passed_over);
async fn a_version_without_a_url_fails_and_one_that_is_none_is_passed_over() {
    let world = World::of(&[], "limit: 0");
    world.serve_bytes("app.tgz", chart("app", "1.0.0"));
    world.serve_bytes(
        "index.yaml",
        "entries:\n  app:\n  - {version: 3.0.0, urls: []}\n  - {version: 2.0.0, digest: \
         'md5:00', urls: [app.tgz]}\n  - {version: 1.0.0, urls: [app.tgz]}\n  - {version: 1.0.0, \
         urls: [second.tgz]}\n  - text\n  - ~\n",
    );
    let done = world.sync(&["--retries=0"]).await;
    done.assert_code(1);
    assert_rows(&done, 0, &[("3.0.0", "failed"), ("1.0.0", "copied")]);
    let (_, _, error) = &rows(&done, 0)[0];
    assert_eq!(error, "the index has no usable URL for version 3.0.0 of chart app");
    assert!(!done.stderr.contains("! "), "{done}");
}

both_modes!(urls_that_are_none_are_told);
async fn urls_that_are_none_are_told() {
    let two = "2 versions of chart app have no usable URL (first 2.0.0: a URL of it is none)";
    let one = "version 2.0.0 of chart app has no usable URL: its urls are no list";
    for (urls, versions, said) in [
        ("['http://127.0.0.1:99999/x.tgz']", &["2.0.0", "1.0.0"][..], two),
        ("['https://me:hunter2@127.0.0.1:99999/x.tgz']", &["2.0.0", "1.0.0"], two),
        ("app.tgz", &["2.0.0"], one),
    ] {
        let world = World::of(&[], "limit: 0");
        let version = |version: &&str| format!("{{version: {version}, urls: {urls}}}");
        let listed = versions.iter().map(version).collect::<Vec<_>>().join(", ");
        world.serve_bytes("index.yaml", format!("entries: {{app: [{listed}]}}"));
        let done = world.sync(&["--retries=0"]).await;
        done.assert_code(1);
        let failed: Vec<_> = versions.iter().map(|version| (*version, "failed")).collect();
        assert_rows(&done, 0, &failed);
        let (_, _, error) = &rows(&done, 0)[0];
        assert_eq!(error, "the index has no usable URL for version 2.0.0 of chart app");
        let expected = format!("! {}/app: {said}\n", world.url());
        assert!(done.stderr.contains(&expected), "{done}");
        assert!(!format!("{done}").contains("hunter2"), "{done}");
        assert_eq!(world.asked(), ["index.yaml"]);
    }
}

/// Memory is that of the process, which over a fleet has done nothing of it.
#[track_caller]
fn within_bounds(done: &Finished) {
    if !is_fleet() {
        let peak = done.peak_bytes.unwrap();
        assert!(peak < MOST_BYTES, "{} MiB", peak >> 20);
    }
}
