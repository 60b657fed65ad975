//! A Sigstore of the tests' own: an authority, its certificate log and a transparency log of the first
//! version, with keys that the tests hold. It signs what nobody else would.
//!
//! What it writes: SCTs of RFC 6962, entries and signed entry timestamps of Rekor v1, a tree of one
//! leaf with its checkpoint, bundles of version 0.3, and the layers of cosign's `.sig` tags.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use mirror_oci::Digest;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
    SerialNumber, SigningKey, date_time_ymd,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::evidence::SIGN_PREDICATE;
use crate::{BUNDLE_MEDIA_TYPE, Evidence, TrustedRoot, Verifier};

/// Noon of the one day for which certificates are valid: 2025-06-01.
pub(super) const NOON: i64 = 1_748_779_200;
pub(super) const ISSUER: &str = "https://issuer.example";
pub(super) const ALICE: &str = "alice@example.test";

pub(super) struct Forge {
    authority: Issuer<'static, KeyPair>,
    root: Certificate,
    sct: KeyPair,
    rekor: KeyPair,
}

/// What is signed, and how: all of it can be wished otherwise.
pub(super) struct Wish {
    /// The subject in the certificate.
    pub(super) san: Option<SanType>,
    /// The OIDC issuer in the certificate.
    pub(super) issuer: Option<String>,
    /// When the log says that it took the entry in.
    pub(super) time: i64,
    /// How often the certificate was logged.
    pub(super) scts: usize,
    /// What the certificate is for.
    pub(super) usage: ExtendedKeyUsagePurpose,
}

/// A signed message with all that belongs to it.
pub(super) struct Signed {
    pub(super) certificate: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) time: i64,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            san: Some(SanType::Rfc822Name(ALICE.try_into().unwrap())),
            issuer: Some(ISSUER.to_owned()),
            time: NOON,
            scts: 1,
            usage: ExtendedKeyUsagePurpose::CodeSigning,
        }
    }
}

