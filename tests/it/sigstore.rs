//! Signatures: whose satisfy, how old they are, what they cost, and what becomes of a tag without.
//!
//! What is recorded is judged in every test run, over scripted registries. The private Sigstore, with
//! which cosign signs in real registries and says what it thinks of the copies, takes the feature
//! `test-sigstore`.

mod ages;
mod costs;
#[cfg(feature = "test-sigstore")]
mod identities;
#[cfg(feature = "test-sigstore")]
mod mirrored;
#[cfg(feature = "test-sigstore")]
mod recorded;
pub(crate) mod roots;
#[cfg(feature = "test-sigstore")]
mod signed;
#[cfg(feature = "test-sigstore")]
mod signings;
mod stops;
mod trust;
pub(crate) mod world;

#[cfg(feature = "test-sigstore")]
use mirror_tests::{
    cosign::Cosign,
    oras::Place,
    servers::{Distribution, DistributionOptions, Identity, OciRegistry, OciRegistryOptions},
};

/// Both kinds of registry: with the referrers API and without it.
#[cfg(feature = "test-sigstore")]
async fn registries() -> (OciRegistry, Distribution) {
    tokio::join!(
        OciRegistry::start(OciRegistryOptions::default()),
        Distribution::start(DistributionOptions::default()),
    )
}

/// Asserts that cosign refuses an image with that in its reasons.
#[cfg(feature = "test-sigstore")]
async fn assert_refused(cosign: &Cosign<'_>, image: &str, identity: &Identity, reason: &str) {
    let done = cosign.verify(image, identity).await;
    assert_ne!(done.code(), Some(0), "{image} was accepted for {}", identity.subject);
    assert!(done.stderr.contains(reason), "not because of {reason:?}\n{done}");
}
