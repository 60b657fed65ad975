//! What is done with each pair of registries.

use mirror_tests::binary::Finished;
use mirror_tests::sample::{
    Image, Sample, artifact, docker_list, image, index, noise, two_platforms,
};

use super::registries::{Kind, Registries};

const ALL: &str = ", selector: {sortBy: alphabetical, limit: 0}";

/// The statuses of a run's rows, in plan order.
fn statuses(done: &Finished) -> Vec<String> {
    let report = done.json();
    let rows = report["report"]["results"][0]["tags"].as_array().cloned().unwrap_or_default();
    rows.iter()
        .map(|row| {
            let [tag, status] = ["tag", "status"].map(|key| row[key].as_str().unwrap_or_default());
            format!("{tag} {status}")
        })
        .collect()
}

/// Runs and expects this code and these rows.
async fn expect(
    registries: &Registries,
    (names, more): ([&str; 2], &str),
    flags: &[&str],
    code: i32,
    rows: &[impl AsRef<str>],
) {
    let rows: Vec<&str> = rows.iter().map(AsRef::as_ref).collect();
    let done = registries.sync(names, more, flags).await;
    done.assert_code(code);
    assert_eq!(statuses(&done), rows, "{flags:?} {done}");
}

/// Copies one of each kind, twice; then what drift, dry run and overwriting do.
pub(super) async fn content(registries: &Registries) {
    let docker =
        |name: &str| Image::new().layer(noise(name, 4000)).docker().platform("linux", name);
    let samples: [(&str, Sample); 6] = [
        ("artifact", artifact("application/vnd.example.settings", "settings")),
        ("docker", docker("amd64").build()),
        ("docker-list", docker_list(&[docker("amd64").build(), docker("arm64").build()])),
        ("image", image("image")),
        ("index", two_platforms("index")),
        ("nested", index(&[two_platforms("inner"), image("beside")])),
    ];
    let (source, destination) = (registries.source(), registries.destination());
    for (tag, sample) in &samples {
        source.push("app", tag, sample).await;
    }
    let names = (["app", "mirror/deep/app"], ALL);
    let rows = |status: &str| -> Vec<String> {
        samples.iter().rev().map(|(tag, _)| format!("{tag} {status}")).collect()
    };
    expect(registries, names, &["--dry-run"], 0, &rows("would-copy")).await;
    assert_eq!(destination.tags("mirror/deep/app").await, Vec::<String>::new());
    expect(registries, names, &[], 0, &rows("copied")).await;
    for (tag, sample) in &samples {
        destination.assert_holds("mirror/deep/app", tag, sample).await;
    }
    expect(registries, names, &[], 0, &rows("skipped")).await;

    // The source moves on, where it lets itself be moved.
    if registries.kind == Kind::ImmutableTags {
        return immutable(registries).await;
    }
    let moved = two_platforms("moved");
    source.push("app", "image", &moved).await;
    let only = (names.0, ", selector: {regex: {pattern: '^image$'}, sortBy: alphabetical}");
    expect(registries, only, &["--dry-run"], 2, &["image drifted"]).await;
    expect(registries, only, &[], 2, &["image drifted"]).await;
    destination.assert_holds("mirror/deep/app", "image", &image("image")).await;
    expect(registries, only, &["--dry-run", "--overwrite"], 0, &["image would-overwrite"]).await;
    destination.assert_holds("mirror/deep/app", "image", &image("image")).await;
    expect(registries, only, &["--overwrite"], 0, &["image overwritten"]).await;
    destination.assert_holds("mirror/deep/app", "image", &moved).await;
    expect(registries, only, &["--overwrite"], 0, &["image skipped"]).await;
}

/// A destination that lets no tag be moved: drift is seen, and overwriting fails for good.
async fn immutable(registries: &Registries) {
    registries.source().push("moved", "1.0.0", &image("new")).await;
    let destination = registries.destination();
    destination.push("moved", "1.0.0", &image("old")).await;
    let names = (["moved", "moved"], "");
    expect(registries, names, &[], 2, &["1.0.0 drifted"]).await;
    expect(registries, names, &["--overwrite"], 1, &["1.0.0 failed"]).await;
    destination.assert_holds("moved", "1.0.0", &image("old")).await;
}

