//! Which versions of a chart are mirrored, and what it takes to know that.

use mirror_tests::chart::{chart, digest, index};
use mirror_tests::mode::either;

use super::*;
use crate::requests::pair::{assert_rows, error_of};

both_modes!(versions_are_chosen_as_the_config_says);
async fn versions_are_chosen_as_the_config_says() {
    let versions = ["0.9.0", "1.10.0", "1.2.0", "1.9.0-rc.1", "2.0.0", "v1.3.0", "nightly"];
    for (more, expected) in [
        ("", vec!["2.0.0"]),
        ("version: '>=1.0.0 <2', limit: 2", vec!["1.10.0", "v1.3.0"]),
        ("version: '>=1.9.0-0', limit: 0", vec!["2.0.0", "1.10.0", "1.9.0-rc.1"]),
        ("version: 1.2.0", vec!["1.2.0"]),
    ] {
        let world = World::of(&versions, more);
        let done = world.sync_well().await;
        let copied: Vec<(&str, &str)> = expected.iter().map(|tag| (*tag, "copied")).collect();
        assert_rows(&done, 0, &copied);
        for version in expected {
            world.assert_holds(version, &chart("app", version));
        }
    }
}

both_modes!(a_plus_is_an_underscore_in_the_tag_alone);
async fn a_plus_is_an_underscore_in_the_tag_alone() {
    let world = World::of(&["1.0.0+build.5"], "");
    let done = world.sync_well().await;
    assert_rows(&done, 0, &[("1.0.0+build.5", "copied")]);
    let archive = chart("app", "1.0.0+build.5");
    world.assert_holds("1.0.0_build.5", &archive);
    assert_eq!(world.tags(), ["1.0.0_build.5"]);
    let row = &done.json()["report"]["results"][0]["tags"][0];
    assert_eq!(row["digest"], format!("sha256:{}", digest(&archive)));
    let lines = world.mirror.call(["sync", "mirror.yaml"]).run().await;
    let expected = format!(
        "✓ {}/app:1.0.0+build.5 (skipped)\n→ {}/mirrored/app:1.0.0_build.5\n",
        world.url(),
        world.registry.host()
    );
    assert!(lines.stdout.starts_with(&expected), "{lines}");
}

both_modes!(an_index_is_read_once_for_all_entries_of_its_repository);
async fn an_index_is_read_once_for_all_entries_of_its_repository() {
    let world = World::new();
    let archives = [chart("app", "1.0.0"), chart("web", "2.0.0")];
    let text = index("app", &[("1.0.0", "app.tgz", &digest(&archives[0]))])
        + index("web", &[("2.0.0", "web.tgz", &digest(&archives[1]))])
            .trim_start_matches("apiVersion: v1\nentries:\n");
    let served = world.serve_bytes("index.yaml", text);
    world.serve_bytes("app.tgz", archives[0].clone());
    world.serve_bytes("web.tgz", archives[1].clone());
    world.config(&[("app", ""), ("web", ""), ("app", "version: '<2'"), ("gone", "")]);
    let done = world.sync(&[]).await;
    done.assert_code(1);
    assert_rows(&done, 0, &[("1.0.0", "copied")]);
    assert_rows(&done, 1, &[("2.0.0", "copied")]);
    assert_rows(&done, 2, &[("1.0.0", "skipped")]);
    let expected = format!("chart \"gone\" not found in index {}/index.yaml", world.url());
    assert_eq!(plan_error(&done, 3), expected);
    assert_eq!(served.fired(), 1);
    assert_eq!(world.asked(), ["app.tgz", "index.yaml", "web.tgz"]);

    // So is what is wrong with it.
    let broken = world.serve("index.yaml", Answer::status(404));
    let done = world.sync(&[]).await;
    done.assert_code(1);
    for entry in 0..4 {
        let expected = format!("{}/index.yaml answered 404", world.url());
        assert_eq!(plan_error(&done, entry), expected);
    }
    assert_eq!(broken.fired(), 1);
}

