//! Many repositories at once, killed in the middle, and run again.
//!
//! 20 repositories of 10 tags; layers are shared across repositories, half of the tags are indexes of
//! two platforms. Between two real registries; a proxy before each counts what is asked.

use std::collections::BTreeSet;
use std::time::Duration;

use mirror_tests::binary::{Binary, eventually};
use mirror_tests::client::Client;
use mirror_tests::digest::sha256;
use mirror_tests::mode::{either, is_fleet};
use mirror_tests::proxy::{Proxy, ProxyOptions};
use mirror_tests::sample::{Image, Sample, index, noise};
use mirror_tests::scripted::Kind;
use mirror_tests::servers::{Distribution, DistributionOptions, OciRegistry, OciRegistryOptions};

const REPOSITORIES: usize = 20;
const TAGS: usize = 10;

/// What is mirrored: repository, tag, content.
struct Fleet(Vec<(String, String, Sample)>);

impl Fleet {
    fn new() -> Self {
        let each =
            (0..REPOSITORIES).flat_map(|repository| (0..TAGS).map(move |tag| (repository, tag)));
        let sample = |(repository, tag): (usize, usize)| {
            let content = if tag % 2 == 0 {
                platform(repository, tag, "amd64")
            } else {
                index(&[platform(repository, tag, "amd64"), platform(repository, tag, "arm64")])
            };
            (format!("team/app{repository}"), format!("1.{tag}.0"), content)
        };
        Self(each.map(sample).collect())
    }

    /// Puts it into a registry, a repository after the other.
    async fn seed(&self, host: &str) {
        let client = Client::new(host);
        for (repository, tag, sample) in &self.0 {
            client.push(repository, tag, sample).await;
        }
    }

    async fn assert_held_by(&self, host: &str) {
        let client = Client::new(host);
        for (repository, tag, sample) in &self.0 {
            client.assert_holds(repository, tag, sample).await;
        }
    }

    /// Asserts that each tag that is there is whole and the right one; returns how many are.
    async fn assert_none_wrong(&self, host: &str) -> usize {
        let client = Client::new(host);
        let mut there = 0;
        for (repository, tag, sample) in &self.0 {
            if client.resolve(repository, tag).await.is_some() {
                client.assert_holds(repository, tag, sample).await;
                there += 1;
            }
        }
        there
    }

    fn config(source: &str, destination: &str) -> String {
        use std::fmt::Write as _;
        let mut config =
            "apiVersion: mirror.plugin.fluxcd.io/v1beta1\nkind: Config\nartifacts:\n".to_owned();
        for repository in 0..REPOSITORIES {
            let name = format!("team/app{repository}");
            let line = format!(
                "  - {{source: {source}/{name}, destination: {destination}/{name}, selector: {{limit: 0}}}}"
            );
            writeln!(config, "{line}").unwrap();
        }
        config
    }

    /// Manifests as each repository has them, blobs as the registry has them, blobs as each
    /// repository has them.
    fn sizes(&self) -> (usize, usize, usize) {
        let (mut manifests, mut blobs, mut placed) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (repository, _, sample) in &self.0 {
            manifests.extend(sample.manifests().iter().map(|one| (repository, one.digest())));
            for blob in sample.all_blobs() {
                blobs.insert(sha256(&blob));
                placed.insert((repository, sha256(&blob)));
            }
        }
        (manifests.len(), blobs.len(), placed.len())
    }
}

/// An image of a base that all share, a runtime that every fourth repository shares, a layer of the
/// repository's, and one of its own.
fn platform(repository: usize, tag: usize, architecture: &str) -> Sample {
    let layer = |name: String| noise(&name, 1500);
    Image::new()
        .layer(layer(format!("base {architecture}")))
        .layer(layer(format!("runtime {} {architecture}", repository % 4)))
        .layer(layer(format!("dependencies {repository}")))
        .layer(layer(format!("own {repository} {tag} {architecture}")))
        .platform("linux", architecture)
        .build()
}

/// The most that may be asked of both sides where the destination repositories are not there yet.
fn allowed(fleet: &Fleet) -> usize {
    let (manifests, blobs, placed) = fleet.sizes();
    let mounts = placed - blobs;
    fleet.0.len() + 2 * manifests + 3 * blobs + mounts + 3 * REPOSITORIES
}

