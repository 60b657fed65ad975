//! What is attached comes along from and into layouts, too.

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::layout::judge_layout;
use mirror_tests::sample::{Image, image};
use mirror_tests::scripted::ScriptedRegistry;

use super::{HEAD, binary, carry};
use crate::referrers::world::{Release, referrer_rows};

/// Mirrors all that is attached, too.
async fn sync(mirror: &Binary, source: &str, destination: &str) -> Finished {
    let entry = format!(
        "  - {{source: '{source}', destination: '{destination}', includeReferrers: true}}\n"
    );
    mirror.write("mirror.yaml", format!("{HEAD}{entry}"));
    mirror.call(["sync", "mirror.yaml", "-o", "json"]).run().await
}

#[tokio::test]
async fn what_is_attached_is_carried_over_an_air_gap() {
    for (near_api, far_api) in [(true, true), (true, false), (false, true), (false, false)] {
        let (near, far) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
        near.set(|options| options.referrers = near_api);
        far.set(|options| options.referrers = far_api);
        let release = Release::new("app");
        release.push(&near, "app", "1.0.0");
        let (near_app, far_app) = (format!("{}/app", near.host()), format!("{}/app", far.host()));

        let here = binary();
        let away = sync(&here, &near_app, "oci-layout://disk/app").await;
        assert_eq!(referrer_rows(away.assert_code(0), "1.0.0"), release.rows("copied"));
        let again = sync(&here, &near_app, "oci-layout://disk/app").await;
        let skipped = release.rows("skipped: up-to-date");
        assert_eq!(referrer_rows(again.assert_code(0), "1.0.0"), skipped);
        judge_layout(&here.folder().join("disk/app")).unwrap();

        let there = binary();
        carry(&here.folder().join("disk"), &there.folder().join("disk"));
        // From one layout into another on the way.
        let moved = sync(&there, "oci-layout://disk/app", "oci-layout://mirror/app").await;
        assert_eq!(referrer_rows(moved.assert_code(0), "1.0.0"), release.rows("copied"));
        let back = sync(&there, "oci-layout://mirror/app", &far_app).await;
        assert_eq!(referrer_rows(back.assert_code(0), "1.0.0"), release.rows("copied"));
        release.assert_at(&far, "app", "1.0.0");
        let still = sync(&there, "oci-layout://mirror/app", &far_app).await;
        assert_eq!(referrer_rows(still.assert_code(0), "1.0.0"), skipped);
    }
}

#[tokio::test]
async fn old_tags_are_carried_over_an_air_gap() {
    let (near, far) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    let (app, signature) = (image("app"), Image::new().layer("signed").build());
    let name = format!("{}.sig", app.digest().replace(':', "-"));
    near.store().push("app", "1.0.0", &app);
    near.store().push("app", &name, &signature);
    let mirror = binary();
    let near_app = format!("{}/app", near.host());
    sync(&mirror, &near_app, "oci-layout://disk/app").await.assert_code(0);
    let far_app = format!("{}/app", far.host());
    sync(&mirror, "oci-layout://disk/app", &far_app).await.assert_code(0);
    far.store().assert_holds("app", &name, &signature);
    // It grows at the source, and on the way.
    let grown = Image::new().layer("signed").layer("signed again").platform("linux", "2").build();
    near.store().push("app", &name, &grown);
    for (source, destination) in
        [(&*near_app, "oci-layout://disk/app"), ("oci-layout://disk/app", &*far_app)]
    {
        let done = sync(&mirror, source, destination).await;
        let kind = "application/vnd.oci.image.config.v1+json";
        let copied = format!("{} {kind} copied", grown.digest());
        assert_eq!(referrer_rows(done.assert_code(0), "1.0.0"), [copied]);
    }
    far.store().assert_holds("app", &name, &grown);
}
