//! The private Sigstore: what cosign signs with it in real registries is what verification and the
//! copying of referrers are tested on.

mod recorded;
mod signed;

use mirror_tests::cosign::Cosign;
use mirror_tests::oras::Place;
use mirror_tests::servers::{Distribution, Identity, OciRegistry};

/// Both kinds of registry: with the referrers API and without it.
async fn registries() -> (OciRegistry, Distribution) {
    tokio::join!(
        OciRegistry::start(mirror_tests::servers::OciRegistryOptions::default()),
        Distribution::start(mirror_tests::servers::DistributionOptions::default()),
    )
}

/// Asserts that cosign refuses an image with that in its reasons.
async fn assert_refused(cosign: &Cosign<'_>, image: &str, identity: &Identity, reason: &str) {
    let done = cosign.verify(image, identity).await;
    assert_ne!(done.code(), Some(0), "{image} was accepted for {}", identity.subject);
    assert!(done.stderr.contains(reason), "not because of {reason:?}\n{done}");
}
