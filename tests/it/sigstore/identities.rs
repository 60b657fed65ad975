//! Whose signature satisfies: real images, signed by cosign, in both kinds of registry.

use mirror_tests::binary::Finished;
use mirror_tests::sample::image;
use mirror_tests::servers::{Identity, Sigstore};

use super::signings::{Signed, Signing, alice, workflow};
use super::world::{Who, assert_confirmed, assert_unverified, row};

/// Runs an entry that wants a signature by a subject of this pattern, at this issuer.
async fn sync(signed: &Signed, issuer: &str, subject: &str) -> Finished {
    let who = Who { issuer: issuer.to_owned(), subject: subject.to_owned() };
    signed.mirror(&who.wanted("")).await.sync(&["-o", "json"]).run().await
}

/// Asserts that it was copied, as signed by `who`.
async fn assert_copied(done: &Finished, signed: &Signed, who: &Identity) {
    done.assert_code(0);
    assert_eq!(row(done, "1.0.0")["status"], "copied", "{done}");
    assert_confirmed(done, "1.0.0", &who.issuer, &who.subject);
    signed.destination.client().assert_holds("app", "1.0.0", &image("app")).await;
}

/// Asserts that it was refused, for these reasons, and not copied.
async fn assert_refused(done: &Finished, signed: &Signed, reasons: &[&str]) {
    assert_unverified(done, &signed.place(), "1.0.0", reasons);
    assert_eq!(signed.destination.client().tags("app").await, [] as [&str; 0]);
}

both_modes!(the_right_identity_is_confirmed_in_both_kinds_of_registry);
async fn the_right_identity_is_confirmed_in_both_kinds_of_registry() {
    let alice = alice().await;
    for api in [true, false] {
        let signed = Signed::start(Signing::Alice, api).await;
        let done = sync(&signed, &alice.issuer, &alice.subject).await;
        assert_copied(&done, &signed, &alice).await;
    }
}

both_modes!(another_issuer_or_subject_is_refused_and_who_signed_is_said);
async fn another_issuer_or_subject_is_refused_and_who_signed_is_said() {
    let alice = alice().await;
    let found = format!("signed by {} of issuer {}", alice.subject, alice.issuer);
    let signed = Signed::start(Signing::Alice, true).await;
    for (issuer, subject) in [
        (workflow().await.issuer, alice.subject.clone()),
        (format!("{}/", alice.issuer), alice.subject.clone()),
        (alice.issuer.clone(), "bob@example.test".to_owned()),
        (alice.issuer.clone(), "ALICE".to_owned()),
    ] {
        let done = sync(&signed, &issuer, &subject).await;
        let wanted = format!("no signature of `{subject}` of issuer {issuer}");
        assert_refused(&done, &signed, &[&wanted, &found]).await;
    }
}

both_modes!(a_subject_is_a_pattern_that_is_not_anchored);
async fn a_subject_is_a_pattern_that_is_not_anchored() {
    let who = workflow().await;
    let signed = Signed::start(Signing::Twice, true).await;
    for pattern in [
        "acme/app",
        "release",
        "^https://github\\.com/acme/app/\\.github/workflows/release\\.yml@refs/tags/v[0-9]+$",
    ] {
        let done = sync(&signed, &who.issuer, pattern).await;
        assert_eq!(done.assert_code(0).code(), Some(0));
        assert_confirmed(&done, "1.0.0", &who.issuer, &who.subject);
    }
    for pattern in ["^acme/app", "release$", "^https://github\\.com/acme/app$"] {
        let done = sync(&signed, &who.issuer, pattern).await;
        assert_unverified(&done, &signed.place(), "1.0.0", &[&format!("`{pattern}`")]);
    }
}

both_modes!(of_two_signatures_one_is_enough);
async fn of_two_signatures_one_is_enough() {
    for api in [true, false] {
        for who in [alice().await, workflow().await] {
            let signed = Signed::start(Signing::Twice, api).await;
            let done = sync(&signed, &who.issuer, &who.subject).await;
            assert_copied(&done, &signed, &who).await;
        }
    }
}

both_modes!(any_one_of_the_identities_is_enough);
async fn any_one_of_the_identities_is_enough() {
    let (alice, workflow) = (alice().await, workflow().await);
    let signed = Signed::start(Signing::Alice, true).await;
    let verify = format!(
        "verify: {{provider: cosign, matchOIDCIdentity: [{{issuer: '{}', subject: x}}, {{issuer: \
         '{}', subject: alice}}]}}",
        workflow.issuer, alice.issuer
    );
    let done = signed.mirror(&verify).await.sync(&["-o", "json"]).run().await;
    assert_copied(&done, &signed, &alice).await;
}

