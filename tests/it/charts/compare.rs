//! A chart that is there already: told by its archive, whoever packed it.

use mirror_tests::chart::chart;
use mirror_tests::mode::either;
use mirror_tests::sample::{Image, image, two_platforms};
use mirror_tests::scripted::Kind::{
    BlobHead, ManifestGet, ManifestHead, ManifestPut, Tags, UploadPost, UploadPut,
};

use super::*;
use crate::requests::pair::assert_rows;

both_modes!(a_new_chart_costs_an_archive_two_uploads_and_a_put);
async fn a_new_chart_costs_an_archive_two_uploads_and_a_put() {
    let world = World::of(&["1.0.0"], "");
    assert_rows(&world.sync_well().await, 0, &[("1.0.0", "copied")]);
    assert_eq!(world.asked(), ["app-1.0.0.tgz", "index.yaml"]);
    world.asked_registry().assert(&[
        (ManifestGet, 1),
        (Tags, 1),
        (ManifestHead, either(0, 1)),
        (BlobHead, either(0, 2)),
        (UploadPost, 2),
        (UploadPut, 2),
        (ManifestPut, 1),
    ]);
}

both_modes!(an_unchanged_version_costs_a_get_and_no_archive);
async fn an_unchanged_version_costs_a_get_and_no_archive() {
    let world = World::of(&["1.0.0", "1.1.0", "1.2.0"], "limit: 0");
    world.sync_well().await;
    world.clear_logs();
    let done = world.sync_well().await;
    assert_rows(&done, 0, &["1.2.0", "1.1.0", "1.0.0"].map(|tag| (tag, "skipped")));
    assert_eq!(world.asked(), ["index.yaml"]);
    world.asked_registry().assert(&[(ManifestGet, 3)]);
}

both_modes!(what_helm_has_pushed_is_there);
async fn what_helm_has_pushed_is_there() {
    let world = World::of(&["1.0.0"], "overwrite: true");
    let theirs = pushed_by_helm(&chart("app", "1.0.0"));
    world.registry.store().push("mirrored/app", "1.0.0", &theirs);
    assert_rows(&world.sync_well().await, 0, &[("1.0.0", "skipped")]);
    assert_eq!(world.asked(), ["index.yaml"]);
    world.asked_registry().assert(&[(ManifestGet, 1)]);
    world.registry.store().assert_holds("mirrored/app", "1.0.0", &theirs);
}

both_modes!(anything_else_under_the_tag_is_drift);
async fn anything_else_under_the_tag_is_drift() {
    let layer = chart("app", "1.0.0");
    for (name, theirs) in [
        ("another archive", pushed_by_helm(&chart("app", "1.0.1"))),
        ("an image", image("app")),
        ("an index", two_platforms("app")),
        ("the archive as the layer of an image", Image::new().layer(layer.clone()).build()),
    ] {
        let world = World::of(&["1.0.0"], "");
        world.registry.store().push("mirrored/app", "1.0.0", &theirs);
        let done = world.sync(&[]).await;
        done.assert_code(2);
        assert_rows(&done, 0, &[("1.0.0", "drifted")]);
        assert_eq!(world.asked(), ["index.yaml"], "{name}");
        world.asked_registry().assert(&[(ManifestGet, 1)]);
        world.registry.store().assert_holds("mirrored/app", "1.0.0", &theirs);

        let done = world.sync(&["--dry-run", "--overwrite"]).await;
        assert_rows(done.assert_code(0), 0, &[("1.0.0", "would-overwrite")]);
        world.config(&[("app", "overwrite: true")]);
        assert_rows(&world.sync_well().await, 0, &[("1.0.0", "overwritten")]);
        world.assert_holds("1.0.0", &layer);
    }
}

both_modes!(what_somebody_else_pushes_meanwhile_is_left_alone);
async fn what_somebody_else_pushes_meanwhile_is_left_alone() {
    for (theirs, row, code) in [
        (pushed_by_helm(&chart("app", "1.0.0")), "copied", 0),
        (pushed_by_helm(&chart("app", "1.0.1")), "drifted", 2),
        (image("app"), "drifted", 2),
    ] {
        // Who asks for two tags of a repository has it listed, and looks again before the second is written.
        let world = World::of(&["1.0.0", "1.1.0"], "limit: 0");
        world.registry.store().push("mirrored/app", "0.1.0", &image("old"));
        let pushed = theirs.clone();
        let act = move |_: &_, store: &mirror_tests::scripted::Store| {
            store.push("mirrored/app", "1.0.0", &pushed);
        };
        let rule = Rule::on(ManifestHead).reference("1.0.0").first(1);
        let at_last = world.registry.script(rule, Fault::none().before(act));
        let done = world.sync(&[]).await;
        done.assert_code(code);
        assert_eq!(at_last.fired(), 1);
        assert_rows(&done, 0, &[("1.1.0", "copied"), ("1.0.0", row)]);
        world.registry.store().assert_holds("mirrored/app", "1.0.0", &theirs);
        assert_eq!(world.asked_registry().kind(ManifestPut).count(), 1);
    }
}
