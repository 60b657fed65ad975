//! Where archives come from, and what they go to.

use mirror_tests::chart::{chart, digest, index};
use mirror_tests::layout::{judge_layout, layout_tags};
use mirror_tests::sample::image;

use super::*;
use crate::requests::pair::{assert_rows, error_of};

/// A world with one version, whose archive the index says to be at these URLs.
fn at(urls: &[&str]) -> World {
    let world = World::new();
    let archive = chart("app", "1.0.0");
    let urls = urls.join("\n    - ").replace("OTHER", &world.repository.other_url());
    let text = index("app", &[("1.0.0", &urls, &digest(&archive))]);
    world.serve_bytes("index.yaml", text.replace("REGISTRY", &world.registry.host()));
    world.serve_bytes("files/app.tgz", archive);
    world.config(&[("app", "")]);
    world
}

both_modes!(urls_are_tried_in_order_until_one_works);
async fn urls_are_tried_in_order_until_one_works() {
    let world = at(&["gone.tgz", "files/app.tgz", "unasked.tgz"]);
    assert_rows(&world.sync_well().await, 0, &[("1.0.0", "copied")]);
    world.assert_holds("1.0.0", &chart("app", "1.0.0"));
    assert_eq!(world.asked(), ["files/app.tgz", "gone.tgz", "index.yaml"]);
}

both_modes!(a_url_may_be_absolute_and_on_another_host);
async fn a_url_may_be_absolute_and_on_another_host() {
    for url in ["/charts/files/app.tgz", "OTHER/charts/files/app.tgz"] {
        let world = at(&[url]);
        assert_rows(&world.sync_well().await, 0, &[("1.0.0", "copied")]);
        world.assert_holds("1.0.0", &chart("app", "1.0.0"));
    }
}

both_modes!(where_no_url_works_each_is_told);
async fn where_no_url_works_each_is_told() {
    let world = at(&["gone.tgz", "broken.tgz"]);
    world.serve_bytes("broken.tgz", chart("app", "1.0.1"));
    let done = world.sync(&["--retries=0"]).await;
    done.assert_code(1);
    let error = error_of(&done, 0, "1.0.0");
    let url = world.url();
    for part in [
        "none of 2 URLs of app 1.0.0 works".to_owned(),
        format!("{url}/gone.tgz answered 404"),
        format!("{url}/broken.tgz has digest"),
    ] {
        assert!(error.contains(&part), "{part}: {error}");
    }
    assert_eq!(world.registry.store().repositories(), [""; 0]);
}

both_modes!(an_archive_may_be_in_a_registry);
async fn an_archive_may_be_in_a_registry() {
    let archive = chart("app", "1.0.0");
    let world = at(&["oci://REGISTRY/upstream/app:1.0.0"]);
    world.registry.store().push("upstream/app", "1.0.0", &pushed_by_helm(&archive));
    assert_rows(&world.sync_well().await, 0, &[("1.0.0", "copied")]);
    world.assert_holds("1.0.0", &archive);

    // An image is none.
    let world = at(&["oci://REGISTRY/upstream/app:1.0.0"]);
    world.registry.store().push("upstream/app", "1.0.0", &image("app"));
    let done = world.sync(&[]).await;
    done.assert_code(1);
    let host = world.registry.host();
    let expected = format!("cannot pull oci://{host}/upstream/app:1.0.0: it is no chart");
    assert_eq!(error_of(&done, 0, "1.0.0"), expected);
    assert_eq!(world.tags(), [""; 0]);

    // Nothing is none either.
    let world = at(&["oci://REGISTRY/upstream/app:1.0.0"]);
    world.registry.store().push("upstream/app", "2.0.0", &image("app"));
    let done = world.sync(&[]).await;
    let host = world.registry.host();
    let expected = format!("cannot pull oci://{host}/upstream/app:1.0.0: there is no such tag");
    assert_eq!(error_of(done.assert_code(1), 0, "1.0.0"), expected);
}

both_modes!(two_repositories_of_one_chart_agree_or_the_second_fails);
async fn two_repositories_of_one_chart_agree_or_the_second_fails() {
    for (version_there, rows, code) in [("1.0.0", "skipped", 0), ("1.0.1", "failed", 1)] {
        let world = World::of(&["1.0.0"], "");
        let archive = chart("app", version_there);
        let text = index("app", &[("1.0.0", "app.tgz", &digest(&archive))]);
        let rule = Rule::on(Kind::Other).target("/elsewhere/index.yaml");
        world.repository.script(rule, Fault::answer(Answer::status(200).body(text)));
        let config = format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\ncharts:\n- {{name: app, \
             source: '{0}/charts', destination: 'oci://{1}/mirrored'}}\n- {{name: app, source: \
             '{0}/elsewhere', destination: 'oci://{1}/mirrored'}}\n",
            world.repository.url(),
            world.registry.host()
        );
        world.mirror.write("mirror.yaml", config);
        let done = world.sync(&[]).await;
        done.assert_code(code);
        assert_rows(&done, 0, &[("1.0.0", "copied")]);
        assert_rows(&done, 1, &[("1.0.0", rows)]);
        world.assert_holds("1.0.0", &chart("app", "1.0.0"));
    }
}

#[tokio::test]
async fn a_layout_is_written_and_told_unchanged() {
    let world = World::of(&["1.0.0", "1.1.0+x"], "limit: 0");
    world.config_of(&world.url(), "oci-layout://carried", &[("app", "limit: 0")]);
    let expected = |status| [("1.1.0+x", status), ("1.0.0", status)];
    assert_rows(&world.sync_well().await, 0, &expected("copied"));
    let folder = world.mirror.folder().join("carried/app");
    judge_layout(&folder).unwrap();
    let tags = layout_tags(&folder);
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["1.0.0", "1.1.0_x"]);

    world.clear_logs();
    assert_rows(&world.sync_well().await, 0, &expected("skipped"));
    assert_eq!(world.asked(), ["index.yaml"]);
    assert_eq!(layout_tags(&folder), tags);

    // The same manifest, wherever it goes.
    world.config(&[("app", "limit: 0")]);
    world.sync_well().await;
    for (tag, digest) in tags {
        assert_eq!(world.registry.store().resolve("mirrored/app", &tag), Some(digest), "{tag}");
    }
}

both_modes!(an_archive_that_breaks_off_is_fetched_again);
async fn an_archive_that_breaks_off_is_fetched_again() {
    use mirror_tests::scripted::Stop;
    let world = at(&["files/app.tgz"]);
    let rule = Rule::on(Kind::Other).target("/charts/files/app.tgz").first(1);
    let broken = world.repository.script(rule, Fault::none().cut_after(100, Stop::Reset));
    assert_rows(&world.sync_well().await, 0, &[("1.0.0", "copied")]);
    assert_eq!(broken.fired(), 1);
    world.assert_holds("1.0.0", &chart("app", "1.0.0"));
}

both_modes!(an_upload_that_breaks_off_fetches_the_archive_once);
async fn an_upload_that_breaks_off_fetches_the_archive_once() {
    let world = at(&["files/app.tgz"]);
    let rule = Rule::on(Kind::UploadPut).first(1);
    let broken = world.registry.script(rule, Fault::status(500));
    assert_rows(&world.sync_well().await, 0, &[("1.0.0", "copied")]);
    assert_eq!(broken.fired(), 1);
    let archives = world.asked().iter().filter(|path| is_archive(path)).count();
    assert_eq!(archives, 1);
    world.assert_holds("1.0.0", &chart("app", "1.0.0"));
}
