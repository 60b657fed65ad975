//! Bundles that are good but for one thing, made by who holds the keys of authority and logs.

use mirror_oci::Digest;
use rcgen::{ExtendedKeyUsagePurpose, SanType};
use serde_json::{Value, json};

use super::forge::{ALICE, Forge, ISSUER, NOON, Wish, b64, evidence, verifier};
use super::recorded::{identity, now};
use crate::{Refusal, Signature, TrustError, TrustedRoot, Verifier};

const CONTENT: &[u8] = b"{\"schemaVersion\":2}";
const ENTRY: &str = "/verificationMaterial/tlogEntries/0";
const DAY: i64 = 86_400;

fn verify(verifier: &Verifier, bundle: &Value) -> Result<Signature, Refusal> {
    let wanted = [identity(ISSUER, ".*")];
    verifier.verify(&Digest::of(CONTENT), &evidence(bundle), &wanted, now())
}

#[track_caller]
fn check(wish: &Wish, reason: &str) {
    let forge = Forge::new();
    for bundle in [forge.bundle(CONTENT, wish), forge.statement(CONTENT, wish)] {
        let refusal = verify(&forge.verifier(), &bundle).expect_err(reason).to_string();
        assert!(refusal.starts_with(reason), "`{refusal}` instead of `{reason}`");
    }
}

#[test]
fn a_message_and_a_statement_are_signed_alike() {
    let forge = Forge::new();
    let expected =
        Signature { issuer: ISSUER.to_owned(), identity: ALICE.to_owned(), oldest_verified: NOON };
    let wish = Wish::default();
    assert_eq!(verify(&forge.verifier(), &forge.bundle(CONTENT, &wish)), Ok(expected.clone()));
    assert_eq!(verify(&forge.verifier(), &forge.statement(CONTENT, &wish)), Ok(expected));
}

#[test]
fn a_pin_of_either_algorithm_is_covered_by_its_like() {
    let forge = Forge::new();
    let long: Digest = format!("sha512:{}", "5a".repeat(64)).parse().unwrap();
    let verify = |pin: &Digest, about: &Digest| {
        let bundle = forge.statement_about(about, &Wish::default());
        forge.verifier().verify(pin, &evidence(&bundle), &[identity(ISSUER, ".*")], now())
    };
    assert!(verify(&long, &long).is_ok());
    let short = Digest::of(CONTENT);
    let other = |wanted, found: Digest| Refusal::OtherContent { wanted, found: found.to_string() };
    assert_eq!(verify(&short, &long), Err(other(short, long)));
    assert_eq!(verify(&long, &short), Err(other(long, short)));
}

#[test]
fn a_certificate_that_names_nobody_is_refused() {
    let named = |san| Wish { san, ..Wish::default() };
    check(&named(None), "a certificate without subject");
    let name = SanType::DnsName("example.test".try_into().unwrap());
    check(&named(Some(name)), "a certificate without subject");
    let other = (vec![1, 3, 6, 1, 4, 1, 57264, 1, 7], ALICE.into());
    check(&named(Some(SanType::OtherName(other))), "a certificate without subject");
    check(&Wish { issuer: None, ..Wish::default() }, "a certificate without OIDC issuer");
    let empty = Wish { issuer: Some(String::new()), ..Wish::default() };
    check(&empty, "a certificate without OIDC issuer");
}

#[test]
fn what_a_certificate_says_is_shown_without_control_characters() {
    let issuer = format!("https://evil.example\u{202e}\x1b[2J{}", "x".repeat(5000));
    let wish = Wish { issuer: Some(issuer), ..Wish::default() };
    check(&wish, "signed by alice@example.test of issuer https://evil.example\\u{202e}\\u{1b}[2Jx");
    let forge = Forge::new();
    let refusal = verify(&forge.verifier(), &forge.bundle(CONTENT, &wish)).unwrap_err();
    assert!(refusal.to_string().len() < 400, "{refusal}");
}

#[test]
fn a_certificate_counts_only_while_it_is_valid() {
    let at = |time| Wish { time, ..Wish::default() };
    let validity = "validity of the certificate: signed at";
    let late = "2025-06-02T12:00:00Z, and valid until 2025-06-02T00:00:00Z";
    check(&at(NOON + DAY), &format!("{validity} {late}"));
    let early = "2025-05-31T12:00:00Z, and valid from 2025-06-01T00:00:00Z";
    check(&at(NOON - DAY), &format!("{validity} {early}"));
    check(&at(4_000_000_000), "integrated time: ");
}

#[test]
fn a_certificate_is_logged_once_and_for_signing_code() {
    check(&Wish { scts: 0, ..Wish::default() }, "signed certificate timestamp: ");
    check(&Wish { scts: 2, ..Wish::default() }, "signed certificate timestamp: ");
    let usage = ExtendedKeyUsagePurpose::ServerAuth;
    check(&Wish { usage, ..Wish::default() }, "certificate chain: ");
}

#[track_caller]
fn check_root(alteration: impl FnOnce(&mut Value), expected: Result<(), &str>) {
    let forge = Forge::new();
    let mut root = forge.root();
    alteration(&mut root);
    let bundle = forge.bundle(CONTENT, &Wish::default());
    match (verify(&verifier(&root), &bundle), expected) {
        (Ok(_), Ok(())) => (),
        (Err(refusal), Err(reason)) => {
            let refusal = refusal.to_string();
            assert!(refusal.starts_with(reason), "`{refusal}` instead of `{reason}`");
        }
        (result, expected) => panic!("{result:?} instead of {expected:?}"),
    }
}

