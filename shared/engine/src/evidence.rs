//! Verification of a tag at plan time: its evidence is found and read here, and judged by `verify`.
//!
//! Bundles that are attached come first; cosign's older `.sig` tag is asked for only where none of them
//! satisfies. All bytes were proved by their digests on the way.

use std::fmt::Display;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use mirror_model::{Failure, FailureKind, Pin, Stage, VerifyPolicy};
use mirror_oci::{Checkpoints, Content, Descriptor, Digest, Layer, Manifest, Referrer};
use mirror_verify::{
    BUNDLE_MEDIA_TYPE, Evidence, Judgement, MAX_CANDIDATES, MAX_EVIDENCE_BYTES, MAX_TOTAL_BYTES,
    Refusal, SIMPLE_SIGNING_MEDIA_TYPE, Signature, Trust, Verifier, VerifyError, attested,
    is_bundle, judge, may_be_bundle,
};
use tokio::task::spawn_blocking;

use crate::attachments::Listing;
use crate::cause::Cause;
use crate::closure::Finding;

/// Candidates of a tag that are read side by side; the host's window bounds them over all tags.
const READ_AT_ONCE: usize = 8;
/// Of cosign's older tags, the first holds signatures.
const SIGNATURE_TAGS: usize = 1;

/// How the signatures of a run are judged.
#[derive(Clone)]
pub struct Signatures {
    /// By which root.
    pub trust: Arc<Trust>,
    /// As of when: the clock is read once in a run.
    pub now: SystemTime,
    /// By how many seconds other clocks that the run depends on are ahead of that one, by their names.
    pub clocks: Vec<(String, i64)>,
    /// Who runs the process is told by this, where nobody else is: once a run, that the root cannot be had
    /// or may be out of date.
    pub tell: fn(&str),
}

/// What the user is told of a clock that is off by more than so many seconds: ages are wrong by that.
const WORTH_TELLING: u64 = 5;
/// Ages are not judged by a clock that is off by more than so many seconds: one of the two is wrong, and a
/// signature that is too new might pass.
const TOO_FAR: u64 = 60;

/// Holds other clocks against ours, by which ages are reckoned; returns what the user should know.
pub(crate) fn compare_clocks(
    clocks: impl Iterator<Item = (String, i64)>,
) -> Result<Vec<String>, Failure> {
    let mut warnings = Vec::new();
    for (name, offset) in clocks {
        let seconds = offset.unsigned_abs();
        let side = if offset > 0 { "ahead of" } else { "behind" };
        let differs = format!("the clock of {name} is {seconds} s {side} this machine's");
        if seconds > TOO_FAR {
            let message =
                format!("{differs}: minAge cannot be judged until one of them is set right");
            return Err(Failure::text(Stage::Verify, FailureKind::Unverified, message));
        }
        if seconds > WORTH_TELLING {
            warnings.push(format!("{differs}, and ages of signatures are reckoned by this one"));
        }
    }
    Ok(warnings)
}

/// What one tag's evidence is held against.
struct Hearing<'h> {
    verifier: Arc<Verifier>,
    root: &'h Pin,
    policy: Arc<VerifyPolicy>,
    now: SystemTime,
    results: Vec<Result<Signature, Refusal>>,
    /// The predicates of what says that it is an attestation, and so is passed over.
    attested: Vec<String>,
    candidates: usize,
    bytes: u64,
}

/// What a candidate turned out to be.
enum Read {
    Bundle(Bytes),
    /// It says that it is one, of this predicate.
    Attestation(String),
    Other,
}