both_modes!(a_chart_that_is_not_there_names_what_is_like_it);
async fn a_chart_that_is_not_there_names_what_is_like_it() {
    let world = World::of(&["1.0.0"], "");
    world.config(&[("apo", "")]);
    let done = world.sync(&[]).await;
    done.assert_code(1);
    let expected = format!(
        "chart \"apo\" not found in index {}/index.yaml; the nearest is \"app\"",
        world.url()
    );
    assert_eq!(plan_error(&done, 0), expected);
}

both_modes!(no_version_that_is_wanted_is_a_warning);
async fn no_version_that_is_wanted_is_a_warning() {
    let world = World::of(&["1.0.0", "1.1.0", "1.2.0", "1.10.0"], "version: '>=3'");
    let done = world.mirror.call(["sync", "mirror.yaml"]).run().await;
    done.assert_code(0);
    let expected = format!(
        "! {}/app: no version of chart app satisfies `>=3`, the newest are 1.10.0, 1.2.0, 1.1.0\n",
        world.url()
    );
    assert!(done.stderr.ends_with(&expected), "{done}");
    assert_eq!(world.asked(), ["index.yaml"]);
    assert_eq!(world.registry.log().count(), 0);
}

both_modes!(a_chart_of_which_all_is_passed_over_says_why);
async fn a_chart_of_which_all_is_passed_over_says_why() {
    for (versions, expected) in [
        ("[]", ""),
        ("{1.0.0: app.tgz}", ": 1 entry of it was passed over (app: its versions are no list)"),
        (
            "[{version: 2.0.0, digest: 'md5:00'}, {version: nightly}]",
            ": 2 entries of it were passed over (first app 2.0.0: its digest is no sha256; a \
             verbose log names them)",
        ),
    ] {
        let world = World::of(&[], "");
        world.serve_bytes("index.yaml", format!("entries: {{app: {versions}}}"));
        let done = world.mirror.call(["sync", "mirror.yaml"]).run().await;
        done.assert_code(0);
        let url = world.url();
        let expected = format!("! {url}/app: the index has no version of chart app{expected}\n");
        assert!(done.stderr.ends_with(&expected), "{done}");
    }
}

both_modes!(a_chart_of_pre_releases_alone_says_how_they_are_wanted);
async fn a_chart_of_pre_releases_alone_says_how_they_are_wanted() {
    const HINT: &str = "; pre-releases, as all of them are, are taken where the constraint names \
                        one: `>=0.0.0-0`";
    let pre_releases: &[&str] = &["1.0.0-rc.1", "1.1.0-beta.2"];
    for (versions, version, newest, hint) in [
        (pre_releases, "*", "are 1.1.0-beta.2, 1.0.0-rc.1", HINT),
        (pre_releases, ">=1", "are 1.1.0-beta.2, 1.0.0-rc.1", HINT),
        (pre_releases, ">=2.0.0-0", "are 1.1.0-beta.2, 1.0.0-rc.1", ""),
        (&["1.0.0-rc.1", "0.9.0"], ">=1", "are 1.0.0-rc.1, 0.9.0", ""),
    ] {
        let more = if version == "*" { String::new() } else { format!("version: '{version}'") };
        let world = World::of(versions, &more);
        let done = world.mirror.call(["sync", "mirror.yaml"]).run().await;
        done.assert_code(0);
        let expected = format!(
            "! {}/app: no version of chart app satisfies `{version}`, the newest {newest}{hint}\n",
            world.url()
        );
        assert!(done.stderr.ends_with(&expected), "{done}");
    }
}

both_modes!(an_index_that_cannot_be_had_for_the_moment_is_asked_for_again);
async fn an_index_that_cannot_be_had_for_the_moment_is_asked_for_again() {
    let world = World::of(&["1.0.0"], "");
    let rule = Rule::on(Kind::Other).target("/charts/index.yaml").first(1);
    world.repository.script(rule, Fault::answer(Answer::status(503).with("Retry-After", "1")));
    assert_rows(&world.sync_well().await, 0, &[("1.0.0", "copied")]);
    assert_eq!(world.asked(), ["app-1.0.0.tgz", "index.yaml", "index.yaml"]);
}

