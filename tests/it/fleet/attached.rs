//! What is attached, where a worker is lost in the middle of it, and where two want one fallback tag.

use mirror_tests::sample::{Image, image, index, referrer};
use mirror_tests::scripted::{Fault, Gate, Kind, Rule};

use super::{Fleet, Mirrored};
use crate::referrers::world::{SIGNATURE, assert_attached, attach, fallback_tag, referrer_rows};
use crate::requests::pair::assert_rows;

const MORE: &str = ", includeReferrers: true";

#[tokio::test]
async fn a_fallback_tag_that_a_lost_worker_was_writing_is_written_by_another() {
    let mut mirrored = Mirrored::by(Fleet::start(1).await);
    mirrored.destination.set(|options| options.referrers = false);
    let app = image("app");
    let signatures: Vec<_> =
        (0..3).map(|at| referrer(SIGNATURE, &app, format!("signature {at}"))).collect();
    let signatures: Vec<_> = signatures.iter().collect();
    mirrored.source.store().push("app", "1.0.0", &app);
    attach(&mirrored.source, "app", &app, &signatures);
    let gate = Gate::closed();
    let put = Rule::on(Kind::ManifestPut).reference(&fallback_tag(&app)).nth(1);
    mirrored.destination.script(put, Fault::none().hold(&gate));
    mirrored.config("mirror.yaml", &["app"], MORE);
    let running = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").spawn();
    gate.reached(1).await;
    mirrored.fleet.worker(1, &["--concurrency=2"]);
    mirrored.fleet.the_worker(0).kill();
    // What the lost worker sent arrives all the same.
    gate.resume();
    let done = running.wait().await;
    // What another worker finds there was brought by the first.
    assert_rows(done.assert_code(0), 0, &[("1.0.0", "copied")]);
    let rows = referrer_rows(&done, "1.0.0");
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.ends_with("copied")), "{rows:?}");
    assert_attached(&mirrored.destination, "app", &app, &signatures);
    mirrored.destination.store().assert_whole();
    mirrored.assert_one_row_each().await;
    assert_eq!(mirrored.writes("app", "1.0.0"), 1);
}

#[tokio::test]
async fn jobs_that_share_several_fallback_tags_do_not_wait_for_each_other_for_ever() {
    let mirrored = Mirrored::by(Fleet::start(2).await);
    mirrored.destination.set(|options| options.referrers = false);
    let child = |name: &str| Image::new().layer(name.to_owned()).build();
    let shared = [child("one"), child("two"), child("three")];
    let reversed: Vec<_> = shared.iter().rev().cloned().collect();
    mirrored.source.store().push("app", "1.0.0", &index(&shared));
    mirrored.source.store().push("app", "2.0.0", &index(&reversed));
    let signatures: Vec<_> = shared
        .iter()
        .map(|image| referrer(SIGNATURE, image, format!("signed {}", image.digest())))
        .collect();
    for (image, signature) in shared.iter().zip(&signatures) {
        attach(&mirrored.source, "app", image, &[signature]);
    }
    mirrored.config("mirror.yaml", &["app"], MORE);
    let done = mirrored.fleet.sync("mirror.yaml").arg("-o").arg("json").run().await;
    assert_rows(done.assert_code(0), 0, &[("2.0.0", "copied"), ("1.0.0", "copied")]);
    for (image, signature) in shared.iter().zip(&signatures) {
        assert_attached(&mirrored.destination, "app", image, &[signature]);
    }
    mirrored.assert_one_row_each().await;
}
