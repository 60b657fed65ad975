//! What it costs to find nothing to do, exactly.

use mirror_tests::sample::{Sample, image, referrer, two_platforms};
use mirror_tests::scripted::Kind::{ManifestGet, ManifestHead, ManifestPut, Referrers, Tags};
use mirror_tests::scripted::{Fault, Gate, Rule};

use super::world::{Release, SIGNATURE, attach, mirrors, pair};

both_modes!(an_unchanged_tag_costs_a_listing_a_subject);
async fn an_unchanged_tag_costs_a_listing_a_subject() {
    let (pair, release) = (pair((true, true)), Release::new("app"));
    release.push(&pair.source, "app", "1.0.0");
    release.push(&pair.destination, "app", "1.0.0");
    mirrors(&pair, "");
    pair.sync_well().await;
    // Of the index, its two children, and the three that are attached.
    let source = [(Tags, 1), (ManifestHead, 1), (ManifestGet, 1), (Referrers, 6)];
    pair.asked_source("app").assert(&source);
    // Of the three that have something attached at the source.
    pair.asked("app").assert(&[(ManifestHead, 1), (Referrers, 3)]);
}

both_modes!(an_unchanged_image_without_anything_attached_costs_one_listing);
async fn an_unchanged_image_without_anything_attached_costs_one_listing() {
    let pair = pair((true, true));
    pair.source.store().push("app", "1.0.0", &image("app"));
    pair.destination.store().push("app", "1.0.0", &image("app"));
    mirrors(&pair, "");
    pair.sync_well().await;
    pair.asked_source("app").assert(&[(Tags, 1), (ManifestHead, 1), (Referrers, 1)]);
    pair.asked("app").assert(&[(ManifestHead, 1)]);
}

both_modes!(without_the_api_a_subject_without_a_fallback_tag_costs_nothing);
async fn without_the_api_a_subject_without_a_fallback_tag_costs_nothing() {
    let pair = pair((false, false));
    for tag in ["1.0.0", "1.1.0", "1.2.0"] {
        pair.source.store().push("app", tag, &two_platforms(tag));
        pair.destination.store().push("app", tag, &two_platforms(tag));
    }
    mirrors(&pair, "");
    pair.sync_well().await;
    // That there is no API is found out once.
    let source = [(Tags, 1), (ManifestHead, 3), (ManifestGet, 3), (Referrers, 1)];
    pair.asked_source("app").assert(&source);
    pair.asked("app").assert(&[(ManifestHead, 3)]);
}

both_modes!(without_the_api_each_fallback_tag_costs_a_get_and_each_type_one_more);
async fn without_the_api_each_fallback_tag_costs_a_get_and_each_type_one_more() {
    let (pair, image) = (pair((false, false)), image("app"));
    let signature = referrer(SIGNATURE, &image, "signed");
    for registry in [&pair.source, &pair.destination] {
        registry.store().push("app", "1.0.0", &image);
        registry.store().push("app", "1.1.0", &image);
        attach(registry, "app", &image, &[&signature]);
    }
    mirrors(&pair, "");
    pair.sync_well().await;
    // Once for all: whether there is an API, and what type it has itself.
    let source = [(Tags, 1), (ManifestHead, 2), (Referrers, 1), (ManifestGet, 2 + 1)];
    pair.asked_source("app").assert(&source);
    pair.asked("app").assert(&[(ManifestHead, 2), (Referrers, 1), (ManifestGet, 2)]);
}

both_modes!(an_old_tag_costs_a_head_on_each_side);
async fn an_old_tag_costs_a_head_on_each_side() {
    let (pair, app) = (pair((true, true)), image("app"));
    let name = format!("{}.sig", app.digest().replace(':', "-"));
    for registry in [&pair.source, &pair.destination] {
        registry.store().push("app", "1.0.0", &app);
        registry.store().push("app", &name, &image("signature"));
    }
    mirrors(&pair, "");
    pair.sync_well().await;
    pair.asked_source("app").assert(&[(Tags, 1), (ManifestHead, 2), (Referrers, 1)]);
    pair.asked("app").assert(&[(ManifestHead, 2)]);
}

both_modes!(whether_there_is_an_api_is_asked_once_by_many_that_are_put_at_once);
async fn whether_there_is_an_api_is_asked_once_by_many_that_are_put_at_once() {
    let (pair, image) = (pair((true, true)), image("app"));
    let all: Vec<_> = (0..3).map(|at| referrer(SIGNATURE, &image, format!("{at}"))).collect();
    pair.source.store().push("app", "1.0.0", &image);
    attach(&pair.source, "app", &image, &all.iter().collect::<Vec<_>>());
    // It lists, and does not say so when it takes one; of a new repository nothing is known before.
    pair.destination.set(|options| options.subject_header = false);
    let held = Gate::closed();
    let names: Vec<_> = all.iter().map(Sample::digest).collect();
    let put = Rule::on(ManifestPut).repository("app");
    let put = put.matching(move |request| names.iter().any(|one| one == request.reference()));
    pair.destination.script(put, Fault::none().hold_answer(&held));
    mirrors(&pair, "");
    let running = pair.sync([]).spawn();
    held.reached(3).await;
    held.resume();
    running.wait().await.assert_code(0);
    pair.asked("app").kind(Referrers).assert(&[(Referrers, 1)]);
}
