//! Sigstore bundles with other timestamps than they were made with.
//!
//! A certificate lives ten minutes, which no test waits for; the timestamp authority tells any time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::digest::sha256;
use crate::servers::Sigstore;

/// An RFC 3161 request up to the SHA-256 that is to be stamped: version 1, the algorithm.
const REQUEST: [u8; 24] = [
    0x30, 0x39, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
];
/// Its end: the certificate is asked for.
const REQUEST_END: [u8; 3] = [0x01, 0x01, 0xff];

/// Returns a bundle with a timestamp for each offset from now (`0s`, `1h`, `-2m`) in place of its
/// own: real ones, over its signature. Without an offset it has none.
pub async fn retimed(sigstore: &Sigstore, bundle: &[u8], offsets: &[&str]) -> Bytes {
    let mut bundle: Value = serde_json::from_slice(bundle).expect("a bundle is JSON");
    let signature = bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str();
    let signature = signature.and_then(|text| STANDARD.decode(text).ok());
    let digest = sha256(&signature.expect("an envelope has a signature"));
    let digest = hex::decode(digest.trim_start_matches("sha256:")).expect("a digest is hex");
    let request = [&REQUEST[..], &digest, &REQUEST_END].concat();
    let mut timestamps = Vec::new();
    for offset in offsets {
        let timestamp = sigstore.timestamp(&request, offset).await;
        timestamps.push(json!({"signedTimestamp": STANDARD.encode(timestamp)}));
    }
    let material = &mut bundle["verificationMaterial"];
    material["timestampVerificationData"] = json!({"rfc3161Timestamps": timestamps});
    Bytes::from(bundle.to_string())
}
