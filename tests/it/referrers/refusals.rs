//! What is refused, cut, or too much is an error, never "there is nothing attached".

use mirror_tests::sample::{image, referrer};
use mirror_tests::scripted::{Fault, Gate, Kind, Rule, Stop};

use super::world::{
    Release, SBOM, SIGNATURE, assert_attached, attach, mirrors, pair, referrer_rows,
};
use crate::requests::pair::{assert_rows, error_of};

both_modes!(a_listing_that_is_refused_at_the_source_fails_the_tag);
async fn a_listing_that_is_refused_at_the_source_fails_the_tag() {
    for status in [401, 403, 500, 503] {
        let (pair, image) = (pair((true, true)), image("app"));
        pair.source.store().push("app", "1.0.0", &image);
        pair.source.script(Rule::on(Kind::Referrers).repository("app"), Fault::status(status));
        mirrors(&pair, "");
        let done = pair.sync(["--retries", "0"]).run().await;
        done.assert_code(1);
        let error = error_of(&done, 0, "1.0.0");
        assert!(error.contains(&format!("the referrers of app@{}", image.digest())), "{error}");
        assert_eq!(pair.destination.store().resolve("app", "1.0.0"), None);
    }
}

both_modes!(a_listing_that_is_refused_at_the_destination_fails_the_tag_after_it_was_copied);
async fn a_listing_that_is_refused_at_the_destination_fails_the_tag_after_it_was_copied() {
    let (pair, image) = (pair((true, true)), image("app"));
    let sbom = referrer(SBOM, &image, "sbom");
    pair.source.store().push("app", "1.0.0", &image);
    attach(&pair.source, "app", &image, &[&sbom]);
    // It is not a new repository, of which nothing need be asked.
    pair.destination.store().create("app");
    pair.destination.store().push("app", "0.1.0", &image);
    pair.destination.script(Rule::on(Kind::Referrers).repository("app"), Fault::status(403));
    mirrors(&pair, "");
    let done = pair.sync(["--retries", "0"]).run().await;
    done.assert_code(1);
    assert!(error_of(&done, 0, "1.0.0").contains("denies access to the referrers of"), "{done}");
    pair.destination.store().assert_holds("app", "1.0.0", &image);
}

both_modes!(a_dry_run_that_may_not_list_at_the_destination_says_so);
async fn a_dry_run_that_may_not_list_at_the_destination_says_so() {
    let (pair, image) = (pair((true, true)), image("app"));
    pair.source.store().push("app", "1.0.0", &image);
    attach(&pair.source, "app", &image, &[&referrer(SBOM, &image, "sbom")]);
    pair.destination.store().push("app", "1.0.0", &image);
    pair.destination.script(Rule::on(Kind::Referrers).repository("app"), Fault::status(403));
    mirrors(&pair, "");
    let done = pair.sync(["--retries", "0", "--dry-run"]).run().await;
    done.assert_code(1);
    assert!(error_of(&done, 0, "1.0.0").contains("denies access to the referrers of"), "{done}");
}

both_modes!(a_listing_that_is_cut_is_asked_for_again);
async fn a_listing_that_is_cut_is_asked_for_again() {
    let (pair, image) = (pair((true, true)), image("app"));
    let sbom = referrer(SBOM, &image, "sbom");
    pair.source.store().push("app", "1.0.0", &image);
    attach(&pair.source, "app", &image, &[&sbom]);
    let cut = Fault::none().cut_after(20, Stop::Reset);
    let cut = pair.source.script(Rule::on(Kind::Referrers).repository("app").nth(1), cut);
    mirrors(&pair, "");
    let done = pair.sync_well().await;
    assert_eq!(cut.fired(), 1);
    assert_eq!(referrer_rows(&done, "1.0.0"), [format!("{} {SBOM} copied", sbom.digest())]);
}

both_modes!(a_referrer_that_fails_fails_its_tag_and_rows_before_it_are_kept);
async fn a_referrer_that_fails_fails_its_tag_and_rows_before_it_are_kept() {
    let (pair, image) = (pair((true, false)), image("app"));
    let all: Vec<_> = (0..3).map(|at| referrer(SIGNATURE, &image, format!("{at}"))).collect();
    let all: Vec<_> = all.iter().collect();
    pair.source.store().push("app", "1.0.0", &image);
    attach(&pair.source, "app", &image, &all);
    mirrors(&pair, "");
    // The registry's order is that of the rows.
    let listed = pair.sync(["--dry-run"]).run().await;
    let order = referrer_rows(&listed, "1.0.0");
    let second = order[1].split(' ').next().unwrap().to_owned();
    pair.source.script(
        Rule::on(Kind::ManifestGet).repository("app").reference(&second),
        Fault::error(404, "MANIFEST_UNKNOWN"),
    );
    let done = pair.sync(["--retries", "0"]).run().await;
    done.assert_code(1);
    assert!(error_of(&done, 0, "1.0.0").starts_with(&format!("referrer {second}: ")), "{done}");
    let rows = referrer_rows(&done, "1.0.0");
    assert_eq!(rows, [order[0].replace("would-copy", "copied")]);
    pair.destination.store().assert_holds("app", "1.0.0", &image);
    // What has a row is found, too.
    let first = order[0].split(' ').next().unwrap();
    let listed = super::world::fallback_of(&pair.destination, "app", &image);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["digest"], *first);
}

