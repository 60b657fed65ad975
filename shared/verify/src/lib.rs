//! Decides whether Sigstore evidence covers a digest under a policy.
//!
//! Evidence, trusted root, policy and clock are handed in, and nothing here does any I/O but
//! [`Trust`], which reads the trusted root. The cryptography is sigstore-verify's; what it leaves
//! open is closed here, and none of its types leaves this crate. Where evidence is found, and what
//! becomes of a tag, is for others to say.
#![forbid(unsafe_code)]

mod bundle;
mod content;
mod evidence;
mod identity;
mod judge;
mod log;
mod refusal;
mod shown;
mod simple;
mod trust;
mod verifier;

#[cfg(test)]
mod tests;

pub use evidence::{
    BUNDLE_MEDIA_TYPE, Evidence, MAX_CANDIDATES, MAX_EVIDENCE_BYTES, MAX_TOTAL_BYTES,
    SIMPLE_SIGNING_MEDIA_TYPE, may_be_bundle,
};
pub use judge::{Judgement, VerifyError, judge};
pub use refusal::{Check, Refusal};
pub use trust::{Trust, TrustError, TrustSource, TrustedRoot};
pub use verifier::{Signature, Verifier};
