//! What is not verified stops the planning of its entry, and nothing but what was verified is copied.

use mirror_tests::digest::sha256;
use mirror_tests::mode::is_fleet;
use mirror_tests::sample::{BUNDLE, Image, image, index, noise};
use mirror_tests::scripted::Kind::{BlobGet, ManifestGet, ManifestHead, ManifestPut, Referrers};
use mirror_tests::scripted::{Fault, Gate, Rule, Stop};

use super::world::{
    Who, assert_confirmed, assert_unverified, attached, mirrors, old_signatures, pair, push_signed,
    referrer, row, signed_image, signed_pair,
};
use crate::referrers::world::{attach, fallback_tag};
use crate::requests::pair::{Pair, assert_rows};

fn source_of(pair: &Pair) -> String {
    format!("{}/app", pair.source.host())
}

both_modes!(the_first_tag_that_is_not_verified_stops_its_entry_and_no_other);
async fn the_first_tag_that_is_not_verified_stops_its_entry_and_no_other() {
    let pair = pair((true, true));
    for tag in ["1.4.0", "1.3.0", "1.0.0"] {
        push_signed(&pair.source, tag, &["email"]);
    }
    for tag in ["1.2.0", "1.1.0"] {
        pair.source.store().push("app", tag, &image("unsigned"));
    }
    let other = image("other");
    pair.source.store().push("other", "1.0.0", &other);
    let email = Who::recorded("email");
    pair.entries(&[("app", "app", &email.wanted("")), ("other", "other", "")]);
    let done = pair.sync([]).run().await;
    let reason = assert_unverified(&done, &source_of(&pair), "1.2.0", &[]);
    assert_eq!(reason, format!("no signature found, wanted one of {}", email.named()));
    let rows = [("1.4.0", "copied"), ("1.3.0", "copied"), ("1.2.0", "failed")];
    assert_rows(&done, 0, &rows);
    assert_rows(&done, 1, &[("1.0.0", "copied")]);
    assert_confirmed(&done, "1.4.0", &email.issuer, &email.subject);
    assert_eq!(pair.destination.store().tags("app"), ["1.3.0", "1.4.0"]);
    pair.destination.store().assert_holds("other", "1.0.0", &other);
    let summary = &done.json()["report"]["summary"];
    assert_eq!((&summary["copied"], &summary["failed"]), (&3.into(), &1.into()), "{done}");
}

both_modes!(the_log_says_where_planning_stops);
async fn the_log_says_where_planning_stops() {
    let pair = signed_pair((true, true), "1.2.0", &["email"]);
    for tag in ["1.1.0", "1.0.0", "0.9.0"] {
        pair.source.store().push("app", tag, &image("unsigned"));
    }
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    let done = pair.sync(["--verbose"]).run().await;
    done.assert_code(1);
    let lines: Vec<&str> = done.stderr.lines().filter(|line| line.contains("stops here")).collect();
    if is_fleet() {
        // It is in the coordinator's log.
        assert_eq!(lines, [] as [&str; 0], "{done}");
    } else {
        let [line] = lines[..] else { panic!("{done}") };
        let expected = format!("planning stops here src={}:1.1.0 tagsLeft=2", source_of(&pair));
        assert!(line.ends_with(&expected), "{line}");
    }
}

both_modes!(what_passes_is_tried_again_first);
async fn what_passes_is_tried_again_first() {
    let pair = signed_pair((true, true), "1.0.0", &["email"]);
    let once = |kind| Rule::on(kind).repository("app").nth(1);
    let bundle = sha256(&referrer("email").blobs[1]);
    let faults = [
        pair.source.script(once(Referrers), Fault::status(503)),
        pair.source
            .script(once(BlobGet).reference(&bundle), Fault::none().cut_after(9, Stop::Reset)),
    ];
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    assert_rows(&pair.sync_well().await, 0, &[("1.0.0", "copied")]);
    assert_eq!(faults.map(|fault| fault.fired()), [1, 1]);
}

both_modes!(a_listing_that_stays_refused_is_no_missing_signature);
async fn a_listing_that_stays_refused_is_no_missing_signature() {
    for status in [403, 503] {
        let pair = signed_pair((true, true), "1.1.0", &["email"]);
        push_signed(&pair.source, "1.0.0", &[]);
        pair.source.script(Rule::on(Referrers).repository("app"), Fault::status(status));
        mirrors(&pair, &Who::recorded("email").wanted(""), "");
        let done = pair.sync(["--retries", "0"]).run().await;
        let of = format!("the referrers of app@{}", signed_image().digest());
        assert_unverified(&done, &source_of(&pair), "1.1.0", &[&of]);
        // What was read of the tags after it is of no use.
        assert_rows(&done, 0, &[("1.1.0", "failed")]);
        assert_eq!(pair.destination.store().tags("app"), [] as [&str; 0]);
    }
}

