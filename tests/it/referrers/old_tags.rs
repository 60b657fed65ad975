//! cosign's older tags: values like any tag, that grow and lose nothing.

use mirror_tests::sample::{Image, Sample, image};

use super::world::{mirrors, pair, referrer_rows};
use crate::requests::pair::{Pair, assert_rows};

/// What stands under an old tag: a layer for each signature, and a config that counts them.
fn signatures(of: &[&str]) -> Sample {
    let layers = of.iter().map(|layer| (*layer).to_owned());
    layers.fold(Image::new(), Image::layer).platform("linux", &of.join("-")).build()
}

fn old_tag(image: &Sample, suffix: &str) -> String {
    format!("{}.{suffix}", image.digest().replace(':', "-"))
}

/// A source whose image is signed so, and a destination where it is signed so.
fn signed(source: &[&str], destination: Option<&[&str]>) -> (Pair, Sample, String) {
    let (pair, image) = (pair((false, false)), image("app"));
    let tag = old_tag(&image, "sig");
    pair.source.store().push("app", "1.0.0", &image);
    pair.source.store().push("app", &tag, &signatures(source));
    if let Some(held) = destination {
        pair.destination.store().push("app", "1.0.0", &image);
        pair.destination.store().push("app", &tag, &signatures(held));
    }
    mirrors(&pair, "");
    (pair, image, tag)
}

const KIND: &str = "application/vnd.oci.image.config.v1+json";

both_modes!(all_three_come_with_their_image);
async fn all_three_come_with_their_image() {
    let (pair, image) = (pair((false, false)), image("app"));
    pair.source.store().push("app", "1.0.0", &image);
    let suffixes = ["sbom", "att", "sig"];
    for suffix in suffixes {
        pair.source.store().push("app", &old_tag(&image, suffix), &signatures(&[suffix]));
    }
    mirrors(&pair, "");
    let done = pair.sync_well().await;
    let rows = ["sig", "att", "sbom"]
        .map(|suffix| format!("{} {KIND} copied", signatures(&[suffix]).digest()));
    assert_eq!(referrer_rows(&done, "1.0.0"), rows);
    for suffix in suffixes {
        let (name, held) = (old_tag(&image, suffix), signatures(&[suffix]));
        pair.destination.store().assert_holds("app", &name, &held);
    }
}

both_modes!(an_old_tag_that_has_grown_is_brought_up_to_date);
async fn an_old_tag_that_has_grown_is_brought_up_to_date() {
    let (pair, _, tag) = signed(&["one", "two"], Some(&["one"]));
    let done = pair.sync_well().await;
    assert_rows(&done, 0, &[("1.0.0", "skipped")]);
    let new = signatures(&["one", "two"]);
    assert_eq!(referrer_rows(&done, "1.0.0"), [format!("{} {KIND} copied", new.digest())]);
    pair.destination.store().assert_holds("app", &tag, &new);
    let again = pair.sync_well().await;
    let up_to_date = format!("{} - skipped: up-to-date", new.digest());
    assert_eq!(referrer_rows(&again, "1.0.0"), [up_to_date]);
}

both_modes!(an_old_tag_that_holds_what_the_source_does_not_is_left_alone);
async fn an_old_tag_that_holds_what_the_source_does_not_is_left_alone() {
    let (pair, _, tag) = signed(&["one"], Some(&["one", "theirs"]));
    let done = pair.sync_well().await;
    assert_rows(&done, 0, &[("1.0.0", "skipped")]);
    let drifted = format!("{} - drifted", signatures(&["one"]).digest());
    assert_eq!(referrer_rows(&done, "1.0.0"), [drifted]);
    let warning = done.stderr.lines().find(|line| line.starts_with("! ")).unwrap_or_default();
    assert!(warning.contains(&format!("/app:{tag}")), "{done}");
    pair.destination.store().assert_holds("app", &tag, &signatures(&["one", "theirs"]));
}

both_modes!(an_old_tag_that_has_drifted_is_replaced_where_that_is_asked_for);
async fn an_old_tag_that_has_drifted_is_replaced_where_that_is_asked_for() {
    let (pair, _, tag) = signed(&["one"], Some(&["theirs"]));
    let done = pair.sync(["--overwrite"]).run().await;
    assert_rows(done.assert_code(0), 0, &[("1.0.0", "skipped")]);
    let new = signatures(&["one"]);
    assert_eq!(referrer_rows(&done, "1.0.0"), [format!("{} {KIND} overwritten", new.digest())]);
    pair.destination.store().assert_holds("app", &tag, &new);
}
