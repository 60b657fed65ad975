//! The judgement about a tag: all results of its evidence together, held against the policy.
//!
//! One signature that satisfies is enough. Of several, the oldest decides the age: that somebody
//! signs again does not make a tag younger.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mirror_model::{Identity, Verification, VerifyPolicy};

use crate::Refusal;
use crate::evidence::{MAX_CANDIDATES, MAX_EVIDENCE_BYTES, MAX_TOTAL_BYTES};
use crate::shown::shown;

/// Who judges, as a report names it.
const PROVIDER: &str = "cosign";

/// Reasons that an error shows, each of at most a few hundred characters.
const MAX_REASONS: usize = 5;

/// Identities that an error shows as wanted.
const MAX_WANTED: usize = 3;

/// Predicates that an error shows of attestations.
const MAX_ATTESTED: usize = 3;

/// A signature that satisfies: who, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The OIDC issuer in the certificate, fit to be shown.
    pub issuer: String,
    /// The subject in the certificate, fit to be shown.
    pub identity: String,
    /// The oldest verified time, in seconds since 1970.
    pub oldest_verified: i64,
}

/// What a tag's evidence comes to.
#[derive(Debug)]
pub enum Judgement {
    /// Signed, and long enough ago.
    Confirmed(Verification),
    /// Signed, and not long enough ago.
    TooNew(Verification),
    /// Not signed by anyone who is wanted.
    Failed(VerifyError),
}

/// Why a tag is not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no evidence.
    #[error("no signature found{attested}, wanted one of {wanted}")]
    Unsigned {
        /// The identities of the policy.
        wanted: Wanted,
        /// What there is instead.
        attested: Attested,
    },
    /// No piece of evidence satisfies.
    #[error("no signature of {wanted}: {reasons}")]
    Unsatisfied {
        /// The identities of the policy.
        wanted: Wanted,
        /// Why not, who signed instead first.
        reasons: Reasons,
    },
    /// More referrers and layers may be signatures than are looked at.
    #[error("more than {MAX_CANDIDATES} candidates for a signature: there are {found}")]
    TooManyCandidates {
        /// How many there are.
        found: usize,
    },
    /// A bundle or payload is longer than any signature.
    #[error("a candidate for a signature is longer than {MAX_EVIDENCE_BYTES} bytes: {name}")]
    EvidenceTooLarge {
        /// The referrer's digest, or the older tag.
        name: String,
    },
    /// The evidence of one tag is longer than is held at once.
    #[error("the candidates for a signature are longer than {MAX_TOTAL_BYTES} bytes together")]
    TotalTooLarge,
}

/// The identities of a policy, as an error shows them: three at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    first: Vec<(String, String)>,
    more: usize,
}

/// The predicates of attestations that were passed over, as an error shows them: three at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    first: Vec<String>,
    has_more: bool,
}

/// Why no piece of evidence satisfies: five different reasons at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons {
    first: Vec<Refusal>,
    more: usize,
    /// The trusted root may be that of another Sigstore than has signed.
    has_other_root: bool,
}

/// Judges a tag by the results of all its evidence. `attested` are the predicates of what was passed over
/// as an attestation, and `now` is the run's clock.
pub fn judge(
    results: Vec<Result<Signature, Refusal>>,
    attested: Vec<String>,
    policy: &VerifyPolicy,
    now: SystemTime,
) -> Judgement {
    let mut refusals = Vec::new();
    let mut oldest: Option<Signature> = None;
    for result in results {
        match result {
            Err(refusal) => refusals.push(refusal),
            Ok(signature) => {
                if oldest.as_ref().is_none_or(|it| signature.oldest_verified < it.oldest_verified) {
                    oldest = Some(signature);
                }
            }
        }
    }
    let Some(oldest) = oldest else {
        let wanted = Wanted::of(&policy.identities);
        return Judgement::Failed(if refusals.is_empty() {
            VerifyError::Unsigned { wanted, attested: Attested::of(attested) }
        } else {
            VerifyError::Unsatisfied { wanted, reasons: Reasons::of(refusals) }
        });
    };
    let age = age(oldest.oldest_verified, now);
    let verification = Verification {
        provider: PROVIDER.to_owned(),
        issuer: Some(oldest.issuer),
        identity: Some(oldest.identity),
        integrated_time: Some(oldest.oldest_verified),
        age: None,
        min_age: None,
    };
    if age >= policy.min_age {
        Judgement::Confirmed(verification)
    } else {
        let (age, min_age) = (Some(age), Some(policy.min_age));
        Judgement::TooNew(Verification { age, min_age, ..verification })
    }
}

/// Whole seconds from `time` to `now`; none where it is yet to come.
fn age(time: i64, now: SystemTime) -> Duration {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let age = i128::from(now) - i128::from(time);
    Duration::from_secs(u64::try_from(age).unwrap_or_default())
}

impl Wanted {
    fn of(identities: &[Identity]) -> Self {
        let shown = |it: &Identity| (shown(&it.issuer), shown(it.subject.text()));
        let first: Vec<_> = identities.iter().take(MAX_WANTED).map(shown).collect();
        Self { more: identities.len() - first.len(), first }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (issuer, subject)) in self.first.iter().enumerate() {
            let or = if at == 0 { "" } else { " or " };
            write!(formatter, "{or}`{subject}` of issuer {issuer}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(formatter, " or {more} more"),
        }
    }
}

impl Attested {
    /// Takes each predicate once.
    fn of(predicates: Vec<String>) -> Self {
        let mut all = Self { first: Vec::new(), has_more: false };
        for predicate in predicates {
            if all.first.contains(&predicate) {
                continue;
            }
            if all.first.len() == MAX_ATTESTED {
                all.has_more = true;
                break;
            }
            all.first.push(predicate);
        }
        all
    }
}

impl fmt::Display for Attested {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first.as_slice(), self.has_more) {
            ([], _) => Ok(()),
            ([one], _) => write!(formatter, ", only an attestation ({one})"),
            (some, false) => write!(formatter, ", only attestations ({})", some.join(", ")),
            (some, true) => write!(formatter, ", only attestations ({}, ...)", some.join(", ")),
        }
    }
}

impl Reasons {
    /// Takes each reason once. Who signed says most, what is no signature least.
    fn of(refusals: Vec<Refusal>) -> Self {
        let has_other_root = refusals.iter().any(Refusal::may_be_of_another_root);
        let mut first: Vec<Refusal> = Vec::new();
        for refusal in refusals {
            if !first.contains(&refusal) {
                first.push(refusal);
            }
        }
        first.sort_by_key(|refusal| {
            let is_stranger = matches!(refusal, Refusal::Stranger { .. });
            (!is_stranger, matches!(refusal, Refusal::Attestation { .. }))
        });
        let more = first.len().saturating_sub(MAX_REASONS);
        first.truncate(MAX_REASONS);
        Self { first, more, has_other_root }
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, refusal) in self.first.iter().enumerate() {
            let and = if at == 0 { "" } else { "; " };
            write!(formatter, "{and}{refusal}")?;
        }
        if self.more > 0 {
            write!(formatter, "; and {} more", self.more)?;
        }
        if self.has_other_root {
            formatter
                .write_str(" (if another Sigstore signed it: --trusted-root names its root)")?;
        }
        Ok(())
    }
}