both_modes!(a_tag_that_moves_meanwhile_is_copied_as_it_was_verified);
async fn a_tag_that_moves_meanwhile_is_copied_as_it_was_verified() {
    // After it was pinned and before it is judged; and after it was judged, before it is copied.
    for kind in [Referrers, ManifestHead] {
        let pair = signed_pair((true, true), "1.0.0", &["email"]);
        let evil = image("evil");
        let moves = {
            let evil = evil.clone();
            let store = pair.source.store().clone();
            move || drop(store.push("app", "1.0.0", &evil))
        };
        let gate = Gate::closed();
        let held = if kind == Referrers { &pair.source } else { &pair.destination };
        held.script(Rule::on(kind).repository("app").nth(1), Fault::none().hold(&gate));
        mirrors(&pair, &Who::recorded("email").wanted(""), "");
        let running = pair.sync([]).spawn();
        gate.reached(1).await;
        moves();
        gate.resume();
        let done = running.wait().await;
        assert_rows(done.assert_code(0), 0, &[("1.0.0", "copied")]);
        assert_eq!(row(&done, "1.0.0")["digest"], signed_image().digest());
        pair.destination.store().assert_holds("app", "1.0.0", &signed_image());
        assert_eq!(pair.source.store().resolve("app", "1.0.0"), Some(evil.digest()));
        assert!(pair.destination.store().manifest("app", &evil.digest()).is_none());
    }
}

both_modes!(a_dry_run_verifies_too);
async fn a_dry_run_verifies_too() {
    let pair = signed_pair((true, true), "1.1.0", &["email"]);
    pair.source.store().push("app", "1.0.0", &image("unsigned"));
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    let done = pair.sync(["--dry-run"]).run().await;
    assert_unverified(&done, &source_of(&pair), "1.0.0", &["no signature found"]);
    assert_rows(&done, 0, &[("1.1.0", "would-copy"), ("1.0.0", "failed")]);
    pair.asked("app").kind(ManifestPut).assert(&[]);
}

both_modes!(an_older_tag_satisfies_by_itself_and_the_error_names_who_signed_it);
async fn an_older_tag_satisfies_by_itself_and_the_error_names_who_signed_it() {
    let (name, tagged) = old_signatures();
    for who in ["email", "second-email", "workflow"] {
        let pair = signed_pair((false, false), "1.0.0", &[]);
        pair.source.store().push("app", &name, &tagged);
        let who_is_wanted = Who::recorded(who);
        mirrors(&pair, &who_is_wanted.wanted(""), "");
        let done = pair.sync([]).run().await;
        if who == "workflow" {
            let found = ["email", "second-email"].map(Who::recorded);
            let found = found.map(|it| format!("signed by {} of issuer {}", it.subject, it.issuer));
            assert_unverified(&done, &source_of(&pair), "1.0.0", &[&found[0], &found[1]]);
        } else {
            assert_rows(done.assert_code(0), 0, &[("1.0.0", "copied")]);
            assert_confirmed(&done, "1.0.0", &who_is_wanted.issuer, &who_is_wanted.subject);
        }
    }
}

both_modes!(more_candidates_than_are_looked_at_are_refused_by_name);
async fn more_candidates_than_are_looked_at_are_refused_by_name() {
    for (count, satisfies) in [(64, true), (65, false)] {
        let pair = signed_pair((true, true), "1.0.0", &["email"]);
        for at in 1..count {
            let noise = attached(&signed_image(), format!("{at}"));
            attach(&pair.source, "app", &signed_image(), &[&noise]);
        }
        mirrors(&pair, &Who::recorded("email").wanted(""), "");
        let done = pair.sync([]).run().await;
        if satisfies {
            assert_rows(done.assert_code(0), 0, &[("1.0.0", "copied")]);
        } else {
            let reason = assert_unverified(&done, &source_of(&pair), "1.0.0", &[]);
            assert_eq!(reason, "more than 64 candidates for a signature: there are 65");
            pair.asked_source("app").kind(BlobGet).assert(&[]);
        }
    }
}

both_modes!(a_bundle_that_is_longer_than_any_is_refused_by_name_and_not_read);
async fn a_bundle_that_is_longer_than_any_is_refused_by_name_and_not_read() {
    let pair = signed_pair((true, true), "1.0.0", &["email"]);
    let long = attached(&signed_image(), noise("long", (1 << 20) + 1));
    attach(&pair.source, "app", &signed_image(), &[&long]);
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    let done = pair.sync([]).run().await;
    let reason = assert_unverified(&done, &source_of(&pair), "1.0.0", &[]);
    let bound = "a candidate for a signature is longer than 1048576 bytes";
    assert_eq!(reason, format!("{bound}: {}", long.digest()));
    let blobs = pair.asked_source("app").kind(BlobGet);
    let long = sha256(&long.blobs[1]);
    assert_eq!(blobs.only(|get| get.reference.as_deref() == Some(&long)).count(), 0);
}