both_modes!(what_is_listed_for_another_subject_is_not_attached);
async fn what_is_listed_for_another_subject_is_not_attached() {
    let (pair, app) = (pair((false, true)), image("app"));
    let stray = referrer(SBOM, &image("other"), "sbom");
    pair.source.store().push("app", "1.0.0", &app);
    attach(&pair.source, "app", &app, &[&stray]);
    mirrors(&pair, "");
    let done = pair.sync(["--retries", "0"]).run().await;
    assert_rows(done.assert_code(1), 0, &[("1.0.0", "failed")]);
    let expected = format!(
        "referrer {}: it is listed for {}, and its manifest is not attached to that",
        stray.digest(),
        app.digest()
    );
    assert_eq!(error_of(&done, 0, "1.0.0"), expected);
}

both_modes!(more_levels_than_anybody_has_are_refused_by_name);
async fn more_levels_than_anybody_has_are_refused_by_name() {
    let (pair, app) = (pair((true, true)), image("app"));
    pair.source.store().push("app", "1.0.0", &app);
    let mut subject = app.clone();
    for level in 0..4 {
        let next = referrer(SIGNATURE, &subject, format!("level {level}"));
        attach(&pair.source, "app", &subject, &[&next]);
        subject = next;
    }
    mirrors(&pair, "");
    let done = pair.sync([]).run().await;
    done.assert_code(1);
    let expected = format!("{} has more than 3 levels of referrers", app.digest());
    assert_eq!(error_of(&done, 0, "1.0.0"), expected);
}

both_modes!(what_cannot_be_listed_for_one_subject_fails_that_alone);
async fn what_cannot_be_listed_for_one_subject_fails_that_alone() {
    let (pair, release) = (pair((true, true)), Release::new("app"));
    release.push(&pair.source, "app", "1.0.0");
    pair.destination.store().push("app", "0.1.0", &image("other"));
    let subject = release.image.children[0].digest();
    let list = Rule::on(Kind::Referrers).repository("app").reference(&subject);
    pair.destination.script(list, Fault::status(403));
    mirrors(&pair, "");
    let done = pair.sync(["--retries", "0"]).run().await;
    done.assert_code(1);
    let error = error_of(&done, 0, "1.0.0");
    let expected = format!("referrer {}: ", release.signature.digest());
    assert!(error.starts_with(&expected), "{error}");
    // What comes before it is there, and has its row.
    assert_eq!(referrer_rows(&done, "1.0.0"), release.rows("copied")[..1]);
    assert_attached(&pair.destination, "app", &release.image, &[&release.sbom]);
}

both_modes!(what_is_there_is_not_attached_because_a_list_says_so);
async fn what_is_there_is_not_attached_because_a_list_says_so() {
    let (pair, app) = (pair((false, false)), image("app"));
    let other = image("other");
    pair.source.store().push("app", "1.0.0", &app);
    pair.source.store().put("app", &other);
    attach(&pair.source, "app", &app, &[&other]);
    let theirs = referrer(SBOM, &app, "theirs");
    pair.destination.store().push("app", "1.0.0", &app);
    attach(&pair.destination, "app", &app, &[&theirs]);
    pair.destination.store().put("app", &other);
    mirrors(&pair, "");
    let done = pair.sync(["--retries", "0"]).run().await;
    done.assert_code(1);
    let expected = format!("referrer {}: it is listed for {}", other.digest(), app.digest());
    assert!(error_of(&done, 0, "1.0.0").starts_with(&expected), "{done}");
    assert_attached(&pair.destination, "app", &app, &[&theirs]);
}

both_modes!(many_that_are_under_way_beside_one_that_fails_hold_nothing_up);
async fn many_that_are_under_way_beside_one_that_fails_hold_nothing_up() {
    let (pair, app) = (pair((true, false)), image("app"));
    let all: Vec<_> = (0..40).map(|at| referrer(SIGNATURE, &app, format!("{at}"))).collect();
    let all: Vec<_> = all.iter().collect();
    pair.source.store().push("app", "1.0.0", &app);
    attach(&pair.source, "app", &app, &all);
    mirrors(&pair, "");
    let order = referrer_rows(&pair.sync(["--dry-run"]).run().await, "1.0.0");
    let digest_of = |row: &String| row.split(' ').next().unwrap().to_owned();
    let third = digest_of(&order[2]);
    // It fails once all behind it are held at the destination, each with a request under way.
    let (fails, held) = (Gate::closed(), Gate::closed());
    let get = Rule::on(Kind::ManifestGet).repository("app").reference(&third);
    pair.source.script(get, Fault::error(404, "MANIFEST_UNKNOWN").hold(&fails));
    let behind: Vec<_> = order[3..].iter().map(digest_of).collect();
    let put = Rule::on(Kind::ManifestPut).repository("app");
    let put = put.matching(move |request| behind.iter().any(|one| one == request.reference()));
    pair.destination.script(put, Fault::none().hold(&held));
    let running = pair.sync(["--retries", "0", "--concurrency", "40"]).spawn();
    // As many as the host is asked at once, at first; a fleet's share is smaller.
    held.reached(4).await;
    fails.resume();
    let done = running.wait().await;
    done.assert_code(1);
    assert!(error_of(&done, 0, "1.0.0").starts_with(&format!("referrer {third}: ")), "{done}");
    let listed = super::world::fallback_of(&pair.destination, "app", &app);
    assert_eq!(listed.len(), 2);
    held.resume();
}