/// Chooses by pattern, constraint, order and limit.
pub(super) async fn selectors(registries: &Registries) {
    let (source, destination) = (registries.source(), registries.destination());
    let sample = image("any");
    for tag in [
        "0.9.0",
        "1.0.0",
        "1.2.0",
        "1.10.0",
        "2.0.0-rc.1",
        "v1.3.0",
        "build-7",
        "build-12",
        "latest",
    ] {
        source.push("app", tag, &sample).await;
    }
    for (index, (selector, chosen)) in [
        // Without a constraint pre-releases compete, and the highest is one of them.
        ("{}", &["2.0.0-rc.1"][..]),
        ("{semver: '>=1.0.0 <1.10.0', limit: 0}", &["v1.3.0", "1.2.0", "1.0.0"]),
        ("{semver: '>=2.0.0-0'}", &["2.0.0-rc.1"]),
        ("{limit: 2, semver: '*'}", &["1.10.0", "v1.3.0"]),
        (
            "{regex: {pattern: '^build-([0-9]+)$', extract: '$1'}, sortBy: numerical, limit: 0}",
            &["build-12", "build-7"],
        ),
        ("{regex: {pattern: '^l'}, sortBy: alphabetical}", &["latest"]),
        ("{semver: '>=9.0.0'}", &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let more = format!(", selector: {selector}");
        let repository = format!("mirror/{index}");
        let rows: Vec<String> = chosen.iter().map(|tag| format!("{tag} copied")).collect();
        expect(registries, (["app", &repository], &more), &[], 0, &rows).await;
        let mut tags = destination.tags(&repository).await;
        tags.sort();
        let mut chosen = chosen.to_vec();
        chosen.sort_unstable();
        assert_eq!(tags, chosen, "{selector}");
    }
}

/// Takes some seconds: 64 MiB go through two servers and our debug build, four times.
pub(super) async fn large(registries: &Registries) {
    const MIB: usize = 1024 * 1024;
    let (source, destination) = (registries.source(), registries.destination());
    let large = Image::new().layer(noise("large", 64 * MIB)).layer(noise("small", 10)).build();
    source.push("large", "1.0.0", &large).await;
    expect(registries, (["large", "whole"], ""), &[], 0, &["1.0.0 copied"]).await;
    destination.assert_holds("whole", "1.0.0", &large).await;

    // In chunks of 5 MiB less a KiB, which do not come out even; another blob, that none is there.
    let other = Image::new().layer(noise("other", 12 * MIB + 1)).layer(noise("tiny", 1)).build();
    source.push("other", "1.0.0", &other).await;
    let chunks = ", maxChunkSize: 5119";
    let done = registries.sync_with(["other", "chunks"], "", chunks, &[]).await;
    done.assert_code(0);
    assert_eq!(statuses(&done), ["1.0.0 copied"]);
    destination.assert_holds("chunks", "1.0.0", &other).await;
}

/// Takes some seconds, as more than a thousand tags have to be put first.
pub(super) async fn pagination(registries: &Registries, page: usize) {
    const TAGS: usize = 1_101;
    let source = registries.source();
    let sample = image("any");
    for number in 0..TAGS {
        source.push("many", &format!("1.{number}.0"), &sample).await;
    }
    let before = registries.lists();
    let more = ", selector: {semver: '>=1.0.0', limit: 3}";
    let rows = ["1.1100.0 copied", "1.1099.0 copied", "1.1098.0 copied"];
    expect(registries, (["many", "few"], more), &[], 0, &rows).await;
    let asked = registries.lists() - before;
    assert_eq!(asked, TAGS.div_ceil(page));
    let done = registries.sync(["many", "all"], ", selector: {limit: 0}", &["--dry-run"]).await;
    done.assert_code(0);
    assert_eq!(done.json()["report"]["summary"]["wouldCopy"], TAGS);
}