both_modes!(evidence_that_is_long_together_is_refused_by_name);
async fn evidence_that_is_long_together_is_refused_by_name() {
    let pair = pair((true, true));
    pair.source.store().push("app", "1.0.0", &signed_image());
    for at in 0..17 {
        let long = attached(&signed_image(), noise(&format!("{at}"), 1 << 20));
        attach(&pair.source, "app", &signed_image(), &[&long]);
    }
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    let done = pair.sync([]).run().await;
    let reason = assert_unverified(&done, &source_of(&pair), "1.0.0", &[]);
    let expected = "the candidates for a signature are longer than 16777216 bytes together";
    assert_eq!(reason, expected);
}

both_modes!(what_lies_about_itself_is_judged_by_what_it_is);
async fn what_lies_about_itself_is_judged_by_what_it_is() {
    let (pair, image) = (pair((true, true)), signed_image());
    pair.source.store().push("app", "1.0.0", &image);
    let lie = |bundle: bytes::Bytes| {
        let lie = Image::new().artifact_type(BUNDLE).layer_of(BUNDLE, bundle).subject(&image);
        lie.annotation("dev.sigstore.bundle.predicateType", "https://sigstore.dev/cosign/sign/v1")
    };
    let attestation = lie(referrer("attestation").blobs[1].clone()).build();
    let nothing = lie("{}".into()).build();
    attach(&pair.source, "app", &image, &[&attestation, &nothing]);
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    let done = pair.sync([]).run().await;
    let reasons = ["an attestation (", ", not a signature", "a bundle of media type ``"];
    assert_unverified(&done, &source_of(&pair), "1.0.0", &reasons);
}

both_modes!(a_bundle_of_an_older_version_is_refused_by_its_type);
async fn a_bundle_of_an_older_version_is_refused_by_its_type() {
    let first = "application/vnd.dev.sigstore.bundle+json;version=0.1";
    for older in [first, "application/vnd.dev.sigstore.bundle.v0.2+json"] {
        let (pair, image) = (pair((true, true)), signed_image());
        pair.source.store().push("app", "1.0.0", &image);
        let bundle = format!("{{\"mediaType\":\"{older}\"}}");
        let bundle = Image::new().artifact_type(older).layer_of(older, bundle).subject(&image);
        attach(&pair.source, "app", &image, &[&bundle.build()]);
        mirrors(&pair, &Who::recorded("email").wanted(""), "");
        let done = pair.sync([]).run().await;
        let reason = format!("a bundle of media type `{older}`, wanted {BUNDLE}");
        assert_unverified(&done, &source_of(&pair), "1.0.0", &[&reason]);
    }
}

both_modes!(an_attestation_alone_is_named_and_costs_nothing);
async fn an_attestation_alone_is_named_and_costs_nothing() {
    let pair = signed_pair((true, true), "1.0.0", &["attestation"]);
    let email = Who::recorded("email");
    mirrors(&pair, &email.wanted(""), "");
    let done = pair.sync([]).run().await;
    let reason = assert_unverified(&done, &source_of(&pair), "1.0.0", &[]);
    let found = "only an attestation (https://cosign.sigstore.dev/attestation/v1)";
    assert_eq!(reason, format!("no signature found, {found}, wanted one of {}", email.named()));
    let asked = pair.asked_source("app");
    asked.kind(BlobGet).assert(&[]);
    asked.kind(ManifestGet).assert(&[]);
}

both_modes!(where_a_platform_alone_is_signed_no_signature_is_found);
async fn where_a_platform_alone_is_signed_no_signature_is_found() {
    let (pair, email) = (pair((true, true)), Who::recorded("email"));
    pair.source.store().push("app", "1.0.0", &index(&[signed_image()]));
    attach(&pair.source, "app", &signed_image(), &[&referrer("email")]);
    mirrors(&pair, &email.wanted(""), "");
    let done = pair.sync([]).run().await;
    let reason = assert_unverified(&done, &source_of(&pair), "1.0.0", &[]);
    assert_eq!(reason, format!("no signature found, wanted one of {}", email.named()));
}

both_modes!(a_fallback_tag_that_is_no_index_is_named_with_its_side);
async fn a_fallback_tag_that_is_no_index_is_named_with_its_side() {
    let pair = signed_pair((false, true), "1.0.0", &[]);
    let tag = fallback_tag(&signed_image());
    pair.source.store().push("app", &tag, &image("no index"));
    mirrors(&pair, &Who::recorded("email").wanted(""), "");
    let done = pair.sync([]).run().await;
    let named = format!("fallback tag app:{tag} on {}: manifest ", pair.source.host());
    let reason = assert_unverified(&done, &source_of(&pair), "1.0.0", &[&named]);
    assert!(reason.contains(" is no image index of referrers but "), "{reason}");
}
