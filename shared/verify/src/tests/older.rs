//! cosign's `.sig` tags: nobody makes them any more without the first log, so they are forged here.

use std::collections::BTreeMap;

use bytes::Bytes;
use mirror_oci::Digest;
use serde_json::{Value, json};

use super::forge::{ALICE, Forge, ISSUER, NOON, Signed, Wish, b64, payload};
use super::recorded::{identity, now};
use crate::{Evidence, Refusal, Signature, Verifier};

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const ENTRY: &str = "dev.sigstore.cosign/bundle";

/// What one `.sig` layer consists of.
struct Layer {
    forge: Forge,
    payload: Vec<u8>,
    signed: Signed,
    annotations: BTreeMap<String, String>,
}

fn pin() -> Digest {
    Digest::of(b"{\"schemaVersion\":2}")
}

fn layer(wish: &Wish) -> Layer {
    let forge = Forge::new();
    let payload = payload(&pin().to_string());
    let signed = forge.sign(&payload, wish);
    let annotations = forge.annotations(&signed);
    Layer { forge, payload, signed, annotations }
}

impl Layer {
    fn verify(&self) -> Result<Signature, Refusal> {
        self.verify_by(&self.forge.verifier())
    }

    fn verify_by(&self, verifier: &Verifier) -> Result<Signature, Refusal> {
        let evidence = Evidence::Simple {
            payload: Bytes::copy_from_slice(&self.payload),
            annotations: self.annotations.clone(),
        };
        verifier.verify(&pin(), &evidence, &[identity(ISSUER, "^alice@")], now())
    }

    /// Alters the log's promise, or the entry in it.
    fn alter_entry(&mut self, alteration: impl FnOnce(&mut Value)) {
        let text = self.annotations.get_mut(ENTRY).unwrap();
        let mut entry = serde_json::from_str(text).unwrap();
        alteration(&mut entry);
        *text = entry.to_string();
    }
}

#[track_caller]
fn check(alteration: impl FnOnce(&mut Layer), reason: &str) {
    let mut layer = layer(&Wish::default());
    alteration(&mut layer);
    let refusal = layer.verify().expect_err(reason).to_string();
    assert!(refusal.starts_with(reason), "`{refusal}` instead of `{reason}`");
}

#[test]
fn a_signature_with_the_logs_promise_is_confirmed() {
    let expected =
        Signature { issuer: ISSUER.to_owned(), identity: ALICE.to_owned(), oldest_verified: NOON };
    let mut layer = layer(&Wish::default());
    assert_eq!(layer.verify(), Ok(expected.clone()));
    // The authority is in the trusted root: the chain is only a help.
    layer.annotations.remove(CHAIN).unwrap();
    assert_eq!(layer.verify(), Ok(expected));
}

#[test]
fn the_payload_names_the_pinned_digest_and_is_what_was_signed() {
    let other = Digest::of(b"other").to_string();
    let wrong = format!("signs {other}, not {}", pin());
    check(|it| it.payload = payload(&other), &wrong);
    // Signed, logged, and about something else.
    let resigned = |it: &mut Layer| {
        it.payload = payload(&other);
        it.signed = it.forge.sign(&it.payload, &Wish::default());
        it.annotations = it.forge.annotations(&it.signed);
    };
    check(resigned, &wrong);
    check(|it| it.payload.push(b' '), "signature: ");
    check(|it| it.payload = b"{}".to_vec(), "the payload cannot be read: ");
    let kind = |it: &mut Layer| {
        let text = String::from_utf8(it.payload.clone()).unwrap();
        it.payload = text.replace("cosign container image", "any other").into_bytes();
    };
    check(kind, "not supported: a payload of type `any other signature`");
    check(|it| it.payload = vec![b' '; (1 << 20) + 1], "longer than 1048576 bytes");
}