impl Forge {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "forge");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        let root = params.self_signed(&key).unwrap();
        Self {
            authority: Issuer::new(params, key),
            root,
            sct: KeyPair::generate().unwrap(),
            rekor: KeyPair::generate().unwrap(),
        }
    }

    /// The trusted root, to be altered.
    pub(super) fn root(&self) -> Value {
        let log = |key: &KeyPair| {
            json!({
                "baseUrl": "https://log.example",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": b64(key.subject_public_key_info()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": { "start": "2020-01-01T00:00:00Z" },
                },
                "logId": { "keyId": b64(id(key)) },
            })
        };
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.rekor)],
            "ctlogs": [log(&self.sct)],
            "certificateAuthorities": [{
                "uri": "https://authority.example",
                "certChain": { "certificates": [{ "rawBytes": b64(self.root.der()) }] },
                "validFor": { "start": "2020-01-01T00:00:00Z" },
            }],
        })
    }

    pub(super) fn verifier(&self) -> Verifier {
        verifier(&self.root())
    }

    /// Signs `message` and logs that; for an envelope, `message` is its encoding.
    pub(super) fn sign(&self, message: &[u8], wish: &Wish) -> Signed {
        let key = KeyPair::generate().unwrap();
        let certificate = self.certificate(&key, wish);
        let signature = key.sign(message).unwrap();
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": { "hash": { "algorithm": "sha256", "value": hex::encode(sha256(message)) } },
                "signature": {
                    "content": b64(&signature),
                    "publicKey": { "content": b64(pem(&certificate)) },
                },
            },
        });
        Signed { certificate, signature, body: body.to_string().into_bytes(), time: wish.time }
    }

    /// A bundle that signs `content` as it is.
    pub(super) fn bundle(&self, content: &[u8], wish: &Wish) -> Value {
        let signed = self.sign(content, wish);
        let digest = json!({ "algorithm": "SHA2_256", "digest": b64(sha256(content)) });
        json!({
            "mediaType": BUNDLE_MEDIA_TYPE,
            "verificationMaterial": self.material(&signed, "hashedrekord"),
            "messageSignature": { "messageDigest": digest, "signature": b64(&signed.signature) },
        })
    }

    /// A bundle with cosign's statement about `content`.
    pub(super) fn statement(&self, content: &[u8], wish: &Wish) -> Value {
        self.statement_about(&Digest::of(content), wish)
    }

    /// A bundle with cosign's statement about a digest.
    pub(super) fn statement_about(&self, digest: &Digest, wish: &Wish) -> Value {
        const TYPE: &str = "application/vnd.in-toto+json";
        let payload = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { digest.algorithm(): digest.hex() } }],
            "predicateType": SIGN_PREDICATE,
            "predicate": {},
        });
        let payload = payload.to_string();
        let encoded = format!("DSSEv1 {} {TYPE} {} {payload}", TYPE.len(), payload.len());
        let mut signed = self.sign(encoded.as_bytes(), wish);
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": { "algorithm": "sha256", "value": hex::encode(sha256(b"unused")) },
                "payloadHash": {
                    "algorithm": "sha256",
                    "value": hex::encode(sha256(payload.as_bytes())),
                },
                "signatures": [{
                    "signature": b64(&signed.signature),
                    "verifier": b64(pem(&signed.certificate)),
                }],
            },
        });
        signed.body = body.to_string().into_bytes();
        json!({
            "mediaType": BUNDLE_MEDIA_TYPE,
            "verificationMaterial": self.material(&signed, "dsse"),
            "dsseEnvelope": {
                "payload": b64(&payload),
                "payloadType": TYPE,
                "signatures": [{ "sig": b64(&signed.signature) }],
            },
        })
    }

    fn material(&self, signed: &Signed, kind: &str) -> Value {
        let leaf = sha256(&[&[0], signed.body.as_slice()].concat());
        let note = format!("log.example\n1\n{}\n", b64(leaf));
        let signature = self.rekor.sign(note.as_bytes()).unwrap();
        let signature = b64([&id(&self.rekor)[..4], &signature].concat());
        json!({
            "certificate": { "rawBytes": b64(&signed.certificate) },
            "tlogEntries": [{
                "logIndex": "7",
                "logId": { "keyId": b64(id(&self.rekor)) },
                "kindVersion": { "kind": kind, "version": "0.0.1" },
                "integratedTime": signed.time.to_string(),
                "inclusionPromise": { "signedEntryTimestamp": b64(self.promise(signed)) },
                "inclusionProof": {
                    "logIndex": "0",
                    "rootHash": b64(leaf),
                    "treeSize": "1",
                    "hashes": [],
                    "checkpoint": {
                        "envelope": format!("{note}\n\u{2014} log.example {signature}\n"),
                    },
                },
                "canonicalizedBody": b64(&signed.body),
            }],
        })
    }

    /// The annotations of a `.sig` tag's layer.
    pub(super) fn annotations(&self, signed: &Signed) -> BTreeMap<String, String> {
        let entry = json!({
            "SignedEntryTimestamp": b64(self.promise(signed)),
            "Payload": {
                "body": b64(&signed.body),
                "integratedTime": signed.time,
                "logIndex": 7,
                "logID": hex::encode(id(&self.rekor)),
            },
        });
        let annotations = [
            ("dev.cosignproject.cosign/signature", b64(&signed.signature)),
            ("dev.sigstore.cosign/certificate", pem(&signed.certificate)),
            ("dev.sigstore.cosign/chain", self.root.pem()),
            ("dev.sigstore.cosign/bundle", entry.to_string()),
        ];
        annotations.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// The log's signature over the entry: Rekor's canonical JSON has its keys in order.
    fn promise(&self, signed: &Signed) -> Vec<u8> {
        let entry = json!({
            "body": b64(&signed.body),
            "integratedTime": signed.time,
            "logID": hex::encode(id(&self.rekor)),
            "logIndex": 7,
        });
        self.rekor.sign(entry.to_string().as_bytes()).unwrap()
    }

    fn certificate(&self, key: &KeyPair, wish: &Wish) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.serial_number = Some(SerialNumber::from_slice(&[7; 16]));
        params.not_before = date_time_ymd(2025, 6, 1);
        params.not_after = date_time_ymd(2025, 6, 2);
        params.subject_alt_names = wish.san.clone().into_iter().collect();
        params.extended_key_usages = vec![wish.usage.clone()];
        if let Some(issuer) = &wish.issuer {
            let fulcio = [1, 3, 6, 1, 4, 1, 57264, 1, 8];
            let value = tlv(0x0c, issuer.as_bytes());
            params.custom_extensions.push(CustomExtension::from_oid_content(&fulcio, value));
        }
        let bare = params.signed_by(key, &self.authority).unwrap();
        if wish.scts == 0 {
            return bare.der().to_vec();
        }
        let sct = self.sct(to_be_signed(bare.der()));
        let sct = [u16::try_from(sct.len()).unwrap().to_be_bytes().as_slice(), &sct].concat();
        let list = sct.repeat(wish.scts);
        let list = [u16::try_from(list.len()).unwrap().to_be_bytes().as_slice(), &list].concat();
        let oid = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
        let extension = CustomExtension::from_oid_content(&oid, tlv(0x04, &list));
        params.custom_extensions.push(extension);
        params.signed_by(key, &self.authority).unwrap().der().to_vec()
    }

    /// A signed certificate timestamp over what is to be signed of a certificate.
    fn sct(&self, bare: &[u8]) -> Vec<u8> {
        const VERSION: u8 = 0;
        const CERTIFICATE_TIMESTAMP: u8 = 0;
        const PRECERTIFICATE: [u8; 2] = [0, 1];
        const NO_EXTENSIONS: [u8; 2] = [0, 0];
        const ECDSA_SHA256: [u8; 2] = [4, 3];
        let time = (NOON.unsigned_abs() * 1000).to_be_bytes();
        let issuer = sha256(&self.authority.key().subject_public_key_info());
        let length = u32::try_from(bare.len()).unwrap().to_be_bytes();
        let signed = [
            &[VERSION, CERTIFICATE_TIMESTAMP][..],
            &time,
            &PRECERTIFICATE,
            &issuer,
            &length[1..],
            bare,
            &NO_EXTENSIONS,
        ];
        let signature = self.sct.sign(&signed.concat()).unwrap();
        let length = u16::try_from(signature.len()).unwrap().to_be_bytes();
        let id = id(&self.sct);
        let sct = [&[VERSION][..], &id, &time, &NO_EXTENSIONS, &ECDSA_SHA256, &length, &signature];
        sct.concat()
    }
}

