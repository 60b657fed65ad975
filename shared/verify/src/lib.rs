//! Decides whether Sigstore evidence covers a digest under a policy.
//!
//! Evidence, trusted root, policy and clock are handed in, and nothing here does any I/O but
//! [`Trust`], which reads the trusted root. The cryptography is sigstore-verify's; what it leaves
//! open is closed here, and none of its types leaves this crate. Where evidence is found, and what
//! becomes of a tag, is for others to say.
//!
//! Without the feature `sigstore` there is no [`Verifier`], and asking for one is an error.
#![forbid(unsafe_code)]

#[cfg(not(feature = "sigstore"))]
mod absent;
#[cfg(feature = "sigstore")]
mod bundle;
#[cfg(feature = "sigstore")]
mod content;
mod evidence;
#[cfg(feature = "sigstore")]
mod identity;
mod judge;
#[cfg(feature = "sigstore")]
mod log;
#[cfg(feature = "sigstore")]
mod reasons;
mod refusal;
mod shown;
#[cfg(feature = "sigstore")]
mod simple;
mod source;
#[cfg(feature = "sigstore")]
mod trust;
#[cfg(feature = "sigstore")]
mod verifier;

#[cfg(test)]
#[cfg(feature = "sigstore")]
mod tests;

#[cfg(not(feature = "sigstore"))]
pub use absent::{Trust, Verifier};
pub use evidence::{
    BUNDLE_MEDIA_TYPE, Evidence, MAX_CANDIDATES, MAX_EVIDENCE_BYTES, MAX_TOTAL_BYTES,
    SIMPLE_SIGNING_MEDIA_TYPE, attested, is_bundle, may_be_bundle,
};
pub use judge::{Judgement, Signature, VerifyError, judge};
pub use refusal::{Check, Refusal};
pub use source::{TrustError, TrustSource};
#[cfg(feature = "sigstore")]
pub use trust::{Trust, TrustedRoot};
#[cfg(feature = "sigstore")]
pub use verifier::Verifier;
