//! The verifier: one piece of evidence, held against one digest.
//!
//! The library proves that somebody signed: chain, certificate's log, time, transparency log,
//! signature, and that the log's entry is about it. What is read before and checked after is in the
//! neighbours; only what passes all of it is a [`Signature`].

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use mirror_model::Identity;
use mirror_oci::Digest;
use sigstore_types::{Artifact, Bundle};
use sigstore_verify::{SubjectAltName, VerificationPolicy};

use crate::log::Logs;
use crate::{
    Check, Evidence, Refusal, Signature, TrustError, TrustedRoot, bundle, content, identity, simple,
};

/// How far a verified time may lie ahead. A run reads its clock once, and what is signed while it
/// plans is not refused; no run plans for a day.
const MAX_AHEAD: Duration = Duration::from_hours(24);

/// Decides about evidence, by one trusted root. Takes some milliseconds to make, and less to use.
pub struct Verifier {
    library: sigstore_verify::Verifier,
    policy: VerificationPolicy,
    logs: Logs,
}

/// What the library found good; who it was is not judged yet.
#[derive(Debug)]
pub(crate) struct Proof {
    issuer: Option<String>,
    subject: Option<SubjectAltName>,
    times: Vec<Timestamp>,
}

impl Verifier {
    /// Prepares the trusted root's keys and certificates.
    ///
    /// # Errors
    ///
    /// [`TrustError::Root`] where they cannot be used, or not enough of them are there.
    pub fn new(root: &TrustedRoot) -> Result<Self, TrustError> {
        let root = root.usable()?;
        let library = sigstore_verify::Verifier::new(root)
            .map_err(|error| TrustError::Root { reason: error.to_string() })?;
        Ok(Self { library, policy: VerificationPolicy::any_identity(), logs: Logs::new(root) })
    }

    /// Decides whether `evidence` proves that one of `identities` signed the content of digest `pin`.
    ///
    /// Takes CPU for some milliseconds, and does no I/O. `now` is the run's clock: the times of
    /// signatures are held against it only to find one that is yet to come.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] that says which check failed, or who else signed.
    pub fn verify(
        &self,
        pin: &Digest,
        evidence: &Evidence,
        identities: &[Identity],
        now: SystemTime,
    ) -> Result<Signature, Refusal> {
        let proof = match evidence {
            Evidence::Bundle(json) => {
                let bundle = bundle::read(json)?;
                content::covers(&bundle.content, pin)?;
                self.prove(content::artifact(pin)?, &bundle)?
            }
            Evidence::Simple { payload, annotations } => {
                simple::covers(payload, pin)?;
                let bundle = simple::rebuild(annotations)?;
                self.prove_by_library(Artifact::from_blob(payload), &bundle)?
            }
        };
        let oldest = oldest(&proof.times, now)?;
        let subject = proof.subject.as_ref().map(SubjectAltName::as_str);
        let (issuer, identity) = identity::admit(proof.issuer.as_deref(), subject, identities)?;
        Ok(Signature { issuer, identity, oldest_verified: oldest.as_second() })
    }

    /// Proves that a bundle, as [`bundle::read`] takes it, signs `artifact`.
    pub(crate) fn prove(&self, artifact: Artifact<'_>, bundle: &Bundle) -> Result<Proof, Refusal> {
        let proof = self.prove_by_library(artifact, bundle)?;
        for entry in &bundle.verification_material.tlog_entries {
            self.logs.check(entry, &proof.times)?;
        }
        Ok(proof)
    }

    fn prove_by_library(&self, artifact: Artifact<'_>, bundle: &Bundle) -> Result<Proof, Refusal> {
        let result = self.library.verify(artifact, bundle, &self.policy).map_err(Refusal::of)?;
        // The policy asks for all three; were one skipped, it must not pass for done.
        let done = [
            (result.certificate_verified(), Check::Chain),
            (result.sct_verified(), Check::Sct),
            (result.tlog_verified(), Check::InclusionProof),
        ];
        if let Some((_, check)) = done.into_iter().find(|(is_done, _)| !is_done) {
            return Err(Refusal::failed(check, &"not checked"));
        }
        Ok(Proof {
            issuer: result.issuer().map(ToOwned::to_owned),
            subject: result.identity().cloned(),
            times: result.verified_timestamps().to_vec(),
        })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Verifier")
    }
}

/// The oldest of the verified times, none of which is yet to come.
fn oldest(times: &[Timestamp], now: SystemTime) -> Result<Timestamp, Refusal> {
    let horizon = now.checked_add(MAX_AHEAD).and_then(|it| Timestamp::try_from(it).ok());
    let horizon = horizon.unwrap_or(Timestamp::MAX);
    if let Some(time) = times.iter().find(|time| **time > horizon) {
        return Err(Refusal::Future { time: time.to_string() });
    }
    times.iter().min().copied().ok_or(Refusal::NoTime)
}