both_modes!(without_digests_each_archive_is_hashed_first);
async fn without_digests_each_archive_is_hashed_first() {
    let world = World::of(&[], "limit: 0");
    let archives = [chart("app", "1.0.0"), chart("app", "1.1.0")];
    let listed = [("1.0.0", "app-1.0.0.tgz", ""), ("1.1.0", "app-1.1.0.tgz", "")];
    world.serve_bytes("index.yaml", index("app", &listed));
    world.serve_bytes("app-1.0.0.tgz", archives[0].clone());
    world.serve_bytes("app-1.1.0.tgz", archives[1].clone());
    let done = world.sync_well().await;
    assert_rows(&done, 0, &[("1.1.0", "copied"), ("1.0.0", "copied")]);
    let row = &done.json()["report"]["results"][0]["tags"][1];
    assert_eq!(row["digest"], format!("sha256:{}", digest(&archives[0])));
    world.assert_holds("1.1.0", &archives[1]);
    let [one, other] = ["app-1.0.0.tgz", "app-1.1.0.tgz"];
    assert_eq!(world.asked(), [one, one, other, other, "index.yaml"]);

    world.clear_logs();
    assert_rows(&world.sync_well().await, 0, &[("1.1.0", "skipped"), ("1.0.0", "skipped")]);
    assert_eq!(world.asked(), [one, other, "index.yaml"]);

    // What is copied is what was hashed.
    let world = World::of(&[], "");
    world.serve_bytes("index.yaml", index("app", &[("1.0.0", "app.tgz", "")]));
    world.serve_bytes("app.tgz", archives[0].clone());
    let rule = Rule::on(Kind::Other).target("/charts/app.tgz").after(1);
    world.repository.script(rule, Fault::answer(Answer::status(200).body(archives[1].clone())));
    let done = world.sync(&["--retries=0"]).await;
    done.assert_code(1);
    let [was, is] = [&archives[0], &archives[1]].map(|archive| digest(archive));
    let url = world.url();
    let expected = format!("{url}/app.tgz has digest sha256:{is} where sha256:{was} was expected");
    assert_eq!(error_of(&done, 0, "1.0.0"), expected);
    assert_eq!(world.tags(), [""; 0]);
}

both_modes!(a_dry_run_fetches_no_archive_and_writes_nothing);
async fn a_dry_run_fetches_no_archive_and_writes_nothing() {
    let world = World::of(&["1.0.0", "1.1.0"], "limit: 0");
    let done = world.sync(&["--dry-run"]).await;
    done.assert_code(0);
    assert_rows(&done, 0, &[("1.1.0", "would-copy"), ("1.0.0", "would-copy")]);
    assert_eq!(world.asked(), ["index.yaml"]);
    assert_eq!(world.registry.store().repositories(), [""; 0]);
}

both_modes!(the_log_says_why_a_version_is_not_mirrored);
async fn the_log_says_why_a_version_is_not_mirrored() {
    let world = World::of(&["1.0.0", "1.1.0", "2.0.0", "nightly"], "version: '<2'");
    let done = world.mirror.call(["sync", "mirror.yaml", "--verbose"]).run().await;
    done.assert_code(0);
    let (from, to) = (format!("{}/app", world.url()), world.registry.host());
    for line in [
        format!(" mirroring chart src={from}:1.1.0 dst={to}/mirrored/app:1.1.0\n"),
        format!(" Copying from {from}:1.1.0 to {to}/mirrored/app:1.1.0\n"),
        format!(" chart done src={from}:1.1.0 status=copied "),
    ] {
        assert!(done.stderr.contains(&line), "{line}{done}");
    }
    // Over a fleet, these are in the coordinator's log.
    let excluded = |version: &str, reason: &str| {
        format!(" version excluded by selector src={from} version={version} reason={reason}\n")
    };
    let passed_over = format!(" index entry passed over src={from} version=nightly reason=");
    for line in [excluded("2.0.0", "semver"), passed_over] {
        assert_eq!(done.stderr.contains(&line), either(true, false), "{line}{done}");
    }
}
