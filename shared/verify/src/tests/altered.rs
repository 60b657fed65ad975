//! A good bundle, altered in one place at a time: what is signed is refused, each for its own reason,
//! and what nobody signs makes no difference.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::forge::{b64, evidence};
use super::recorded::{ISSUER, SIGNED, email, identity, no_sct, now, pin, private, workflow};
use crate::{Evidence, Refusal, Signature};

const ENTRIES: &str = "/verificationMaterial/tlogEntries";
const ENTRY: &str = "/verificationMaterial/tlogEntries/0";
const PROOF: &str = "/verificationMaterial/tlogEntries/0/inclusionProof";
const CHECKPOINT: &str = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";
const TIMES: &str = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
const SIGNATURES: &str = "/dsseEnvelope/signatures";

fn verify(bundle: &Value) -> Result<Signature, Refusal> {
    private().verify(&pin(), &evidence(bundle), &[identity(ISSUER, ".*")], now())
}

/// The value at `path`, to be altered.
fn at<'v>(bundle: &'v mut Value, path: &str) -> &'v mut Value {
    bundle.pointer_mut(path).unwrap_or_else(|| panic!("no {path}"))
}

/// Removes the field `name` of what is at `path`.
fn remove(bundle: &mut Value, path: &str, name: &str) {
    at(bundle, path).as_object_mut().unwrap().remove(name).unwrap();
}

/// Turns around a bit of the base64 at `path`, so many bytes from its end.
fn flip(bundle: &mut Value, path: &str, from_end: usize) {
    let value = at(bundle, path);
    let mut bytes = BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
    let place = bytes.len() - from_end;
    bytes[place] ^= 1;
    *value = json!(b64(bytes));
}

/// Replaces a part of the text at `path`.
fn replace(bundle: &mut Value, path: &str, old: &str, new: &str) {
    let value = at(bundle, path);
    let text = value.as_str().unwrap();
    assert!(text.contains(old), "{text} without {old}");
    *value = json!(text.replacen(old, new, 1));
}

/// Replaces a part of the statement.
fn restate(bundle: &mut Value, old: &str, new: &str) {
    let value = at(bundle, "/dsseEnvelope/payload");
    let text = BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains(old), "{text} without {old}");
    *value = json!(b64(text.replacen(old, new, 1)));
}

/// Takes over what the bundle `other` has at `path`.
fn adopt(bundle: &mut Value, path: &str, mut other: Value) {
    *at(bundle, path) = at(&mut other, path).take();
}

#[track_caller]
fn check(alteration: impl FnOnce(&mut Value), reason: &str) {
    let mut bundle = email();
    alteration(&mut bundle);
    let refusal = verify(&bundle).expect_err(reason).to_string();
    assert!(refusal.starts_with(reason), "`{refusal}` instead of `{reason}`");
}

#[test]
fn what_the_bundle_is_cannot_be_altered() {
    let family = "application/vnd.dev.sigstore.bundle+json;version=";
    let media = |kind: String| move |it: &mut Value| it["mediaType"] = json!(kind);
    check(media(format!("{family}0.1")), &format!("a bundle of media type `{family}0.1`, wanted"));
    check(media(format!("{family}0.2")), &format!("a bundle of media type `{family}0.2`, wanted"));
    check(media(format!("{family}0.3")), &format!("a bundle of media type `{family}0.3`, wanted"));
    check(|it| remove(it, "", "mediaType"), "a bundle of media type ``, wanted");
    check(|it| *it = json!("bundle"), "the bundle cannot be read: ");
    check(|it| remove(it, "", "dsseEnvelope"), "the bundle cannot be read: ");
    let padding = "x".repeat(1 << 20);
    check(|it| it["padding"] = json!(padding), "longer than 1048576 bytes");
}

#[test]
fn a_bundle_that_says_twice_what_it_is_is_not_read() {
    let bundle = email().to_string();
    for name in ["mediaType", "verificationMaterial"] {
        let twice = format!("{{\"{name}\":{},{}", email()[name], &bundle[1..]);
        let evidence = Evidence::Bundle(Bytes::from(twice));
        let wanted = [identity(ISSUER, ".*")];
        let refusal = private().verify(&pin(), &evidence, &wanted, now()).expect_err(name);
        assert!(matches!(refusal, Refusal::Unreadable { .. }), "{name}: {refusal}");
    }
}

