//! Bundles that the private Sigstore made, as they are: `tests/servers/fixtures` of the workspace.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mirror_model::Identity;
use mirror_oci::Digest;
use mirror_selector::Pattern;
use serde_json::Value;

use super::forge::verifier;
use crate::{Evidence, Refusal, Signature, Verifier};

pub(super) const ISSUER: &str = "http://127.0.0.1:39769/email";
pub(super) const ALICE: &str = "alice@example.test";
/// When the bundle of Alice was signed: 2026-11-23T21:57:31Z.
pub(super) const SIGNED: i64 = 1_795_471_051;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/servers/fixtures/", $name))
    };
}

const MANIFEST: &[u8] = fixture!("manifest.json");
const EMAIL: &[u8] = fixture!("email.sigstore.json");
const WORKFLOW: &[u8] = fixture!("workflow.sigstore.json");
const ATTESTATION: &[u8] = fixture!("attestation.sigstore.json");
const NO_SCT: &[u8] = fixture!("no-sct.sigstore.json");
pub(crate) const ROOT: &[u8] = fixture!("trusted_root.json");
const NO_SCT_ROOT: &[u8] = fixture!("no-sct.trusted_root.json");

/// The digest of what was signed.
pub(super) fn pin() -> Digest {
    Digest::of(MANIFEST)
}

/// An hour after the recorded bundles were signed.
pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(SIGNED.unsigned_abs() + 3600)
}

pub(super) fn private() -> Verifier {
    verifier(&parse(ROOT))
}

pub(super) fn email() -> Value {
    parse(EMAIL)
}

pub(super) fn workflow() -> Value {
    parse(WORKFLOW)
}

pub(super) fn no_sct() -> Value {
    parse(NO_SCT)
}

pub(super) fn identity(issuer: &str, subject: &str) -> Identity {
    Identity { issuer: issuer.to_owned(), subject: Pattern::compile(subject).unwrap() }
}

fn parse(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap()
}

fn verify(root: &[u8], bundle: &'static [u8], wanted: Identity) -> Result<Signature, Refusal> {
    let evidence = Evidence::Bundle(Bytes::from_static(bundle));
    verifier(&parse(root)).verify(&pin(), &evidence, &[wanted], now())
}

#[test]
fn a_signature_by_an_email_address_is_confirmed() {
    let signature = verify(ROOT, EMAIL, identity(ISSUER, "^alice@example\\.test$")).unwrap();
    let (issuer, identity) = (ISSUER.to_owned(), ALICE.to_owned());
    assert_eq!(signature, Signature { issuer, identity, oldest_verified: SIGNED });
}

#[test]
fn a_signature_by_a_workflow_is_confirmed() {
    let issuer = "http://127.0.0.1:39769/github";
    let subject = "^https://github\\.com/acme/app/\\.github/workflows/release\\.yml@refs/tags/v";
    let signature = verify(ROOT, WORKFLOW, identity(issuer, subject)).unwrap();
    let expected = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1";
    assert_eq!((signature.issuer.as_str(), signature.identity.as_str()), (issuer, expected));
}

#[test]
fn a_good_signature_by_somebody_else_says_by_whom() {
    let stranger = Refusal::Stranger { issuer: ISSUER.to_owned(), identity: ALICE.to_owned() };
    let refusal = verify(ROOT, EMAIL, identity(ISSUER, "^bob@")).unwrap_err();
    assert_eq!(refusal, stranger);
    let refusal = verify(ROOT, EMAIL, identity("http://127.0.0.1:39769/uri", ".*")).unwrap_err();
    assert_eq!(refusal, stranger);
}

#[test]
fn an_attestation_alone_is_not_a_signature() {
    let refusal = verify(ROOT, ATTESTATION, identity(ISSUER, ".*")).unwrap_err();
    assert!(matches!(refusal, Refusal::Attestation { .. }), "{refusal}");
    assert!(refusal.to_string().starts_with("an attestation (https://"), "{refusal}");
}

#[test]
fn a_certificate_that_was_not_logged_is_refused() {
    let refusal = verify(NO_SCT_ROOT, NO_SCT, identity(ISSUER, ".*")).unwrap_err();
    assert!(refusal.to_string().starts_with("signed certificate timestamp: "), "{refusal}");
}

#[test]
fn the_root_of_another_instance_confirms_nothing() {
    let refusal = verify(NO_SCT_ROOT, EMAIL, identity(ISSUER, ".*")).unwrap_err();
    assert!(refusal.to_string().starts_with("timestamp: "), "{refusal}");
}

#[test]
fn another_digest_is_not_covered() {
    let evidence = Evidence::Bundle(Bytes::from_static(EMAIL));
    let other = Digest::of(b"something else");
    let wanted = [identity(ISSUER, ".*")];
    let refusal = private().verify(&other, &evidence, &wanted, now()).unwrap_err();
    assert_eq!(refusal, Refusal::OtherContent { wanted: other, found: pin().to_string() });
}

#[test]
fn a_time_that_is_yet_to_come_is_refused_but_not_one_within_a_day() {
    let evidence = Evidence::Bundle(Bytes::from_static(EMAIL));
    let wanted = [identity(ISSUER, ".*")];
    let at = |now: u64| {
        let now = UNIX_EPOCH + Duration::from_secs(now);
        private().verify(&pin(), &evidence, &wanted, now)
    };
    let signed = SIGNED.unsigned_abs();
    assert!(at(signed - 86_400).is_ok());
    let refusal = at(signed - 86_401).unwrap_err();
    assert_eq!(refusal, Refusal::Future { time: "2026-11-23T21:57:31Z".to_owned() });
}
