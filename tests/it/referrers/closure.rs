//! All that is attached comes along, over every pair of registries, whatever became of the tag itself.

use mirror_tests::sample::{Image, image, index, referrer, two_platforms};
use mirror_tests::scripted::Kind;

use super::world::{
    ATTESTATION, PAIRS, Release, SBOM, SIGNATURE, assert_attached, attach, mirrors, pair,
    referrer_rows,
};
use crate::requests::pair::assert_rows;

both_modes!(all_that_is_attached_comes_along_over_every_pair);
async fn all_that_is_attached_comes_along_over_every_pair() {
    for sides in PAIRS {
        let (pair, release) = (pair(sides), Release::new("app"));
        release.push(&pair.source, "app", "1.0.0");
        mirrors(&pair, "");
        let done = pair.sync_well().await;
        let tags: &[(&str, &str)] = &[("1.0.0", "copied")];
        assert_rows(&done, 0, tags);
        assert_eq!(referrer_rows(&done, "1.0.0"), release.rows("copied"), "{sides:?}");
        release.assert_at(&pair.destination, "app", "1.0.0");
        let again = pair.sync_well().await;
        assert_rows(&again, 0, &[("1.0.0", "skipped")]);
        let skipped = release.rows("skipped: up-to-date");
        assert_eq!(referrer_rows(&again, "1.0.0"), skipped, "{sides:?}");
    }
}

both_modes!(a_signature_that_is_published_later_comes_later);
async fn a_signature_that_is_published_later_comes_later() {
    for sides in PAIRS {
        let (pair, image) = (pair(sides), image("app"));
        let (first, second) =
            (referrer(SIGNATURE, &image, "one"), referrer(SIGNATURE, &image, "two"));
        pair.source.store().push("app", "1.0.0", &image);
        attach(&pair.source, "app", &image, &[&first]);
        mirrors(&pair, "");
        pair.sync_well().await;
        attach(&pair.source, "app", &image, &[&first, &second]);
        let done = pair.sync_well().await;
        assert_rows(&done, 0, &[("1.0.0", "skipped")]);
        let rows = referrer_rows(&done, "1.0.0");
        assert!(rows.contains(&format!("{} {SIGNATURE} skipped: up-to-date", first.digest())));
        assert!(rows.contains(&format!("{} {SIGNATURE} copied", second.digest())), "{rows:?}");
        assert_attached(&pair.destination, "app", &image, &[&first, &second]);
    }
}

both_modes!(what_is_attached_comes_also_where_the_tag_has_drifted);
async fn what_is_attached_comes_also_where_the_tag_has_drifted() {
    for sides in PAIRS {
        let (pair, new) = (pair(sides), image("new"));
        let sbom = referrer(SBOM, &new, "sbom");
        pair.source.store().push("app", "1.0.0", &new);
        attach(&pair.source, "app", &new, &[&sbom]);
        pair.destination.store().push("app", "1.0.0", &image("old"));
        mirrors(&pair, "");
        let done = pair.sync([]).run().await;
        assert_rows(done.assert_code(2), 0, &[("1.0.0", "drifted")]);
        assert_eq!(referrer_rows(&done, "1.0.0"), [format!("{} {SBOM} copied", sbom.digest())]);
        assert_attached(&pair.destination, "app", &new, &[&sbom]);
        let held = pair.destination.store().resolve("app", "1.0.0");
        assert_eq!(held, Some(image("old").digest()));
    }
}

both_modes!(a_dry_run_says_what_would_come);
async fn a_dry_run_says_what_would_come() {
    for sides in PAIRS {
        let (pair, release) = (pair(sides), Release::new("app"));
        release.push(&pair.source, "app", "1.0.0");
        mirrors(&pair, "");
        let done = pair.sync(["--dry-run"]).run().await;
        assert_rows(done.assert_code(0), 0, &[("1.0.0", "would-copy")]);
        assert_eq!(referrer_rows(&done, "1.0.0"), release.rows("would-copy"));
        let writes = [Kind::UploadPost, Kind::UploadPut, Kind::ManifestPut, Kind::MountPost];
        let asked = pair.asked("app");
        assert!(writes.into_iter().all(|kind| asked.kind(kind).count() == 0));
    }
}

