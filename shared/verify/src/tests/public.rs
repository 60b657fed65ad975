//! Bundles of other people, under the public roots that are built in: offline, and long after.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mirror_oci::Digest;
use serde_json::{Value, json};
use sigstore_trust_root::SIGSTORE_STAGING_TRUSTED_ROOT;

use super::forge::{b64, evidence, verifier};
use super::recorded::{identity, now};
use crate::{Refusal, Signature, TrustedRoot, Verifier, bundle, content};

macro_rules! data {
    ($name:literal) => {
        parse(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/",
            $name,
            ".sigstore.json"
        )))
    };
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn production() -> Verifier {
    Verifier::new(&TrustedRoot::embedded().unwrap()).unwrap()
}

fn staging() -> Verifier {
    verifier(&parse(SIGSTORE_STAGING_TRUSTED_ROOT))
}

/// The digest that a bundle is about.
fn subject(bundle: &Value) -> Digest {
    let hex = if let Some(digest) = bundle["messageSignature"]["messageDigest"]["digest"].as_str() {
        hex::encode(BASE64_STANDARD.decode(digest).unwrap())
    } else {
        let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
        let statement: Value =
            serde_json::from_slice(&BASE64_STANDARD.decode(payload).unwrap()).unwrap();
        statement["subject"][0]["digest"]["sha256"].as_str().unwrap().to_owned()
    };
    format!("sha256:{hex}").parse().unwrap()
}

fn verify(verifier: &Verifier, bundle: &Value, issuer: &str) -> Result<Signature, Refusal> {
    verifier.verify(&subject(bundle), &evidence(bundle), &[identity(issuer, ".*")], now())
}

/// The proofs are good, whatever is signed.
#[track_caller]
fn prove(verifier: &Verifier, json: &Value) -> Result<(), Refusal> {
    let bundle = bundle::read(json.to_string().as_bytes()).unwrap();
    let artifact = content::artifact(&subject(json)).unwrap();
    verifier.prove(artifact, &bundle).map(|_| ())
}

#[test]
fn signatures_of_both_logs_are_proved_by_the_root_that_is_built_in() {
    assert_eq!(prove(&production(), &data!("conda-attestation")), Ok(()));
    assert_eq!(prove(&production(), &data!("cosign-v3-blob")), Ok(()));
    assert_eq!(prove(&staging(), &data!("conda-attestation-rekor2")), Ok(()));
    assert_eq!(prove(&staging(), &data!("staging")), Ok(()));
    assert_eq!(prove(&staging(), &data!("staging-rekor2")), Ok(()));
    assert_eq!(prove(&staging(), &data!("staging-rekor2-attestation")), Ok(()));

    assert!(prove(&staging(), &data!("conda-attestation")).is_err());
    assert!(prove(&production(), &data!("staging")).is_err());
}

#[test]
fn an_attestation_with_good_proofs_is_refused_for_its_predicate() {
    let conda = "https://schemas.conda.org/attestations-publish-1.schema.json";
    let slsa = "https://slsa.dev/provenance/v1";
    for (verifier, bundle, predicate) in [
        (production(), data!("conda-attestation"), conda),
        (staging(), data!("conda-attestation-rekor2"), conda),
        (staging(), data!("staging-rekor2-attestation"), slsa),
    ] {
        let refusal = verify(&verifier, &bundle, "any").unwrap_err();
        assert_eq!(refusal, Refusal::Attestation { predicate: predicate.to_owned() });
    }
}

#[test]
fn a_logs_key_counts_only_while_it_was_in_use() {
    // Signed in May 2026, with a key that the log uses since September 2025.
    let bundle = data!("conda-attestation-rekor2");
    let retired = |end: &str| {
        let mut root = parse(SIGSTORE_STAGING_TRUSTED_ROOT);
        let logs = root["tlogs"].as_array_mut().unwrap();
        let log = |it: &&mut Value| it["baseUrl"].as_str().unwrap().contains("2025-alpha3");
        let log = logs.iter_mut().find(log).unwrap();
        log["publicKey"]["validFor"]["end"] = json!(end);
        prove(&verifier(&root), &bundle)
    };
    assert_eq!(retired("2026-05-26T07:42:21Z"), Ok(()));
    let refusal = retired("2026-05-26T07:42:20Z").unwrap_err().to_string();
    let expected = "validity of the log's key: no verified time lies within 2025-09-22T00:00:00Z/\
                    2026-05-26T07:42:20Z";
    assert_eq!(refusal, expected);
}

#[test]
fn the_oldest_of_several_times_counts() {
    // A timestamp, and a second later the log's.
    let bundle = data!("cosign-v3-blob");
    let refusal = verify(&production(), &bundle, "any").unwrap_err();
    let Refusal::Stranger { issuer, identity } = refusal else { panic!("{refusal}") };
    let signature = verify(&production(), &bundle, &issuer).unwrap();
    assert_eq!(signature.identity, identity);
    assert_eq!(signature.oldest_verified, 1_764_787_002);
}

#[test]
fn a_time_that_the_log_did_not_sign_is_not_a_time() {
    let refusal = verify(&production(), &data!("no-signed-time"), "any").unwrap_err();
    assert_eq!(refusal, Refusal::NoTime);
}

#[test]
fn keys_and_older_versions_are_refused() {
    let refusal = verify(&production(), &data!("managed-key"), "any").unwrap_err();
    assert_eq!(refusal, Refusal::Keyed);
    let pin = Digest::of(b"any");
    let evidence = evidence(&data!("version-0.1"));
    let refusal = production().verify(&pin, &evidence, &[], now()).unwrap_err();
    assert!(matches!(refusal, Refusal::MediaType { .. }), "{refusal}");
}

#[test]
fn without_its_promise_the_first_log_says_nothing_of_itself_or_the_time() {
    let mut bundle = data!("cosign-v3-blob");
    let Refusal::Stranger { issuer, .. } = verify(&production(), &bundle, "any").unwrap_err()
    else {
        panic!("not proved")
    };
    let entry = bundle.pointer_mut("/verificationMaterial/tlogEntries/0").unwrap();
    entry.as_object_mut().unwrap().remove("inclusionPromise").unwrap();
    let expected = verify(&production(), &bundle, &issuer).unwrap();
    assert_eq!(expected.oldest_verified, 1_764_787_002, "the timestamp's");

    // One alteration after the other: none is believed, none is reported.
    let mut alter = |name: &str, value: Value| {
        let entry = bundle.pointer_mut("/verificationMaterial/tlogEntries/0").unwrap();
        assert_ne!(entry[name], value);
        entry[name] = value;
        assert_eq!(verify(&production(), &bundle, &issuer), Ok(expected.clone()), "{name}");
    };
    alter("logIndex", json!("1"));
    alter("logId", json!({ "keyId": b64([0; 32]) }));
    alter("integratedTime", json!("1764787100"));
}