both_modes!(an_attestation_alone_is_no_signature);
async fn an_attestation_alone_is_no_signature() {
    let alice = alice().await;
    for api in [true, false] {
        let signed = Signed::start(Signing::Attested, api).await;
        let done = sync(&signed, &alice.issuer, &alice.subject).await;
        assert_refused(&done, &signed, &["no signature"]).await;
    }
}

both_modes!(what_signs_another_image_does_not_sign_this_one);
async fn what_signs_another_image_does_not_sign_this_one() {
    let alice = alice().await;
    let digests = [image("other").digest(), image("app").digest()];
    let reason = format!("signs {}, not {}", digests[0], digests[1]);
    for api in [true, false] {
        let signed = Signed::start(Signing::OtherDigest, api).await;
        let done = sync(&signed, &alice.issuer, &alice.subject).await;
        assert_refused(&done, &signed, &[&reason]).await;
    }
}

both_modes!(the_first_log_alone_will_do_by_bundle_and_by_the_older_tag);
async fn the_first_log_alone_will_do_by_bundle_and_by_the_older_tag() {
    let alice = alice().await;
    for (signing, api) in
        [(Signing::FirstLog, true), (Signing::OlderTag, true), (Signing::OlderTag, false)]
    {
        let signed = Signed::start(signing, api).await;
        let done = sync(&signed, &alice.issuer, &alice.subject).await;
        assert_copied(&done, &signed, &alice).await;
    }
    let signed = Signed::start(Signing::OlderTag, true).await;
    let done = sync(&signed, &alice.issuer, "^bob@").await;
    let found = format!("signed by {} of issuer {}", alice.subject, alice.issuer);
    assert_refused(&done, &signed, &[&found]).await;
}

both_modes!(a_certificate_counts_at_a_verified_time_within_its_life);
async fn a_certificate_counts_at_a_verified_time_within_its_life() {
    let alice = alice().await;
    let out_of_time = "validity of the certificate: signed at ";
    for (signing, reason) in [(Signing::Late, out_of_time), (Signing::Timeless, "no verified time")]
    {
        let signed = Signed::start(signing, true).await;
        let done = sync(&signed, &alice.issuer, &alice.subject).await;
        assert_refused(&done, &signed, &[reason]).await;
    }
}

both_modes!(a_signature_grows_old_enough);
async fn a_signature_grows_old_enough() {
    let (signing, alice) = (Signing::Alice, alice().await);
    let signed = Signed::start(signing, true).await;
    let who = Who { issuer: alice.issuer.clone(), subject: alice.subject.clone() };
    let young = signed.mirror(&who.wanted(", minAge: 48h")).await;
    let done = young.sync(&["-o", "json"]).run().await;
    let skipped = row(done.assert_code(0), "1.0.0");
    assert_eq!(
        (&skipped["status"], &skipped["reason"]),
        (&"skipped".into(), &"signature-too-new".into())
    );
    assert_eq!(skipped["verification"]["minAge"], "48h0m0s");
    assert!(skipped["verification"]["age"].as_str().unwrap().ends_with('s'), "{skipped}");
    assert_eq!(signed.destination.client().tags("app").await, [] as [&str; 0]);

    // The log has whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let old = signed.mirror(&who.wanted(", minAge: 1s")).await;
    let done = old.sync(&["-o", "json"]).run().await;
    assert_copied(&done, &signed, &alice).await;
    // By the Sigstore's clock, which is this machine's.
    let time = assert_confirmed(&done, "1.0.0", &alice.issuer, &alice.subject);
    let age = jiff::Timestamp::now().duration_since(time.parse().unwrap());
    assert!((1..24 * 3600).contains(&age.as_secs()), "{time}");
}

#[tokio::test]
async fn who_trusts_another_sigstore_refuses_what_this_one_has_signed() {
    let alice = alice().await;
    let other = Sigstore::start(mirror_tests::servers::SigstoreOptions::default()).await;
    let signed = Signed::start(Signing::Alice, true).await;
    let who = Who { issuer: alice.issuer.clone(), subject: alice.subject.clone() };
    let mirror = signed.mirror(&who.wanted("")).await;
    let flag = format!("--trusted-root={}", other.trusted_root().display());
    let done = mirror.sync(&["-o", "json", &flag]).run().await;
    assert_refused(&done, &signed, &["no signature of "]).await;
    let mine = format!("--trusted-root={}", Sigstore::shared().await.trusted_root().display());
    let done = mirror.sync(&["-o", "json", &mine]).run().await;
    assert_copied(&done, &signed, &alice).await;
}
