//! cosign's older signatures, the layers of a `.sig` tag, made into what the library verifies.
//!
//! Such a layer is a payload that names a digest, and annotations with the signature, its certificate
//! and the log's signed entry timestamp, which stands for the inclusion proof. The bundle of version
//! 0.1 that comes of it is never seen elsewhere: one that is attached stays refused.
//!
//! The forms: cosign's `SIGNATURE_SPEC` and `SPEC` documents, and Rekor's `hashedrekord` 0.0.1.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mirror_oci::Digest;
use serde::Deserialize;
use sigstore_types::{
    Bundle, CanonicalizedBody, DerCertificate, InclusionPromise, KindVersion, LogId, LogIndex,
    LogKeyId, MediaType, MessageSignature, SignatureBytes, SignatureContent, SignedTimestamp,
    TransparencyLogEntry, VerificationMaterial, VerificationMaterialContent, X509Certificate,
};

use crate::Refusal;
use crate::evidence::MAX_EVIDENCE_BYTES;
use crate::shown::shown;

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const SIGNED_ENTRY: &str = "dev.sigstore.cosign/bundle";

/// What a payload says it is. Other signers use the same form for other purposes.
const KIND: &str = "cosign container image signature";

/// Certificates between the signer's and a root: Fulcio has one.
const MAX_CHAIN: usize = 8;

/// Ends a certificate in PEM.
const END: &str = "-----END CERTIFICATE-----";

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// The log's promise, as cosign writes it.
#[derive(Deserialize)]
struct SignedEntry {
    #[serde(rename = "SignedEntryTimestamp")]
    signature: String,
    #[serde(rename = "Payload")]
    entry: Entry,
}

#[derive(Deserialize)]
struct Entry {
    body: String,
    #[serde(rename = "integratedTime")]
    integrated_time: i64,
    #[serde(rename = "logIndex")]
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}

/// The head of a log entry's body.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "apiVersion")]
    version: String,
    kind: String,
}

/// Refuses a payload that does not name `pin`; that it is signed is for others to prove.
pub(crate) fn covers(payload: &[u8], pin: &Digest) -> Result<(), Refusal> {
    if payload.len() as u64 > MAX_EVIDENCE_BYTES {
        return Err(Refusal::TooLarge);
    }
    let Payload { critical } = serde_json::from_slice(payload)
        .map_err(|error| Refusal::unreadable("the payload", &error))?;
    if critical.kind != KIND {
        return Err(Refusal::unsupported(&format!("a payload of type `{}`", critical.kind)));
    }
    if critical.image.digest != pin.to_string() {
        let found = shown(&critical.image.digest);
        return Err(Refusal::OtherContent { wanted: *pin, found });
    }
    Ok(())
}

/// Makes a bundle of a layer's annotations.
pub(crate) fn rebuild(annotations: &BTreeMap<String, String>) -> Result<Bundle, Refusal> {
    if annotations.values().map(String::len).sum::<usize>() as u64 > MAX_EVIDENCE_BYTES {
        return Err(Refusal::TooLarge);
    }
    let get = |name| annotations.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let signature = get(SIGNATURE).ok_or(Refusal::Missing { what: "signature" })?;
    let signature = decode("the signature", signature)?;
    let certificate = get(CERTIFICATE).ok_or(Refusal::Keyed)?;
    let entry = get(SIGNED_ENTRY).ok_or(Refusal::Missing { what: "signed entry timestamp" })?;

    let mut certificates = vec![read_certificate(certificate)?];
    certificates.extend(read_chain(get(CHAIN).unwrap_or_default())?);
    let content = VerificationMaterialContent::X509CertificateChain { certificates };
    let material = VerificationMaterial::new(content).with_tlog_entries(vec![read_entry(entry)?]);
    let message = MessageSignature::new(SignatureBytes::new(signature));
    let content = SignatureContent::MessageSignature(message);
    Ok(Bundle::new(MediaType::Bundle0_1, material, content))
}

fn read_entry(json: &str) -> Result<TransparencyLogEntry, Refusal> {
    const WHAT: &str = "the log entry";
    let SignedEntry { signature, entry } =
        serde_json::from_str(json).map_err(|error| Refusal::unreadable(WHAT, &error))?;
    let body = decode(WHAT, &entry.body)?;
    let Kind { version, kind } =
        serde_json::from_slice(&body).map_err(|error| Refusal::unreadable(WHAT, &error))?;
    if (kind.as_str(), version.as_str()) != ("hashedrekord", "0.0.1") {
        return Err(Refusal::unsupported(&format!("a log entry of kind `{kind}` {version}")));
    }
    let log = hex::decode(&entry.log_id).map_err(|error| Refusal::unreadable(WHAT, &error))?;
    let index = LogIndex::new(entry.log_index).map_err(|it| Refusal::unreadable(WHAT, &it))?;
    let time = jiff::Timestamp::from_second(entry.integrated_time)
        .map_err(|error| Refusal::unreadable(WHAT, &error))?;
    let promise = SignedTimestamp::new(decode(WHAT, &signature)?);
    let log = LogId::new(LogKeyId::new(log));
    let kind = KindVersion::HashedRekordV001;
    Ok(TransparencyLogEntry::new(index, log, kind, CanonicalizedBody::new(body))
        .with_integrated_time(time)
        .with_inclusion_promise(InclusionPromise::new(promise)))
}

fn read_chain(pem: &str) -> Result<Vec<X509Certificate>, Refusal> {
    let parts: Vec<&str> = pem
        .split_inclusive(END)
        .filter(|part| !part.trim().is_empty())
        .take(MAX_CHAIN + 1)
        .collect();
    if parts.len() > MAX_CHAIN {
        return Err(Refusal::TooMany { what: "certificates in the chain", limit: MAX_CHAIN });
    }
    parts.into_iter().map(read_certificate).collect()
}

fn read_certificate(pem: &str) -> Result<X509Certificate, Refusal> {
    let certificate = DerCertificate::from_pem(pem);
    certificate
        .map(X509Certificate::new)
        .map_err(|error| Refusal::unreadable("the certificate", &error))
}

fn decode(what: &'static str, base64: &str) -> Result<Vec<u8>, Refusal> {
    BASE64_STANDARD.decode(base64).map_err(|error| Refusal::unreadable(what, &error))
}