impl Finding<'_> {
    /// Judges the signatures of a tag's content, by what is attached to it; gives back the listing.
    pub(crate) async fn verify(
        &self,
        verifier: Arc<Verifier>,
        root: &Pin,
        policy: &Arc<VerifyPolicy>,
        now: SystemTime,
    ) -> Result<(Judgement, Listing), Failure> {
        let listing = self.list(root.digest, Stage::Verify).await?;
        let policy = Arc::clone(policy);
        let (results, attested) = (Vec::new(), Vec::new());
        let mut hearing =
            Hearing { verifier, root, policy, now, results, attested, candidates: 0, bytes: 0 };
        self.bundles(&listing, &mut hearing).await?;
        if !hearing.results.iter().any(Result::is_ok) {
            self.old_signatures(&mut hearing).await?;
        }
        Ok((judge(hearing.results, hearing.attested, &hearing.policy, now), listing))
    }

    async fn bundles(&self, listing: &Listing, hearing: &mut Hearing<'_>) -> Result<(), Failure> {
        let may_be = |referrer: &&Referrer| {
            let artifact_type = referrer.descriptor.artifact_type.as_deref();
            may_be_bundle(artifact_type, &referrer.annotations)
        };
        let candidates = listing.referrers.iter().filter(may_be);
        let candidates: Vec<Descriptor> =
            candidates.map(|referrer| referrer.descriptor.clone()).collect();
        hearing.admit(candidates.len())?;
        let says = |referrer: &Referrer| {
            attested(referrer.descriptor.artifact_type.as_deref(), &referrer.annotations)
        };
        hearing.attested.extend(listing.referrers.iter().filter_map(says));
        let reads = stream::iter(candidates).map(|candidate| {
            let read = listing.read.iter().find(|read| read.descriptor.digest == candidate.digest);
            self.bundle(candidate.digest, read.cloned())
        });
        let mut reads = std::pin::pin!(reads.buffered(READ_AT_ONCE));
        while let Some(read) = reads.next().await {
            match read {
                Ok(Read::Bundle(bundle)) => hearing.hear(Evidence::Bundle(bundle)).await?,
                Ok(Read::Attestation(predicate)) => hearing.attested.push(predicate),
                Ok(Read::Other) => {}
                Err(failure) => hearing.miss(failure)?,
            }
        }
        Ok(())
    }

    /// Reads the bundle of one candidate, which is its first.
    async fn bundle(&self, digest: Digest, read: Option<Manifest>) -> Result<Read, Failure> {
        let manifest = match read {
            Some(manifest) => manifest,
            None => self.manifest_named(digest, &digest.to_string()).await?,
        };
        let artifact_type = manifest.descriptor.artifact_type.as_deref();
        let annotations = manifest.annotations();
        if !may_be_bundle(artifact_type, &annotations) {
            return Ok(attested(artifact_type, &annotations).map_or(Read::Other, Read::Attestation));
        }
        // One is what a bundle's manifest has: more would be a way around the bound on candidates.
        // An older one is read too: it is refused with a reason.
        let layers: Vec<_> = manifest.layers().into_iter().map(|layer| layer.descriptor).collect();
        let is_current = |layer: &&Descriptor| layer.media_type.as_str() == BUNDLE_MEDIA_TYPE;
        let is_any = |layer: &&Descriptor| is_bundle(layer.media_type.as_str());
        match layers.iter().find(is_current).or_else(|| layers.iter().find(is_any)) {
            Some(layer) => self.evidence(layer, &digest).await.map(Read::Bundle),
            None => Ok(Read::Other),
        }
    }

    /// Reads and judges what stands under cosign's older tag of signatures, where the source has it.
    async fn old_signatures(&self, hearing: &mut Hearing<'_>) -> Result<(), Failure> {
        let mut names = hearing.root.digest.cosign_tags().into_iter().take(SIGNATURE_TAGS);
        let Some(name) = names.find(|name| self.side_tags.has(name)) else { return Ok(()) };
        let Some(pin) = self.step(Stage::Verify, || self.store.resolve(&name)).await? else {
            return Ok(());
        };
        let manifest = self.manifest_named(pin.digest, name.as_str()).await?;
        let mut layers = manifest.layers();
        layers.retain(|layer| layer.descriptor.media_type.as_str() == SIMPLE_SIGNING_MEDIA_TYPE);
        hearing.admit(layers.len())?;
        for Layer { descriptor, annotations } in layers {
            match self.evidence(&descriptor, &name).await {
                Ok(payload) => hearing.hear(Evidence::Simple { payload, annotations }).await?,
                Err(failure) => hearing.miss(failure)?,
            }
        }
        Ok(())
    }

    async fn manifest_named(&self, digest: Digest, name: &str) -> Result<Manifest, Failure> {
        self.step(Stage::Verify, || async {
            let manifest = Content::manifest(self.store, digest).await;
            manifest.map_err(|cause| cause.of_referrer(name.to_owned()))
        })
        .await
    }

    /// Reads a small blob whole, which is part of the candidate that is called so.
    async fn evidence(
        &self,
        blob: &Descriptor,
        of: &(impl Display + Sync),
    ) -> Result<Bytes, Failure> {
        if blob.size > MAX_EVIDENCE_BYTES {
            return Err(refused(&VerifyError::EvidenceTooLarge { name: of.to_string() }));
        }
        self.step(Stage::Verify, || async {
            let mut chunks = self.store.blob(blob, 0, &Checkpoints::new(blob.digest)).await?;
            let mut bytes = BytesMut::new();
            // No more comes than the descriptor says.
            while let Some(chunk) = chunks.next().await {
                bytes.extend_from_slice(&chunk?);
            }
            Ok::<_, Cause>(bytes.freeze())
        })
        .await
    }
}