async fn mirror(source: &Proxy, destination: &Proxy, fleet: &Fleet) {
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    mirror.write("mirror.yaml", Fleet::config(&source.host(), &destination.host()));

    let done = mirror.call(["sync", "mirror.yaml", "-o", "json"]).run().await;
    let summary = &done.assert_code(0).json()["report"]["summary"];
    assert_eq!(summary["copied"], fleet.0.len(), "{done}");
    let asked = [source.counts(), destination.counts()];
    let all: usize = asked.iter().flat_map(|counts| counts.values()).sum();
    if !is_fleet() {
        assert!(all <= allowed(fleet), "{all} requests, {} allowed: {asked:?}", allowed(fleet));
    }
    // Each kind by itself: what is saved with one must not pay for another.
    let (manifests, blobs, placed) = fleet.sizes();
    let of = |side: usize, kind| asked[side].get(&kind).copied().unwrap_or(0);
    assert_eq!(of(0, Kind::Tags), REPOSITORIES);
    assert_eq!(of(0, Kind::ManifestHead), fleet.0.len());
    assert_eq!(of(0, Kind::ManifestGet), manifests);
    assert_eq!(of(1, Kind::Tags), REPOSITORIES);
    assert_eq!(of(1, Kind::ManifestPut), manifests);
    assert_eq!(of(1, Kind::UploadPut), of(0, Kind::BlobGet));
    // One more look before each tag that a worker writes.
    let tags = either(0, fleet.0.len());
    assert_eq!(of(1, Kind::ManifestHead), REPOSITORIES + tags);
    // Each worker sends a blob once to a registry, mounts it from there, and asks whether it is
    // there once for each repository: which jobs are whose is not determined.
    let journeys = of(0, Kind::BlobGet);
    assert!((blobs..=blobs * either(1, 2)).contains(&journeys), "{journeys} of {blobs}: {asked:?}");
    let (heads, mounts) = (of(1, Kind::BlobHead), of(1, Kind::MountPost));
    if is_fleet() {
        assert!((journeys..=placed * 2).contains(&heads), "{heads} of {placed}: {asked:?}");
        assert!(mounts <= placed, "{mounts} of {placed}: {asked:?}");
    } else {
        assert_eq!((heads, mounts), (0, placed - blobs));
    }
    assert_eq!(of(1, Kind::UploadPost), journeys);

    source.clear();
    destination.clear();
    let done = mirror.call(["sync", "mirror.yaml", "-o", "json"]).run().await;
    let summary = &done.assert_code(0).json()["report"]["summary"];
    assert_eq!(summary["skipped"], fleet.0.len(), "{done}");
    let expected = [(Kind::Tags, REPOSITORIES), (Kind::ManifestHead, fleet.0.len())];
    assert_eq!(source.counts(), expected.into());
    assert_eq!(destination.counts(), [(Kind::ManifestHead, fleet.0.len())].into());
}

both_modes!(twenty_repositories_are_mirrored_with_the_fewest_requests_into_distribution);
async fn twenty_repositories_are_mirrored_with_the_fewest_requests_into_distribution() {
    let fleet = Fleet::new();
    let source = OciRegistry::start(OciRegistryOptions::default()).await;
    let destination = Distribution::start(DistributionOptions::default()).await;
    fleet.seed(&source.host()).await;
    let near = |host: String| Proxy::start(&host, ProxyOptions::default());
    mirror(&near(source.host()), &near(destination.host()), &fleet).await;
    fleet.assert_held_by(&destination.host()).await;
}

both_modes!(twenty_repositories_are_mirrored_with_the_fewest_requests_out_of_distribution);
async fn twenty_repositories_are_mirrored_with_the_fewest_requests_out_of_distribution() {
    let fleet = Fleet::new();
    let source = Distribution::start(DistributionOptions::default()).await;
    let destination = OciRegistry::start(OciRegistryOptions::default()).await;
    fleet.seed(&source.host()).await;
    let near = |host: String| Proxy::start(&host, ProxyOptions::default());
    mirror(&near(source.host()), &near(destination.host()), &fleet).await;
    fleet.assert_held_by(&destination.host()).await;
}

both_modes!(latency_costs_no_more_requests);
/// Takes some seconds: that is its subject.
async fn latency_costs_no_more_requests() {
    let fleet = Fleet::new();
    let source = OciRegistry::start(OciRegistryOptions::default()).await;
    let destination = Distribution::start(DistributionOptions::default()).await;
    fleet.seed(&source.host()).await;
    let far = |host: String| Proxy::with_latency(&host, Duration::from_millis(20));
    mirror(&far(source.host()), &far(destination.host()), &fleet).await;
    fleet.assert_held_by(&destination.host()).await;
}

#[tokio::test]
async fn a_run_that_was_killed_leaves_nothing_wrong_and_the_next_completes_it() {
    let fleet = Fleet::new();
    let source = OciRegistry::start(OciRegistryOptions::default()).await;
    let destination = Distribution::start(DistributionOptions::default()).await;
    fleet.seed(&source.host()).await;
    let far = Proxy::with_latency(&destination.host(), Duration::from_millis(5));
    let mirror = Binary::new(env!("CARGO_BIN_EXE_flux-mirror"));
    mirror.write("mirror.yaml", Fleet::config(&source.host(), &far.host()));

    // Killed three times, each time further on; each time what is there is whole.
    let mut last = 0;
    for manifests in [30, 90, 60] {
        far.clear();
        let running = mirror.call(["sync", "mirror.yaml"]).spawn();
        let put = || far.counts().get(&Kind::ManifestPut).copied().unwrap_or(0);
        eventually("manifests are put", Duration::from_secs(30), || put() >= manifests).await;
        running.kill();
        assert_eq!(running.wait().await.signal(), Some(9));
        let there = fleet.assert_none_wrong(&destination.host()).await;
        assert!(there > last && there < fleet.0.len(), "{there} tags after {last}");
        last = there;
    }

    let done = mirror.call(["sync", "mirror.yaml", "-o", "json"]).run().await;
    let summary = &done.assert_code(0).json()["report"]["summary"];
    let (copied, skipped) = (&summary["copied"], &summary["skipped"]);
    assert_eq!(copied.as_u64().unwrap() + skipped.as_u64().unwrap(), fleet.0.len() as u64);
    assert!(skipped.as_u64().unwrap() >= last as u64, "{done}");
    fleet.assert_held_by(&destination.host()).await;
}
