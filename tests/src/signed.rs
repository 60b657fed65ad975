//! A release as its makers publish it: an image index for two platforms, signed, with SBOMs and an
//! attestation, put into a registry by cosign and oras.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::Client;
use crate::cosign::Cosign;
use crate::oras::{Attached, Oras, Place};
use crate::sample::{BUNDLE, Sample, two_platforms};
use crate::servers::{Identity, Sigstore};

/// Artifact type of the SBOMs.
pub const SBOM: &str = "application/spdx+json";
/// Predicate type of the attestation, as cosign is given it.
pub const PREDICATE: &str = "slsaprovenance1";

/// A release in a repository.
#[derive(Clone, Debug)]
pub struct Release {
    /// The repository.
    pub place: Place,
    /// The tag.
    pub tag: String,
    /// The index, with its two images.
    pub index: Sample,
    /// Who signed and attested it.
    pub signer: Identity,
    /// The digest of the SBOM that is attached to the index.
    pub index_sbom: String,
    /// The digest of the SBOM that is attached to the first image.
    pub image_sbom: String,
    /// All that is attached, as oras sees it: two SBOMs, a signature and an attestation.
    pub attached: BTreeSet<Attached>,
}

/// Publishes `two_platforms(name)` as `tag`, signed by a workflow of GitHub Actions,
/// `acme/app/.github/workflows/release.yml@refs/tags/v1`.
pub async fn publish(
    sigstore: &Sigstore,
    oras: &Oras,
    (host, repository, tag): (&str, &str, &str),
    name: &str,
) -> Release {
    let place = Place::repository(host, repository);
    let index = two_platforms(name);
    Client::new(host).push(repository, tag, &index).await;
    let signer = sigstore.workflow("acme/app", "release.yml", "refs/tags/v1");

    let cosign = sigstore.cosign();
    let image = place.at(&index.digest());
    cosign.sign(&image, &signer).await;
    cosign.attest(&image, PREDICATE, &provenance(), &signer).await;
    let index_sbom = attach_sbom(oras, &place, &index, &format!("{name}-index")).await;
    let image_sbom = attach_sbom(oras, &place, &index.children[0], name).await;

    let attached = oras.discover(&place, tag).await;
    let count = |kind: &str| attached.iter().filter(|one| one.artifact_type == kind).count();
    assert_eq!((count(SBOM), count(BUNDLE), attached.len()), (2, 2, 4), "{attached:?}");
    Release { place, tag: tag.to_owned(), index, signer, index_sbom, image_sbom, attached }
}

impl Release {
    /// Asserts that a destination is as good as the source: cosign accepts the signature and the
    /// attestation, and oras sees all that is attached.
    pub async fn assert_mirrored(&self, cosign: &Cosign<'_>, oras: &Oras, destination: &Place) {
        let found = oras.assert_same(&self.place, destination, &self.tag).await;
        assert_eq!(found, self.attached, "the source is as it was");
        assert_eq!(oras.resolve(destination, &self.tag).await, self.index.digest());
        let image = destination.at(&self.tag);
        cosign.verify(&image, &self.signer).await.assert_code(0);
        cosign.verify_attestation(&image, PREDICATE, &self.signer).await.assert_code(0);
    }
}

async fn attach_sbom(oras: &Oras, place: &Place, subject: &Sample, name: &str) -> String {
    let sbom = json!({"spdxVersion": "SPDX-2.3", "name": name, "packages": []});
    oras.attach(place, &subject.digest(), SBOM, sbom.to_string()).await
}

/// A SLSA provenance, as short as cosign takes it.
fn provenance() -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://example.test/build/v1",
            "externalParameters": {"ref": "refs/tags/v1"},
        },
        "runDetails": {"builder": {"id": "https://example.test/builder"}},
    })
}
