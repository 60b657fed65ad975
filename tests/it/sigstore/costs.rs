//! What it costs to judge signatures and find nothing else to do, exactly.

use mirror_tests::scripted::Kind::{BlobGet, ManifestGet, ManifestHead, Referrers, Tags};

use super::world::{Who, mirrors, old_signatures, referrer, signed_image, signed_pair};
use crate::referrers::world::{SBOM, attach};
use crate::requests::pair::{Pair, assert_rows};

/// A pair that has the signed image on both sides, with these bundles.
fn unchanged(sides: (bool, bool), tags: &[&str], bundles: &[&str]) -> Pair {
    let pair = signed_pair(sides, tags[0], bundles);
    for registry in [&pair.source, &pair.destination] {
        for tag in tags {
            registry.store().push("app", tag, &signed_image());
        }
    }
    pair
}

both_modes!(an_unchanged_tag_with_one_bundle_costs_five_requests);
async fn an_unchanged_tag_with_one_bundle_costs_five_requests() {
    let pair = unchanged((true, true), &["1.0.0"], &["email"]);
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    assert_rows(&pair.sync_well().await, 0, &[("1.0.0", "skipped")]);
    let source = [(Tags, 1), (ManifestHead, 1), (Referrers, 1), (ManifestGet, 1), (BlobGet, 1)];
    pair.asked_source("app").assert(&source);
    pair.asked("app").assert(&[(ManifestHead, 1)]);
}

both_modes!(each_further_signature_costs_two_more);
async fn each_further_signature_costs_two_more() {
    let pair = unchanged((true, true), &["1.0.0"], &["email", "workflow", "second-email"]);
    mirrors(&pair, &Who::recorded("second-email").wanted(""), "");
    pair.sync_well().await;
    let (manifests, blobs) = ((ManifestGet, 1 + 2), (BlobGet, 1 + 2));
    let source = [(Tags, 1), (ManifestHead, 1), (Referrers, 1), manifests, blobs];
    pair.asked_source("app").assert(&source);
    pair.asked("app").assert(&[(ManifestHead, 1)]);
}

both_modes!(without_the_api_a_fallback_tag_costs_one_more_than_a_listing_once);
async fn without_the_api_a_fallback_tag_costs_one_more_than_a_listing_once() {
    let pair = unchanged((false, false), &["1.0.0"], &["email"]);
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    pair.sync_well().await;
    // That there is no API is found out once; the tag, and the bundle's manifest.
    let source = [(Tags, 1), (ManifestHead, 1), (Referrers, 1), (ManifestGet, 2), (BlobGet, 1)];
    pair.asked_source("app").assert(&source);
    pair.asked("app").assert(&[(ManifestHead, 1)]);
}

both_modes!(one_listing_serves_signatures_and_what_is_attached);
async fn one_listing_serves_signatures_and_what_is_attached() {
    let pair = unchanged((true, true), &["1.0.0"], &["email"]);
    attach(&pair.destination, "app", &signed_image(), &[&referrer("email")]);
    mirrors(&pair, &Who::recorded("email").wanted(""), ", includeReferrers: true");
    pair.sync_well().await;
    // The second listing is of what is attached to the bundle.
    let (listings, reads) = ((Referrers, 1 + 1), (ManifestGet, 1));
    let source = [(Tags, 1), (ManifestHead, 1), listings, reads, (BlobGet, 1)];
    pair.asked_source("app").assert(&source);
    pair.asked("app").assert(&[(ManifestHead, 1), (Referrers, 1)]);
}

both_modes!(without_the_api_one_fallback_tag_serves_both);
async fn without_the_api_one_fallback_tag_serves_both() {
    let pair = unchanged((false, true), &["1.0.0"], &["email"]);
    attach(&pair.destination, "app", &signed_image(), &[&referrer("email")]);
    mirrors(&pair, &Who::recorded("email").wanted(""), ", includeReferrers: true");
    pair.sync_well().await;
    let source = [(Tags, 1), (ManifestHead, 1), (Referrers, 1), (ManifestGet, 2), (BlobGet, 1)];
    pair.asked_source("app").assert(&source);
    pair.asked("app").assert(&[(ManifestHead, 1), (Referrers, 1)]);
}

both_modes!(an_older_tag_is_asked_for_only_where_no_bundle_satisfies);
async fn an_older_tag_is_asked_for_only_where_no_bundle_satisfies() {
    let (name, tagged) = old_signatures();
    // By a bundle; by the tag, whose two layers are one payload, where the bundle is somebody else's.
    for (bundle, asks) in [("email", false), ("workflow", true)] {
        let pair = unchanged((true, true), &["1.0.0"], &[bundle]);
        pair.source.store().push("app", &name, &tagged);
        mirrors(&pair, &Who::recorded("email").wanted(""), "");
        assert_rows(&pair.sync_well().await, 0, &[("1.0.0", "skipped")]);
        let of_tag = |count| if asks { count } else { 0 };
        pair.asked_source("app").assert(&[
            (Tags, 1),
            (ManifestHead, 1 + of_tag(1)),
            (Referrers, 1),
            (ManifestGet, 1 + of_tag(1)),
            (BlobGet, 1 + of_tag(2)),
        ]);
    }
}

both_modes!(what_says_that_it_is_something_else_costs_nothing);
async fn what_says_that_it_is_something_else_costs_nothing() {
    let pair = unchanged((true, true), &["1.0.0"], &["email", "attestation"]);
    let sbom = mirror_tests::sample::referrer(SBOM, &signed_image(), "what it is made of");
    attach(&pair.source, "app", &signed_image(), &[&sbom]);
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    pair.sync_well().await;
    let source = [(Tags, 1), (ManifestHead, 1), (Referrers, 1), (ManifestGet, 1), (BlobGet, 1)];
    pair.asked_source("app").assert(&source);
}

both_modes!(tags_of_one_image_are_judged_each);
async fn tags_of_one_image_are_judged_each() {
    let tags = ["1.2.0", "1.1.0", "1.0.0"];
    let pair = unchanged((true, true), &tags, &["email"]);
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    assert_rows(&pair.sync_well().await, 0, &tags.map(|tag| (tag, "skipped")));
    let source = [(Tags, 1), (ManifestHead, 3), (Referrers, 3), (ManifestGet, 3), (BlobGet, 3)];
    pair.asked_source("app").assert(&source);
    pair.asked("app").assert(&[(ManifestHead, 3)]);
}