#[test]
fn the_certificate_cannot_be_altered() {
    let path = "/verificationMaterial/certificate/rawBytes";
    check(|it| flip(it, path, 1), "certificate chain: ");
    // The workflow's was made two seconds later.
    check(|it| adopt(it, path, workflow()), "validity of the certificate: signed at 2026-11-23T");
    check(|it| *at(it, path) = json!("AAAA"), "the certificate cannot be read: ");
    let keyed = |it: &mut Value| {
        remove(it, "/verificationMaterial", "certificate");
        it["verificationMaterial"]["publicKey"] = json!({ "hint": "alice" });
    };
    check(keyed, "signed with a key, not with a certificate");
    let chained = |it: &mut Value| {
        let certificate = at(it, "/verificationMaterial/certificate").take();
        remove(it, "/verificationMaterial", "certificate");
        let chain = json!({ "certificates": [certificate] });
        it["verificationMaterial"]["x509CertificateChain"] = chain;
    };
    check(chained, "the bundle cannot be read: application/vnd.dev.sigstore.bundle.v0.3+json");
}

#[test]
fn the_log_entry_cannot_be_altered() {
    check(|it| *at(it, ENTRIES) = json!([]), "0 log entries, wanted one");
    let second = |it: &mut Value| {
        let mut entry = at(it, ENTRY).clone();
        entry.as_object_mut().unwrap().remove("inclusionProof").unwrap();
        at(it, ENTRIES).as_array_mut().unwrap().push(entry);
    };
    check(second, "2 log entries, wanted one");
    check(|it| flip(it, &format!("{ENTRY}/canonicalizedBody"), 40), "inclusion proof: ");
    check(|it| *at(it, &format!("{ENTRY}/logIndex")) = json!("5"), "inclusion proof: ");
    check(|it| *at(it, &format!("{ENTRY}/logIndex")) = json!("7"), "inclusion proof: ");
    let kind = |kind: &'static str, version: &'static str| {
        let kind = json!({ "kind": kind, "version": version });
        move |it: &mut Value| *at(it, &format!("{ENTRY}/kindVersion")) = kind
    };
    check(kind("hashedrekord", "0.0.1"), "not supported: ");
    check(kind("dsse", "0.0.1"), "log entry: ");
    check(kind("dsse", "0.0.2"), "the bundle cannot be read: unsupported Rekor entry format");
    // The entry of another signature, with all of its proofs.
    check(|it| adopt(it, ENTRY, workflow()), "log entry: ");
    let promised = json!({ "signedEntryTimestamp": b64("nobody promised") });
    check(|it| at(it, ENTRY)["inclusionPromise"] = promised, "signed entry timestamp: ");
}

#[test]
fn the_inclusion_proof_cannot_be_altered() {
    check(|it| remove(it, ENTRY, "inclusionProof"), "no inclusion proof");
    check(|it| flip(it, &format!("{PROOF}/hashes/0"), 1), "inclusion proof: ");
    check(|it| *at(it, &format!("{PROOF}/hashes")) = json!([]), "inclusion proof: ");
    let longer = |it: &mut Value| {
        let hash = at(it, &format!("{PROOF}/hashes/0")).clone();
        at(it, &format!("{PROOF}/hashes")).as_array_mut().unwrap().push(hash);
    };
    check(longer, "inclusion proof: ");
    check(|it| *at(it, CHECKPOINT) = json!(""), "checkpoint: there is none");
    check(|it| *at(it, CHECKPOINT) = json!("a note"), "the bundle cannot be read: ");
    check(|it| replace(it, CHECKPOINT, "127.0.0.1\n7", "127.0.0.2\n7"), "checkpoint: No valid");
    check(|it| replace(it, CHECKPOINT, "\n7\n", "\n9\n"), "inclusion proof: ");
    check(|it| replace(it, CHECKPOINT, "bGc6H", "cGc6H"), "checkpoint: No matching");
    check(|it| replace(it, CHECKPOINT, "DBFAiEA", "DBFAiEB"), "checkpoint: No valid");
    // Another log's, of another tree.
    check(|it| adopt(it, CHECKPOINT, no_sct()), "inclusion proof: ");
    let flood = |it: &mut Value| {
        let line = "\u{2014} 127.0.0.1 bGc6HDBFAiEA\n".repeat(32);
        replace(it, CHECKPOINT, "\n\n", &format!("\n\n{line}"));
    };
    check(flood, "more than 32 signatures under the checkpoint");
}

