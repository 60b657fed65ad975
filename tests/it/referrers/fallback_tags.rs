//! Fallback tags: indexes that several write, of which nothing is lost.

use mirror_tests::mode::is_fleet;
use mirror_tests::sample::{self, Sample, image, referrer};
use mirror_tests::scripted::Kind::{ManifestGet, ManifestPut};
use mirror_tests::scripted::{Fault, Gate, Request, Rule, Store};

use super::world::{
    SBOM, SIGNATURE, assert_attached, attach, fallback_of, fallback_tag, mirrors, pair,
    referrer_rows,
};

/// An image, something of ours that is attached at the source, and something of others at the destination.
fn shared_subject() -> (Sample, Sample, Sample) {
    let image = image("app");
    let (ours, theirs) =
        (referrer(SIGNATURE, &image, "ours"), referrer("application/vnd.theirs", &image, "theirs"));
    (image, ours, theirs)
}

both_modes!(entries_of_others_are_kept_and_ours_say_what_they_are);
async fn entries_of_others_are_kept_and_ours_say_what_they_are() {
    let pair = pair((true, false));
    let (image, ours, theirs) = shared_subject();
    pair.source.store().push("app", "1.0.0", &image);
    attach(&pair.source, "app", &image, &[&ours]);
    pair.destination.store().push("app", "1.0.0", &image);
    attach(&pair.destination, "app", &image, &[&theirs]);
    let before = fallback_of(&pair.destination, "app", &image);
    mirrors(&pair, "");
    let done = pair.sync_well().await;
    assert_eq!(referrer_rows(&done, "1.0.0"), [format!("{} {SIGNATURE} copied", ours.digest())]);
    assert_attached(&pair.destination, "app", &image, &[&theirs, &ours]);
    let after = fallback_of(&pair.destination, "app", &image);
    assert_eq!(after[0], before[0]);
    assert_eq!(after[1]["artifactType"], SIGNATURE);
}

both_modes!(an_entry_that_is_missing_for_what_is_there_is_put_back);
async fn an_entry_that_is_missing_for_what_is_there_is_put_back() {
    let pair = pair((true, false));
    let (image, ours, theirs) = shared_subject();
    pair.source.store().push("app", "1.0.0", &image);
    attach(&pair.source, "app", &image, &[&ours]);
    pair.destination.store().push("app", "1.0.0", &image);
    attach(&pair.destination, "app", &image, &[&theirs]);
    pair.destination.store().put("app", &ours);
    mirrors(&pair, "");
    let done = pair.sync_well().await;
    // It was there: only nobody could find it.
    let expected = format!("{} {SIGNATURE} skipped: up-to-date", ours.digest());
    assert_eq!(referrer_rows(&done, "1.0.0"), [expected]);
    assert_attached(&pair.destination, "app", &image, &[&theirs, &ours]);
    let puts = pair.asked("app").kind(ManifestPut);
    let names: Vec<_> = puts.entries().iter().filter_map(|put| put.reference.clone()).collect();
    assert_eq!(names, [fallback_tag(&image)]);
}

both_modes!(what_somebody_else_adds_meanwhile_is_kept);
async fn what_somebody_else_adds_meanwhile_is_kept() {
    for heeds_if_match in [true, false] {
        let pair = pair((true, false));
        let (image, ours, theirs) = shared_subject();
        pair.destination.set(|options| {
            (options.etags, options.if_match) = (heeds_if_match, heeds_if_match);
        });
        pair.source.store().push("app", "1.0.0", &image);
        attach(&pair.source, "app", &image, &[&ours]);
        pair.destination.store().push("app", "1.0.0", &image);
        let tag = fallback_tag(&image);
        // Between our reading and our writing; or between our writing and our reading back.
        let adds = adds(&tag, &theirs);
        let meanwhile = if heeds_if_match {
            // The tag has to be there for If-Match to guard it.
            pair.destination.store().push("app", &tag, &sample::index(&[]));
            Fault::none().before(adds)
        } else {
            Fault::none().afterwards(adds)
        };
        let first = Rule::on(ManifestPut).repository("app").reference(&tag).nth(1);
        let met = pair.destination.script(first, meanwhile);
        mirrors(&pair, "");
        pair.sync_well().await;
        assert_eq!(met.fired(), 1);
        assert_attached(&pair.destination, "app", &image, &[&theirs, &ours]);
    }
}

