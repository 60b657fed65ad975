//! A signed release is verified and mirrored with all that is attached to it, and is as good where it
//! arrives: cosign and oras say so.

use mirror_tests::binary::Finished;
use mirror_tests::oras::{Place, oras};
use mirror_tests::sample::BUNDLE;
use mirror_tests::servers::Sigstore;
use mirror_tests::signed::{Release, SBOM};

use super::signings::{Registry, release, trusting};
use super::world::{Who, assert_confirmed, assert_unverified, row};

/// What an entry wants of the release: signed by its workflow.
fn wanted(release: &Release) -> String {
    let issuer = release.signer.issuer.clone();
    let subject = format!("^{}$", release.signer.subject.replace('.', "\\."));
    Who { issuer, subject }.wanted("")
}

/// Asserts that the release was verified, with these statuses of its tag and of all that is attached.
#[track_caller]
fn assert_report(done: &Finished, release: &Release, status: &str, attached: &str) {
    done.assert_code(0);
    let tag = row(done, &release.tag);
    assert_eq!((&tag["status"], &tag["digest"]), (&status.into(), &release.index.digest().into()));
    assert_confirmed(done, &release.tag, &release.signer.issuer, &release.signer.subject);
    let rows = tag["referrers"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["status"] == attached), "{done}");
    let types: Vec<&str> = rows.iter().map(|row| row["artifactType"].as_str().unwrap()).collect();
    let count = |kind| types.iter().filter(|one| **one == kind).count();
    assert_eq!((count(BUNDLE), count(SBOM), types.len()), (2, 2, 4), "{done}");
    // Those of the index before those of its children.
    assert_eq!(rows[3]["digest"], *release.image_sbom);
}

both_modes!(a_signed_release_is_as_good_where_it_arrives_over_every_pair);
async fn a_signed_release_is_as_good_where_it_arrives_over_every_pair() {
    let sigstore = Sigstore::shared().await;
    let (oras, cosign) = (oras(), sigstore.cosign());
    for (api_there, api_here) in [(true, false), (true, true), (false, true), (false, false)] {
        let source = Registry::start(api_there).await;
        let destination = Registry::start(api_here).await;
        let release = release(&source).await;
        let app = format!("{}/app", destination.host());
        let more = format!("{}\n    includeReferrers: true", wanted(&release));
        let from = format!("{}/app", source.host());
        let mirror = trusting().await.artifact_with(&from, &app, &more);
        let done = mirror.sync(&["-o", "json"]).run().await;
        assert_report(&done, &release, "copied", "copied");
        release
            .assert_mirrored(&cosign, &oras, &Place::repository(&destination.host(), "app"))
            .await;
        let again = mirror.sync(&["-o", "json"]).run().await;
        assert_report(&again, &release, "skipped", "skipped");
    }
}

#[tokio::test]
async fn a_signed_release_is_carried_over_an_air_gap() {
    let sigstore = Sigstore::shared().await;
    let (oras, cosign) = (oras(), sigstore.cosign());
    let (near, far) = (Registry::start(true).await, Registry::start(false).await);
    let release = release(&near).await;
    let more = format!("{}\n    includeReferrers: true", wanted(&release));
    let near_app = format!("{}/app", near.host());
    let out = trusting().await.artifact_with(&near_app, "oci-layout://disk/app", &more);
    let done = out.sync(&["-o", "json"]).run().await;
    assert_report(&done, &release, "copied", "copied");
    let disk = Place::layout(&out.binary.folder().join("disk/app"));
    assert_eq!(oras.assert_same(&release.place, &disk, &release.tag).await, release.attached);

    // Verified again by whoever takes it in.
    let disk = out.binary.folder().join("disk");
    let inside = trusting().await;
    let folder = inside.binary.folder().join("disk");
    std::fs::rename(&disk, &folder).unwrap();
    let far_app = format!("{}/app", far.host());
    let inside = inside.artifact_with("oci-layout://disk/app", &far_app, &more);
    let done = inside.sync(&["-o", "json"]).run().await;
    assert_report(&done, &release, "copied", "copied");
    release.assert_mirrored(&cosign, &oras, &Place::repository(&far.host(), "app")).await;
    let again = inside.sync(&["-o", "json"]).run().await;
    assert_report(&again, &release, "skipped", "skipped");
}

#[tokio::test]
async fn a_layout_that_was_carried_without_its_signatures_is_refused() {
    let (near, far) = (Registry::start(true).await, Registry::start(true).await);
    let release = release(&near).await;
    let app = format!("{}/app", near.host());
    let out = trusting().await.artifact_with(&app, "oci-layout://disk/app", &wanted(&release));
    out.sync(&[]).run().await.assert_code(0);
    let disk = out.binary.folder().join("disk");
    let inside = trusting().await;
    std::fs::rename(disk, inside.binary.folder().join("disk")).unwrap();
    let far_app = format!("{}/app", far.host());
    let inside = inside.artifact_with("oci-layout://disk/app", &far_app, &wanted(&release));
    let done = inside.sync(&["-o", "json"]).run().await;
    let source = "oci-layout://disk/app";
    assert_unverified(&done, source, &release.tag, &["no signature found, wanted one of "]);
    assert_eq!(far.client().tags("app").await, [] as [&str; 0]);
}