/// A `.sig` tag's payload about a digest.
pub(super) fn payload(digest: &str) -> Vec<u8> {
    let payload = json!({
        "critical": {
            "identity": { "docker-reference": "registry.example/app" },
            "image": { "docker-manifest-digest": digest },
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    payload.to_string().into_bytes()
}

pub(super) fn verifier(root: &Value) -> Verifier {
    Verifier::new(&TrustedRoot::from_json(&root.to_string()).unwrap()).unwrap()
}

pub(super) fn evidence(bundle: &Value) -> Evidence {
    Evidence::Bundle(Bytes::from(bundle.to_string()))
}

pub(super) fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn pem(certificate: &[u8]) -> String {
    sigstore_types::DerCertificate::from_bytes(certificate).to_pem()
}

/// A log's id: the hash of its key.
fn id(key: &KeyPair) -> [u8; 32] {
    sha256(&key.subject_public_key_info())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A value of DER, with its tag and length.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    let length = match value.len() {
        0..0x80 => vec![length[1]],
        0x80..0x100 => vec![0x81, length[1]],
        _ => vec![0x82, length[0], length[1]],
    };
    [&[tag][..], &length, value].concat()
}

/// What is signed of a certificate: the first value within it. Both have long lengths.
fn to_be_signed(certificate: &[u8]) -> &[u8] {
    let header = |der: &[u8]| 2 + usize::from(der[1] & 0x7f);
    let inner = &certificate[header(certificate)..];
    let length = inner[2..header(inner)].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    &inner[..header(inner) + length]
}