/// Has somebody write a fallback tag of his own over whatever is there.
fn adds(tag: &str, theirs: &Sample) -> impl Fn(&Request, &Store) + Send + Sync + 'static {
    let (tag, theirs) = (tag.to_owned(), theirs.clone());
    move |_, store| {
        store.put("app", &theirs);
        store.push("app", &tag, &sample::index(std::slice::from_ref(&theirs)));
    }
}

both_modes!(what_does_not_stay_fails_after_some_rounds);
async fn what_does_not_stay_fails_after_some_rounds() {
    let pair = pair((true, false));
    let (image, ours, theirs) = shared_subject();
    pair.destination.set(|options| (options.etags, options.if_match) = (false, false));
    pair.source.store().push("app", "1.0.0", &image);
    attach(&pair.source, "app", &image, &[&ours]);
    let tag = fallback_tag(&image);
    let rule = Rule::on(ManifestPut).repository("app").reference(&tag);
    pair.destination.script(rule, Fault::none().afterwards(adds(&tag, &theirs)));
    mirrors(&pair, "");
    let done = pair.sync(["--retries", "0"]).run().await;
    done.assert_code(1);
    let error = crate::requests::pair::error_of(&done, 0, "1.0.0");
    let expected = format!(
        "referrer {}: others write the fallback tag {tag} at the same time, and what was added does \
         not stay",
        ours.digest()
    );
    assert_eq!(error, expected);
    // The tag itself is there.
    pair.destination.store().assert_holds("app", "1.0.0", &image);
    let puts = pair.asked("app").kind(ManifestPut);
    assert_eq!(puts.only(|put| put.reference.as_deref() == Some(&tag)).count(), 6);
}

both_modes!(two_runs_that_attach_to_one_subject_lose_nothing);
async fn two_runs_that_attach_to_one_subject_lose_nothing() {
    let (one, image) = (pair((true, false)), image("app"));
    let two = pair((true, false));
    let (signature, sbom) = (referrer(SIGNATURE, &image, "signed"), referrer(SBOM, &image, "sbom"));
    one.source.store().push("app", "1.0.0", &image);
    attach(&one.source, "app", &image, &[&signature]);
    two.source.store().push("app", "2.0.0", &image);
    attach(&two.source, "app", &image, &[&sbom]);
    let destination = one.destination.host();
    for pair in [&one, &two] {
        let config = format!(
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n  - {{source: \
             {}/app, destination: {destination}/app, includeReferrers: true}}\n",
            pair.source.host()
        );
        pair.mirror.write("mirror.yaml", config);
    }
    one.destination.set(|options| options.if_match = false);
    let (reads, writes) = (Gate::closed(), Gate::closed());
    let tag = fallback_tag(&image);
    let on = |kind| Rule::on(kind).repository("app").reference(&tag).nth(1);
    if is_fleet() {
        // The leader lets one at a time in.
        let (first, second) = (one.sync([]).spawn(), two.sync([]).spawn());
        first.wait().await.assert_code(0);
        second.wait().await.assert_code(0);
    } else {
        // Nobody keeps order among processes. The first has read the tag and writes it after the second,
        // who reads back what became of that.
        one.destination.script(on(ManifestGet), Fault::none().hold_answer(&reads));
        one.destination.script(on(ManifestPut), Fault::none().hold_answer(&writes));
        let first = one.sync([]).spawn();
        reads.reached(1).await;
        let second = two.sync([]).spawn();
        writes.reached(1).await;
        reads.resume();
        first.wait().await.assert_code(0);
        writes.resume();
        second.wait().await.assert_code(0);
    }
    let mut listed: Vec<_> = fallback_of(&one.destination, "app", &image)
        .iter()
        .map(|entry| entry["digest"].as_str().unwrap().to_owned())
        .collect();
    listed.sort();
    let mut expected = vec![signature.digest(), sbom.digest()];
    expected.sort();
    assert_eq!(listed, expected);
}
