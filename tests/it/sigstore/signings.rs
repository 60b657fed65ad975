//! What cosign has signed, once for all tests, and put into real registries as it was made.
//!
//! Signing takes cosign a second, and gives other bytes each time: a test that is done in both modes is
//! to see the same ones.

use mirror_tests::bundle::retimed;
use mirror_tests::client::Client;
use mirror_tests::held::Held;
use mirror_tests::mirror::Mirror;
use mirror_tests::oras::{Place, oras};
use mirror_tests::sample::{BUNDLE, Image, image};
use mirror_tests::servers::{
    Distribution, DistributionOptions, Identity, OciRegistry, OciRegistryOptions, Sigstore,
};
use mirror_tests::signed::{Release, publish};
use serde_json::json;
use tokio::sync::OnceCell;

use super::world::trust;

/// How the image `image("app")`, tag `1.0.0`, is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    /// By alice, with Rekor v2 and a timestamp.
    Alice,
    /// By the workflow, and by alice.
    Twice,
    /// Not at all; alice attests something about it.
    Attested,
    /// By alice, with Rekor v1 alone.
    FirstLog,
    /// By alice, in cosign's older way.
    OlderTag,
    /// Not at all; another image's signature by alice is attached to it.
    OtherDigest,
    /// By alice; the timestamp is of after the certificate's end.
    Late,
    /// By alice; the timestamp is dropped.
    Timeless,
}

/// How many ways there are, each in both kinds of registry.
const CELLS: usize = 16;

static HELD: [OnceCell<Held>; CELLS] = [const { OnceCell::const_new() }; CELLS];

/// A registry of either kind: with the referrers API, or without.
#[derive(Debug)]
pub(crate) enum Registry {
    Api(OciRegistry),
    NoApi(Distribution),
}

impl Registry {
    pub(crate) async fn start(api: bool) -> Self {
        if api {
            Self::Api(OciRegistry::start(OciRegistryOptions::default()).await)
        } else {
            Self::NoApi(Distribution::start(DistributionOptions::default()).await)
        }
    }

    pub(crate) fn host(&self) -> String {
        match self {
            Self::Api(registry) => registry.host(),
            Self::NoApi(registry) => registry.host(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.host())
    }
}

/// Alice, at the Sigstore that all tests share.
pub(crate) async fn alice() -> Identity {
    Sigstore::shared().await.email("alice@example.test")
}

/// A workflow of GitHub Actions, as that Sigstore knows it.
pub(crate) async fn workflow() -> Identity {
    Sigstore::shared().await.workflow("acme/app", "release.yml", "refs/tags/v1")
}

/// Returns a repository of either kind of registry, with the image signed so.
pub(crate) async fn held(signing: Signing, api: bool) -> &'static Held {
    let cell = &HELD[2 * (signing as usize) + usize::from(api)];
    cell.get_or_init(|| sign(signing, api)).await
}

async fn sign(signing: Signing, api: bool) -> Held {
    let sigstore = Sigstore::shared().await;
    let (registry, cosign) = (Registry::start(api).await, sigstore.cosign());
    let (client, alice) = (registry.client(), alice().await);
    let (app, other) = (image("app"), image("other"));
    client.push("app", "1.0.0", &app).await;
    let name = format!("{}/app:1.0.0", registry.host());
    match signing {
        Signing::Alice | Signing::Late | Signing::Timeless => cosign.sign(&name, &alice).await,
        Signing::Twice => {
            cosign.sign(&name, &workflow().await).await;
            cosign.sign(&name, &alice).await;
        }
        Signing::Attested => {
            cosign.attest(&name, "custom", &json!({"passed": true}), &alice).await;
        }
        Signing::FirstLog => cosign.sign_in_first_log(&name, &alice).await,
        Signing::OlderTag => cosign.sign_by_tag(&name, &alice).await,
        Signing::OtherDigest => {
            client.push("other", "1.0.0", &other).await;
            cosign.sign(&format!("{}/other:1.0.0", registry.host()), &alice).await;
            let bundle = client.bundles("other", &other.digest()).await.remove(0);
            let place = Place::repository(&registry.host(), "app");
            oras().attach(&place, "1.0.0", BUNDLE, bundle).await;
        }
    }
    let mut held = Held::take(&client, "app").await;
    if let Some(offsets) = offsets(signing) {
        // The API lists what is attached to a subject by itself.
        assert!(api, "what is attached is not in a fallback tag");
        let bundle = held.attached[0].blobs[1].clone();
        let bundle = retimed(sigstore, &bundle, offsets).await;
        let referrer = Image::new().artifact_type(BUNDLE).layer_of(BUNDLE, bundle).subject(&app);
        held.attached = vec![referrer.build()];
    }
    held
}

/// The timestamps that stand in place of a signature's own, by how far off they are.
fn offsets(signing: Signing) -> Option<&'static [&'static str]> {
    match signing {
        Signing::Late => Some(&["1h"]),
        Signing::Timeless => Some(&[]),
        Signing::Alice
        | Signing::Twice
        | Signing::Attested
        | Signing::FirstLog
        | Signing::OlderTag
        | Signing::OtherDigest => None,
    }
}

/// The program; it trusts the Sigstore that all tests share.
pub(crate) async fn trusting() -> Mirror {
    let mut mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"));
    trust(&mut mirror.binary, &Sigstore::shared().await.trusted_root());
    mirror
}

/// A release, and the repository that it was published in; without the API, and with it.
static RELEASES: [OnceCell<(Release, Held)>; 2] = [const { OnceCell::const_new() }; 2];

/// Returns a release as its makers have published it as `app`, tag `1.0.0`, in a registry of that kind.
pub(crate) async fn release(registry: &Registry) -> Release {
    let api = matches!(registry, Registry::Api(_));
    let published = async || {
        let (sigstore, first) = (Sigstore::shared().await, Registry::start(api).await);
        let place = (first.host(), "app", "1.0.0");
        let release = publish(sigstore, &oras(), (&place.0, place.1, place.2), "release").await;
        (release, Held::take(&first.client(), "app").await)
    };
    let (release, held) = RELEASES[usize::from(api)].get_or_init(published).await;
    held.put(&registry.client(), "app").await;
    Release { place: Place::repository(&registry.host(), "app"), ..release.clone() }
}

/// A source of either kind, with the image signed so, and a destination without the API.
pub(crate) struct Signed {
    pub(crate) source: Registry,
    pub(crate) destination: Registry,
}

impl Signed {
    pub(crate) async fn start(signing: Signing, api: bool) -> Self {
        let held = held(signing, api).await;
        let (source, destination) = (Registry::start(api).await, Registry::start(false).await);
        held.put(&source.client(), "app").await;
        Self { source, destination }
    }

    /// The source, as an error names it.
    pub(crate) fn place(&self) -> String {
        format!("{}/app", self.source.host())
    }

    /// The program, with an entry that wants this of `app`.
    pub(crate) async fn mirror(&self, verify: &str) -> Mirror {
        let destination = format!("{}/app", self.destination.host());
        trusting().await.artifact_with(&self.place(), &destination, verify)
    }
}
