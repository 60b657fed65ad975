//! When the keys of transparency logs were in use.
//!
//! The library takes a checkpoint under any key of the trusted root, also one that was retired before
//! the signature came about. Whoever holds a retired key could still write with it.

use jiff::Timestamp;
use sigstore_types::{Checkpoint, TimeRange, TransparencyLogEntry};
use sigstore_verify::crypto::VerificationKey;

use crate::{Check, Refusal};

/// The keys of a trusted root's logs.
pub(crate) struct Logs(Vec<Key>);

struct Key {
    /// The first bytes of the log's id, by which a checkpoint's signature names its key.
    hint: Vec<u8>,
    public: VerificationKey,
    window: Option<TimeRange>,
}

impl Logs {
    pub(crate) fn new(root: &sigstore_trust_root::TrustedRoot) -> Self {
        let keys = root.tlogs.iter().filter_map(|log| {
            let public = VerificationKey::from_spki(&log.public_key.raw_bytes).ok()?;
            let hint = log.log_id.key_id.as_bytes().get(..4)?.to_vec();
            Some(Key { hint, public, window: log.public_key.valid_for })
        });
        Self(keys.collect())
    }

    /// Refuses an entry whose checkpoint is signed only by keys that were not in use at any of the
    /// verified `times`.
    pub(crate) fn check(
        &self,
        entry: &TransparencyLogEntry,
        times: &[Timestamp],
    ) -> Result<(), Refusal> {
        let proof = entry.inclusion_proof.as_ref();
        let Some(checkpoint) = proof.and_then(|proof| proof.checkpoint.checkpoint()) else {
            return Err(Refusal::failed(Check::Checkpoint, &"there is none"));
        };
        let mut outside = None;
        for key in self.signers(checkpoint) {
            match key.window {
                Some(window) if !times.iter().any(|time| window.contains(*time)) => {
                    outside = Some(window);
                }
                Some(_) | None => return Ok(()),
            }
        }
        let Some(TimeRange { start, end, .. }) = outside else {
            return Err(Refusal::failed(
                Check::Checkpoint,
                &"signed by no log of the trusted root",
            ));
        };
        let end = end.map_or_else(String::new, |end| end.to_string());
        let reason = format!("no verified time lies within {start}/{end}");
        Err(Refusal::failed(Check::LogKey, &reason))
    }

    /// The keys that signed `checkpoint`.
    fn signers(&self, checkpoint: &Checkpoint) -> impl Iterator<Item = &Key> {
        let message = checkpoint.signed_data();
        checkpoint.signatures().iter().flat_map(move |signature| {
            let named = self.0.iter().filter(|key| key.hint == signature.key_id.as_bytes());
            named.filter(move |key| key.public.verify(message, &signature.signature).is_ok())
        })
    }
}
