//! The recorded fixtures, judged by cosign: each is what the README beside them says, so that a
//! verifier which is tested on them alone is tested on the truth.

use mirror_tests::client::Client;
use mirror_tests::cosign::Cosign;
use mirror_tests::oras::{Oras, oras};
use mirror_tests::sample::BUNDLE;
use mirror_tests::servers::{Identity, OciRegistry, OciRegistryOptions};
use serde_json::Value;

use super::world::{json, old_signatures, read, recorded, signed_image};
use super::{Place, assert_refused};

#[tokio::test]
async fn cosign_judges_each_bundle_as_the_readme_does() {
    let bench = Bench::start("trusted_root.json").await;
    for (bundle, identity, reason) in [
        ("email", "email", None),
        ("second-email", "second-email", None),
        ("workflow", "workflow", None),
        ("workload", "workload", None),
        ("first-log", "email", None),
        ("attestation", "email", None),
        ("email", "second-email", Some("expected SAN value")),
        ("other-digest", "email", Some("artifact digest does not match")),
        ("no-timestamp", "email", Some("signed timestamps: 0 < 1")),
        ("late-timestamp", "email", Some("leaf certificate")),
        ("early-timestamp", "email", Some("leaf certificate")),
        ("late-and-right-timestamp", "email", Some("leaf certificate")),
    ] {
        let identity = named(&json("identities.json")[identity]);
        bench.check(bundle, &identity, reason).await;
    }

    let bench = Bench::start("no-sct.trusted_root.json").await;
    bench.check("no-sct", &named(&json("no-sct.identity.json")), Some("SCT")).await;
    let stranger = named(&json("identities.json")["email"]);
    bench.check("email", &stranger, Some("log entries")).await;
}

#[tokio::test]
async fn cosign_accepts_the_recorded_tag() {
    let bench = Bench::start("trusted_root.json").await;
    let client = Client::new(&bench.registry.host());
    bench.push("app").await;
    let (name, tagged) = old_signatures();
    client.push("app", &name, &tagged).await;
    for who in ["email", "second-email"] {
        let identity = named(&json("identities.json")[who]);
        let place = Place::repository(&bench.registry.host(), "app");
        bench.cosign.verify_by_tag(&place.at("v1"), &identity).await.assert_code(0);
    }
}

/// cosign, and a registry to put what is judged into.
struct Bench {
    registry: OciRegistry,
    cosign: Cosign<'static>,
    oras: Oras,
}

impl Bench {
    async fn start(trusted_root: &str) -> Self {
        let registry = OciRegistry::start(OciRegistryOptions::default()).await;
        Self { registry, cosign: Cosign::trusting(&recorded(trusted_root)), oras: oras() }
    }

    async fn push(&self, repository: &str) {
        Client::new(&self.registry.host()).push(repository, "v1", &signed_image()).await;
    }

    /// Attaches a bundle to the manifest, alone, and asks cosign.
    async fn check(&self, bundle: &str, identity: &Identity, refused: Option<&str>) {
        let repository = format!("{bundle}-{}", identity.subject.len());
        self.push(&repository).await;
        let place = Place::repository(&self.registry.host(), &repository);
        let bytes = read(&format!("{bundle}.sigstore.json"));
        self.oras.attach(&place, "v1", BUNDLE, bytes).await;
        match refused {
            None => drop(self.cosign.verify(&place.at("v1"), identity).await.assert_code(0)),
            Some(why) => assert_refused(&self.cosign, &place.at("v1"), identity, why).await,
        }
    }
}

fn named(identity: &Value) -> Identity {
    let text = |field: &str| identity[field].as_str().unwrap();
    Identity::known(text("issuer"), text("subject"))
}