#[test]
fn the_timestamp_cannot_be_altered() {
    check(|it| *at(it, TIMES) = json!([]), "no verified time");
    check(
        |it| remove(it, "/verificationMaterial", "timestampVerificationData"),
        "no verified time",
    );
    // A good timestamp of another signature.
    check(|it| adopt(it, TIMES, workflow()), "timestamp: ");
    check(|it| adopt(it, TIMES, no_sct()), "timestamp: ");
    check(|it| flip(it, &format!("{TIMES}/0/signedTimestamp"), 1), "timestamp: ");
    let bad_too = |it: &mut Value| {
        let other = at(&mut workflow(), &format!("{TIMES}/0")).take();
        at(it, TIMES).as_array_mut().unwrap().push(other);
    };
    check(bad_too, "timestamp: ");
    let flood = |it: &mut Value| {
        let time = at(it, &format!("{TIMES}/0")).clone();
        *at(it, TIMES) = json!(vec![time; 9]);
    };
    check(flood, "more than 8 timestamps");
}

#[test]
fn what_is_signed_cannot_be_altered() {
    let predicate = "https://sigstore.dev/cosign/sign/v1";
    let other = "https://slsa.dev/provenance/v1";
    let attestation = format!("an attestation ({other}), not a signature");
    check(|it| restate(it, predicate, other), &attestation);
    check(|it| restate(it, "55cdf4cf", "55cdf4ce"), "signs sha256:55cdf4ce");
    check(|it| restate(it, "\"sha256\"", "\"sha1\""), "signs a digest that is neither");
    // The same to whoever reads it.
    check(|it| restate(it, "\"predicate\":{}", "\"predicate\": {}"), "signature: ");
    check(|it| restate(it, "{\"_type\"", "\"_type\""), "the statement cannot be read: ");
    let subjects = "\"subject\":[";
    check(|it| restate(it, subjects, "\"subject\":[], \"ignored\":["), "signs nothing");
    let payload_type = "/dsseEnvelope/payloadType";
    let reason = "not supported: an envelope of payload type `text/plain`";
    check(|it| *at(it, payload_type) = json!("text/plain"), reason);
    check(|it| flip(it, &format!("{SIGNATURES}/0/sig"), 1), "timestamp: ");
    check(|it| adopt(it, SIGNATURES, workflow()), "timestamp: ");
    let with_its_time = |it: &mut Value| {
        adopt(it, SIGNATURES, workflow());
        adopt(it, TIMES, workflow());
    };
    check(with_its_time, "signature: ");
    check(|it| *at(it, SIGNATURES) = json!([]), "the bundle cannot be read: DSSE envelope must");
    let twice = |it: &mut Value| {
        let signature = at(it, &format!("{SIGNATURES}/0")).clone();
        at(it, SIGNATURES).as_array_mut().unwrap().push(signature);
    };
    check(twice, "the bundle cannot be read: DSSE envelope must");
}

/// Accepted, and nothing of it is seen.
#[track_caller]
fn check_unsigned(alteration: impl FnOnce(&mut Value)) {
    let mut bundle = email();
    let expected = verify(&bundle).unwrap();
    assert_eq!(expected.oldest_verified, SIGNED);
    alteration(&mut bundle);
    assert_ne!(bundle, email());
    assert_eq!(verify(&bundle), Ok(expected));
}

#[test]
fn what_nobody_signs_is_neither_believed_nor_reported() {
    // The root is taken from the checkpoint, place and size from the entry and the checkpoint.
    check_unsigned(|it| flip(it, &format!("{PROOF}/rootHash"), 1));
    check_unsigned(|it| *at(it, &format!("{PROOF}/logIndex")) = json!("3"));
    check_unsigned(|it| *at(it, &format!("{PROOF}/treeSize")) = json!("99"));
    // The log's second version promises nothing, and so says nothing of itself or the time.
    check_unsigned(|it| *at(it, &format!("{ENTRY}/logId/keyId")) = json!(b64([0; 32])));
    check_unsigned(|it| at(it, ENTRY)["integratedTime"] = json!("1000000000"));
    check_unsigned(|it| at(it, &format!("{SIGNATURES}/0"))["keyid"] = json!("alice"));
    check_unsigned(|it| it["padding"] = json!("x"));
}