#[test]
fn the_logs_promise_is_over_this_entry() {
    check(|it| it.alter_entry(|it| it["SignedEntryTimestamp"] = json!(b64("no"))), "signed entry");
    let integrated = json!(NOON - 1);
    check(|it| it.alter_entry(|it| it["Payload"]["integratedTime"] = integrated), "signed entry");
    check(|it| it.alter_entry(|it| it["Payload"]["logIndex"] = json!(8)), "signed entry");
    let log = json!(hex::encode([0; 32]));
    check(|it| it.alter_entry(|it| it["Payload"]["logID"] = log), "signed entry timestamp: ");
    // The good entry of another signature over the same payload.
    let other = |it: &mut Layer| {
        let signed = it.forge.sign(&it.payload, &Wish::default());
        it.annotations.insert(ENTRY.to_owned(), it.forge.annotations(&signed)[ENTRY].clone());
    };
    check(other, "log entry: ");
    // And of the same signature, were it over another payload.
    let body = |it: &mut Layer| {
        let text = String::from_utf8(it.signed.body.clone()).unwrap();
        let wrong = Digest::of(b"wrong").hex();
        it.signed.body = text.replace(&Digest::of(&it.payload).hex(), &wrong).into_bytes();
        it.annotations = it.forge.annotations(&it.signed);
    };
    check(body, "log entry: ");
    let kind = |it: &mut Layer| {
        let text = String::from_utf8(it.signed.body.clone()).unwrap();
        it.signed.body = text.replace("hashedrekord", "rekord").into_bytes();
        it.annotations = it.forge.annotations(&it.signed);
    };
    check(kind, "not supported: a log entry of kind `rekord` 0.0.1");
    check(|it| it.alter_entry(|it| *it = json!({})), "the log entry cannot be read: ");
    check(|it| drop(it.annotations.remove(ENTRY)), "no signed entry timestamp");
}

#[test]
fn certificate_and_signature_are_those_that_were_logged() {
    check(|it| drop(it.annotations.remove(CERTIFICATE)), "signed with a key");
    check(|it| drop(it.annotations.remove(SIGNATURE)), "no signature");
    let other = |it: &mut Layer| {
        let signed = it.forge.sign(&it.payload, &Wish::default());
        let other = it.forge.annotations(&signed);
        it.annotations.insert(CERTIFICATE.to_owned(), other[CERTIFICATE].clone());
    };
    check(other, "signature: ");
    let signature = |it: &mut Layer| {
        it.annotations.insert(SIGNATURE.to_owned(), b64("no signature"));
    };
    check(signature, "signature: ");
    let pem = |it: &mut Layer| {
        it.annotations.insert(CERTIFICATE.to_owned(), "no certificate".to_owned());
    };
    check(pem, "the certificate cannot be read: ");
    let chain = |it: &mut Layer| {
        let chain = it.annotations[CHAIN].repeat(9);
        it.annotations.insert(CHAIN.to_owned(), chain);
    };
    check(chain, "more than 8 certificates in the chain");
    let flood = |it: &mut Layer| {
        it.annotations.insert("padding".to_owned(), "x".repeat(1 << 20));
    };
    check(flood, "longer than 1048576 bytes");
}

#[test]
fn the_certificate_was_valid_when_the_log_took_the_entry_in() {
    let late = layer(&Wish { time: NOON + 86_400, ..Wish::default() });
    let refusal = late.verify().unwrap_err().to_string();
    assert!(refusal.starts_with("validity of the certificate: "), "{refusal}");
    let unlogged = layer(&Wish { scts: 0, ..Wish::default() });
    let refusal = unlogged.verify().unwrap_err().to_string();
    assert!(refusal.starts_with("signed certificate timestamp: "), "{refusal}");
}

#[test]
fn another_instance_confirms_nothing_and_a_stranger_is_named() {
    let good = layer(&Wish::default());
    let refusal = good.verify_by(&Forge::new().verifier()).unwrap_err().to_string();
    assert!(refusal.starts_with("signed entry timestamp: "), "{refusal}");
    let wish = Wish { issuer: Some("https://other.example".to_owned()), ..Wish::default() };
    let issuer = "https://other.example".to_owned();
    let expected = Refusal::Stranger { issuer, identity: ALICE.to_owned() };
    assert_eq!(layer(&wish).verify(), Err(expected));
}