impl Hearing<'_> {
    /// Counts candidates before they are read.
    fn admit(&mut self, candidates: usize) -> Result<(), Failure> {
        self.candidates += candidates;
        if self.candidates > MAX_CANDIDATES {
            return Err(refused(&VerifyError::TooManyCandidates { found: self.candidates }));
        }
        Ok(())
    }

    /// Judges one piece of evidence, off the runtime: it takes milliseconds.
    async fn hear(&mut self, evidence: Evidence) -> Result<(), Failure> {
        let length = match &evidence {
            Evidence::Bundle(bytes) | Evidence::Simple { payload: bytes, .. } => bytes.len() as u64,
        };
        self.bytes += length;
        if self.bytes > MAX_TOTAL_BYTES {
            return Err(refused(&VerifyError::TotalTooLarge));
        }
        let (verifier, policy) = (Arc::clone(&self.verifier), Arc::clone(&self.policy));
        let (pin, now) = (self.root.digest, self.now);
        let verify = move || verifier.verify(&pin, &evidence, &policy.identities, now);
        let result = spawn_blocking(verify).await.map_err(|error| {
            Failure::text(Stage::Verify, FailureKind::Internal, format!("internal error: {error}"))
        })?;
        self.results.push(result);
        Ok(())
    }

    /// A candidate could not be read. One that is not there, or is not what it should be, proves nothing,
    /// as others may; a registry that does not let it be read says nothing about it.
    fn miss(&mut self, failure: Failure) -> Result<(), Failure> {
        match failure.kind {
            FailureKind::NotFound | FailureKind::Corrupt => {
                let reason = failure.message;
                self.results.push(Err(Refusal::Unreadable { what: "a candidate", reason }));
                Ok(())
            }
            FailureKind::Unavailable
            | FailureKind::RateLimited
            | FailureKind::Refused
            | FailureKind::Rejected
            | FailureKind::TimedOut
            | FailureKind::Unverified
            | FailureKind::TooLarge
            | FailureKind::Cancelled
            | FailureKind::Conflict
            | FailureKind::Internal => Err(failure),
        }
    }
}

fn refused(error: &VerifyError) -> Failure {
    Failure::new(Stage::Verify, FailureKind::Unverified, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_and_one_that_is_far_off_judges_nothing() {
        let compare = |offset| compare_clocks([("r.io".to_owned(), offset)].into_iter());
        for offset in [-5, 0, 5] {
            assert_eq!(compare(offset), Ok(Vec::new()));
        }
        let told = "the clock of r.io is 6 s behind this machine's, and ages of signatures are \
                    reckoned by this one";
        assert_eq!(compare(-6), Ok(vec![told.to_owned()]));
        assert_eq!(compare(60).map(|told| told.len()), Ok(1));
        let refused = compare(61).unwrap_err().message;
        assert!(refused.starts_with("the clock of r.io is 61 s ahead of"), "{refused}");
        assert!(compare(-61).is_err());
    }
}
