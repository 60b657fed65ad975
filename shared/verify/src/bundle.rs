//! Reads an attached bundle, and closes what the library leaves open about its form.
//!
//! The library takes a bundle that calls itself version 0.1 without an inclusion proof, and a second
//! log entry without any; both would pass for logged. Nothing here is a proof: that a signature is
//! good is found out after.

use serde::Deserialize;
use sigstore_types::{Bundle, VerificationMaterialContent};

use crate::evidence::{BUNDLE_MEDIA_TYPE, MAX_EVIDENCE_BYTES};
use crate::shown::shown;
use crate::{Check, Refusal};

/// Timestamps of one signature: each is verified, which takes a millisecond; signers ask for one.
const MAX_TIMESTAMPS: usize = 8;

/// Signatures under one checkpoint: the log's, and one of each of its witnesses.
const MAX_CHECKPOINT_SIGNATURES: usize = 32;

/// The one field that is read before all else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(default)]
    media_type: String,
}

/// Reads a bundle of version 0.3 with one certificate and one log entry, which has an inclusion proof.
pub(crate) fn read(json: &[u8]) -> Result<Bundle, Refusal> {
    if json.len() as u64 > MAX_EVIDENCE_BYTES {
        return Err(Refusal::TooLarge);
    }
    let json = str::from_utf8(json).map_err(|error| Refusal::unreadable("the bundle", &error))?;
    let kind: Kind =
        serde_json::from_str(json).map_err(|error| Refusal::unreadable("the bundle", &error))?;
    if kind.media_type != BUNDLE_MEDIA_TYPE {
        return Err(Refusal::MediaType { found: shown(&kind.media_type) });
    }
    let bundle =
        serde_json::from_str(json).map_err(|error| Refusal::unreadable("the bundle", &error))?;
    check(&bundle)?;
    Ok(bundle)
}

fn check(bundle: &Bundle) -> Result<(), Refusal> {
    let material = &bundle.verification_material;
    if matches!(material.content, VerificationMaterialContent::PublicKey(_)) {
        return Err(Refusal::Keyed);
    }
    let [entry] = material.tlog_entries.as_slice() else {
        return Err(Refusal::Entries { found: material.tlog_entries.len() });
    };
    let Some(proof) = &entry.inclusion_proof else {
        return Err(Refusal::Missing { what: "inclusion proof" });
    };
    let Some(checkpoint) = proof.checkpoint.checkpoint() else {
        return Err(Refusal::failed(Check::Checkpoint, &"there is none"));
    };
    if checkpoint.signatures().len() > MAX_CHECKPOINT_SIGNATURES {
        let what = "signatures under the checkpoint";
        return Err(Refusal::TooMany { what, limit: MAX_CHECKPOINT_SIGNATURES });
    }
    if material.timestamp_verification_data.rfc3161_timestamps.len() > MAX_TIMESTAMPS {
        return Err(Refusal::TooMany { what: "timestamps", limit: MAX_TIMESTAMPS });
    }
    Ok(())
}