#[test]
fn each_key_counts_only_while_it_was_in_use() {
    let window = |start: &str, end: &str| json!({ "start": start, "end": end });
    let during = window("2025-01-01T00:00:00Z", "2025-06-01T12:00:00Z");
    let before = window("2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z");
    let log = |window: &Value| {
        let window = window.clone();
        move |root: &mut Value| root["tlogs"][0]["publicKey"]["validFor"] = window
    };
    check_root(log(&during), Ok(()));
    check_root(log(&before), Err("signed entry timestamp: "));
    let sct = |window: &Value| {
        let window = window.clone();
        move |root: &mut Value| root["ctlogs"][0]["publicKey"]["validFor"] = window
    };
    check_root(sct(&during), Ok(()));
    check_root(sct(&before), Err("signed certificate timestamp: "));
    let authority = |window: &Value| {
        let window = window.clone();
        move |root: &mut Value| root["certificateAuthorities"][0]["validFor"] = window
    };
    check_root(authority(&during), Ok(()));
    check_root(authority(&before), Err("certificate chain: "));
}

#[test]
fn the_keys_of_others_confirm_nothing() {
    let other = Forge::new().root();
    let adopt = |name: &'static str| {
        let part = other[name].clone();
        move |root: &mut Value| root[name] = part
    };
    check_root(adopt("tlogs"), Err("signed entry timestamp: "));
    check_root(adopt("ctlogs"), Err("signed certificate timestamp: "));
    check_root(adopt("certificateAuthorities"), Err("certificate chain: "));
}

#[test]
fn the_certificate_of_another_authority_is_refused() {
    let (forge, other) = (Forge::new(), Forge::new());
    let mut bundle = forge.bundle(CONTENT, &Wish::default());
    let material = "verificationMaterial";
    bundle[material]["certificate"] =
        other.bundle(CONTENT, &Wish::default())[material]["certificate"].take();
    let refusal = verify(&forge.verifier(), &bundle).unwrap_err().to_string();
    assert!(refusal.starts_with("certificate chain: "), "{refusal}");
}

#[test]
fn a_root_without_what_every_signature_needs_is_not_used() {
    for name in ["tlogs", "ctlogs", "certificateAuthorities"] {
        let mut root = Forge::new().root();
        root[name] = json!([]);
        let root = TrustedRoot::from_json(&root.to_string()).unwrap();
        let error = Verifier::new(&root).unwrap_err();
        assert!(matches!(error, TrustError::Root { .. }), "{error}");
    }
}

#[test]
fn a_log_whose_key_cannot_be_read_is_done_without() {
    let add = |name: &'static str| {
        move |root: &mut Value| {
            let mut log = root[name][0].clone();
            log["publicKey"]["rawBytes"] = json!(b64("of the next century"));
            log["logId"]["keyId"] = json!(b64([7; 32]));
            root[name].as_array_mut().unwrap().push(log);
        }
    };
    check_root(add("tlogs"), Ok(()));
    check_root(add("ctlogs"), Ok(()));
}

#[track_caller]
fn check_entry(alteration: impl FnOnce(&mut Value), reason: &str) {
    let forge = Forge::new();
    let mut bundle = forge.bundle(CONTENT, &Wish::default());
    alteration(bundle.pointer_mut(ENTRY).unwrap());
    let refusal = verify(&forge.verifier(), &bundle).expect_err(reason).to_string();
    assert!(refusal.starts_with(reason), "`{refusal}` instead of `{reason}`");
}

#[test]
fn the_first_logs_entry_cannot_be_altered() {
    check_entry(|it| it["integratedTime"] = json!((NOON + 1).to_string()), "signed entry");
    check_entry(|it| it["logIndex"] = json!("8"), "signed entry timestamp: ");
    check_entry(|it| it["logId"]["keyId"] = json!(b64([0; 32])), "signed entry timestamp: ");
    let promise = json!({ "signedEntryTimestamp": b64("no") });
    check_entry(|it| it["inclusionPromise"] = promise, "signed entry timestamp: ");
    // Without the promise nothing says when.
    check_entry(|it| it["inclusionPromise"] = Value::Null, "no verified time");
    check_entry(|it| it["inclusionProof"]["rootHash"] = json!(b64([0; 32])), "checkpoint: ");
    check_entry(|it| it["inclusionProof"]["treeSize"] = json!("2"), "inclusion proof: ");
    check_entry(|it| it["inclusionProof"]["logIndex"] = json!("1"), "inclusion proof: ");
}

#[test]
fn a_message_that_is_another_is_refused_before_its_proofs() {
    let forge = Forge::new();
    let mut bundle = forge.bundle(b"something else", &Wish::default());
    let refusal = verify(&forge.verifier(), &bundle).unwrap_err();
    let found = Digest::of(b"something else").to_string();
    assert_eq!(refusal, Refusal::OtherContent { wanted: Digest::of(CONTENT), found });
    // What the bundle says about itself is not believed.
    bundle["messageSignature"].as_object_mut().unwrap().remove("messageDigest").unwrap();
    let refusal = verify(&forge.verifier(), &bundle).unwrap_err().to_string();
    assert!(refusal.starts_with("signature: "), "{refusal}");
}
