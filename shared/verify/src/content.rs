//! What a bundle signs: the pinned digest, and nothing but "signed".
//!
//! A statement that is signed by the right person says only what it says: that there is a bill of
//! materials, or that a build came about so and so. The library takes all of them alike.

use mirror_oci::Digest;
use sigstore_types::{
    Artifact, ArtifactDigest, HashAlgorithm, SignatureContent, Statement, Subject,
};

use crate::Refusal;
use crate::evidence::SIGN_PREDICATE;
use crate::shown::shown;

/// The payload of an envelope that holds an in-toto statement.
const STATEMENT: &str = "application/vnd.in-toto+json";

/// Refuses what is no signature over `pin`; that it is signed at all is for others to prove.
pub(crate) fn covers(content: &SignatureContent, pin: &Digest) -> Result<(), Refusal> {
    match content {
        SignatureContent::MessageSignature(message) => match &message.message_digest {
            Some(it) if (it.algorithm, it.digest.as_bytes()) != (algorithm(pin), value(pin)) => {
                let found = format!("{}:{}", it.algorithm.as_rekor_str(), it.digest.to_hex());
                Err(Refusal::OtherContent { wanted: *pin, found: shown(&found) })
            }
            Some(_) | None => Ok(()),
        },
        SignatureContent::DsseEnvelope(envelope) => {
            if envelope.payload_type != STATEMENT {
                let kind = &envelope.payload_type;
                return Err(Refusal::unsupported(&format!("an envelope of payload type `{kind}`")));
            }
            let statement: Statement = serde_json::from_slice(envelope.payload.as_bytes())
                .map_err(|error| Refusal::unreadable("the statement", &error))?;
            if statement.predicate_type != SIGN_PREDICATE {
                return Err(Refusal::Attestation { predicate: shown(&statement.predicate_type) });
            }
            if statement.subject.iter().any(|subject| is_subject(subject, pin)) {
                return Ok(());
            }
            let found = statement.subject.first().map_or_else(|| "nothing".to_owned(), describe);
            Err(Refusal::OtherContent { wanted: *pin, found: shown(&found) })
        }
        other => Err(Refusal::unsupported(&format!("a bundle of {other:?}"))),
    }
}

/// The pinned digest as the library takes it.
pub(crate) fn artifact(pin: &Digest) -> Result<Artifact<'static>, Refusal> {
    let digest = ArtifactDigest::new(algorithm(pin), value(pin).to_vec());
    digest.map(Artifact::from_digest).map_err(|error| Refusal::unsupported(&error))
}

fn is_subject(subject: &Subject, pin: &Digest) -> bool {
    match pin {
        Digest::Sha256(value) => subject.digest.sha256.is_some_and(|it| it.as_bytes() == value),
        Digest::Sha512(value) => subject.digest.sha512.is_some_and(|it| it.as_bytes() == value),
    }
}

fn describe(subject: &Subject) -> String {
    match (&subject.digest.sha256, &subject.digest.sha512) {
        (Some(value), _) => format!("sha256:{}", value.to_hex()),
        (None, Some(value)) => format!("sha512:{}", value.to_hex()),
        (None, None) => "a digest that is neither sha256 nor sha512".to_owned(),
    }
}

fn algorithm(pin: &Digest) -> HashAlgorithm {
    match pin {
        Digest::Sha256(_) => HashAlgorithm::Sha2256,
        Digest::Sha512(_) => HashAlgorithm::Sha2512,
    }
}

fn value(pin: &Digest) -> &[u8] {
    match pin {
        Digest::Sha256(value) => value,
        Digest::Sha512(value) => value,
    }
}