both_modes!(two_indexes_that_share_a_child_lose_nothing_of_it);
async fn two_indexes_that_share_a_child_lose_nothing_of_it() {
    for sides in PAIRS {
        let pair = pair(sides);
        let shared = image("shared");
        let own = |name: &str| Image::new().layer(name.to_owned()).build();
        let (one, two) =
            (index(&[shared.clone(), own("one")]), index(&[own("two"), shared.clone()]));
        let signatures: Vec<_> =
            (0..3).map(|at| referrer(SIGNATURE, &shared, format!("signature {at}"))).collect();
        let signatures: Vec<_> = signatures.iter().collect();
        pair.source.store().push("app", "1.0.0", &one);
        pair.source.store().push("app", "1.1.0", &two);
        attach(&pair.source, "app", &shared, &signatures);
        mirrors(&pair, "");
        pair.sync_well().await;
        assert_attached(&pair.destination, "app", &shared, &signatures);
        for tag in ["1.0.0", "1.1.0"] {
            let done = pair.sync_well().await;
            let rows = referrer_rows(&done, tag);
            assert_eq!(rows.len(), 3);
            assert!(rows.iter().all(|row| row.ends_with("skipped: up-to-date")), "{rows:?}");
        }
    }
}

both_modes!(the_type_of_an_artifact_is_its_configs_where_it_has_no_other);
async fn the_type_of_an_artifact_is_its_configs_where_it_has_no_other() {
    for sides in PAIRS {
        let (pair, image) = (pair(sides), two_platforms("app"));
        let plain = Image::new().layer("a layer").subject(&image).build();
        pair.source.store().push("app", "1.0.0", &image);
        attach(&pair.source, "app", &image, &[&plain]);
        mirrors(&pair, "");
        let kind = "application/vnd.oci.image.config.v1+json";
        for status in ["copied", "skipped: up-to-date"] {
            let done = pair.sync_well().await;
            let expected = format!("{} {kind} {status}", plain.digest());
            assert_eq!(referrer_rows(&done, "1.0.0"), [expected], "{sides:?}");
        }
    }
}

both_modes!(a_child_that_is_attached_to_another_comes_as_both);
async fn a_child_that_is_attached_to_another_comes_as_both() {
    for sides in PAIRS {
        let (pair, app) = (pair(sides), image("app"));
        let attestation = referrer(ATTESTATION, &app, "attested beside it");
        let index = index(&[app.clone(), attestation.clone()]);
        pair.source.store().push("app", "1.0.0", &index);
        attach(&pair.source, "app", &app, &[&attestation]);
        mirrors(&pair, "");
        let done = pair.sync_well().await;
        let row = |status| [format!("{} {ATTESTATION} {status}", attestation.digest())];
        assert_eq!(referrer_rows(&done, "1.0.0"), row("copied"));
        assert_attached(&pair.destination, "app", &app, &[&attestation]);
        let again = pair.sync_well().await;
        assert_eq!(referrer_rows(&again, "1.0.0"), row("skipped: up-to-date"));
    }
}

both_modes!(what_is_attached_to_content_of_several_tags_is_brought_by_the_first);
async fn what_is_attached_to_content_of_several_tags_is_brought_by_the_first() {
    for sides in PAIRS {
        let (pair, app) = (pair(sides), image("app"));
        let sbom = referrer(SBOM, &app, "sbom");
        for tag in ["1.0.0", "1.1.0", "1.2.0"] {
            pair.source.store().push("app", tag, &app);
        }
        attach(&pair.source, "app", &app, &[&sbom]);
        pair.destination.store().push("app", "0.1.0", &image("other"));
        mirrors(&pair, "");
        let done = pair.sync_well().await;
        assert_rows(&done, 0, &["1.2.0", "1.1.0", "1.0.0"].map(|tag| (tag, "copied")));
        let row = |status| [format!("{} {SBOM} {status}", sbom.digest())];
        assert_eq!(referrer_rows(&done, "1.2.0"), row("copied"));
        for tag in ["1.1.0", "1.0.0"] {
            assert_eq!(referrer_rows(&done, tag), row("skipped: up-to-date"));
        }
    }
}
