//! Two registries, an image with something attached to each of its parts, and what a report says of it.

use std::collections::BTreeSet;

use mirror_tests::binary::Finished;
use mirror_tests::sample::{self, Sample, referrer, two_platforms};
use mirror_tests::scripted::ScriptedRegistry;

use crate::requests::pair::Pair;

pub(crate) const SBOM: &str = "application/spdx+json";
pub(crate) const SIGNATURE: &str = "application/vnd.example.signature";
pub(crate) const ATTESTATION: &str = "application/vnd.example.attestation";

/// Which sides have the referrers API: source, destination.
pub(crate) const PAIRS: [(bool, bool); 4] =
    [(true, true), (true, false), (false, true), (false, false)];

/// An image of two platforms, an SBOM attached to it, a signature to its first child, and an attestation to
/// the SBOM.
pub(crate) struct Release {
    pub(crate) image: Sample,
    pub(crate) sbom: Sample,
    pub(crate) signature: Sample,
    pub(crate) attestation: Sample,
}

impl Release {
    pub(crate) fn new(name: &str) -> Self {
        let image = two_platforms(name);
        let sbom = referrer(SBOM, &image, format!("what {name} is made of"));
        let signature = referrer(SIGNATURE, &image.children[0], format!("signed {name}"));
        let attestation = referrer(ATTESTATION, &sbom, format!("attested {name}"));
        Self { image, sbom, signature, attestation }
    }

    /// What is attached, in the order of its rows, and to what.
    pub(crate) fn attached(&self) -> [(&Sample, &Sample); 3] {
        [
            (&self.sbom, &self.image),
            (&self.signature, &self.image.children[0]),
            (&self.attestation, &self.sbom),
        ]
    }

    /// Puts all of it into a repository, as whoever builds it would.
    pub(crate) fn push(&self, registry: &ScriptedRegistry, repository: &str, tag: &str) {
        registry.store().push(repository, tag, &self.image);
        for (one, subject) in self.attached() {
            attach(registry, repository, subject, &[one]);
        }
    }

    /// Asserts that a repository has all of it, and lists it.
    #[track_caller]
    pub(crate) fn assert_at(&self, registry: &ScriptedRegistry, repository: &str, tag: &str) {
        registry.store().assert_holds(repository, tag, &self.image);
        for (one, subject) in self.attached() {
            assert_attached(registry, repository, subject, &[one]);
        }
        registry.store().assert_whole();
    }

    /// The rows of all of it.
    pub(crate) fn rows(&self, status: &str) -> Vec<String> {
        let types = [SBOM, SIGNATURE, ATTESTATION];
        let rows = self.attached().into_iter().zip(types);
        rows.map(|((one, _), kind)| format!("{} {kind} {status}", one.digest())).collect()
    }
}

/// Two registries, each with the referrers API or without.
pub(crate) fn pair((source, destination): (bool, bool)) -> Pair {
    let pair = Pair::plain();
    pair.source.set(|options| options.referrers = source);
    pair.destination.set(|options| options.referrers = destination);
    pair
}

/// Has the pair mirror all tags of `app`, with what is attached and `more` of the entry.
pub(crate) fn mirrors(pair: &Pair, more: &str) {
    pair.entries(&[("app", "app", &format!("includeReferrers: true{more}"))]);
}

/// Attaches referrers as whoever makes them would: without the API, he writes the fallback tag too.
pub(crate) fn attach(
    registry: &ScriptedRegistry,
    repository: &str,
    subject: &Sample,
    referrers: &[&Sample],
) {
    for one in referrers {
        registry.store().put(repository, one);
    }
    if !has_api(registry) {
        let children: Vec<Sample> = referrers.iter().map(|one| (*one).clone()).collect();
        registry.store().push(repository, &fallback_tag(subject), &sample::index(&children));
    }
}

/// The tag that stands for what is attached to `subject`.
pub(crate) fn fallback_tag(subject: &Sample) -> String {
    subject.digest().replace(':', "-")
}

/// The digests that a fallback tag lists, in its order; none where there is no such tag.
pub(crate) fn fallback_of(
    registry: &ScriptedRegistry,
    repository: &str,
    subject: &Sample,
) -> Vec<serde_json::Value> {
    let Some(manifest) = registry.store().manifest(repository, &fallback_tag(subject)) else {
        return Vec::new();
    };
    let index: serde_json::Value = serde_json::from_slice(&manifest.bytes).unwrap();
    index["manifests"].as_array().unwrap().clone()
}

/// Asserts that exactly these are attached to a subject, and listed.
#[track_caller]
pub(crate) fn assert_attached(
    registry: &ScriptedRegistry,
    repository: &str,
    subject: &Sample,
    referrers: &[&Sample],
) {
    for one in referrers {
        registry.store().judge(repository, &one.digest()).unwrap();
    }
    if !has_api(registry) {
        let listed = fallback_of(registry, repository, subject);
        let listed: Vec<_> =
            listed.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect();
        // Each once; whose came first is for the source's list to say.
        let expected: BTreeSet<_> = referrers.iter().map(|one| one.digest()).collect();
        assert_eq!(listed.len(), expected.len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

fn has_api(registry: &ScriptedRegistry) -> bool {
    let mut has = false;
    registry.set(|options| has = options.referrers);
    has
}

/// The rows of what is attached to a tag of the first entry: digest, artifact type, status.
#[track_caller]
pub(crate) fn referrer_rows(done: &Finished, tag: &str) -> Vec<String> {
    let report = done.json();
    let rows = report["report"]["results"][0]["tags"].as_array();
    let rows = rows.unwrap_or_else(|| panic!("no rows\n{done}"));
    let row = rows.iter().find(|row| row["tag"] == tag);
    let row = row.unwrap_or_else(|| panic!("no row {tag}\n{done}"));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let referrers = row["referrers"].as_array().cloned().unwrap_or_default();
    let shown = |row: &serde_json::Value| {
        let status = match (text(&row["status"]), row["reason"].as_str()) {
            (status, Some(reason)) => format!("{status}: {reason}"),
            (status, None) => status,
        };
        format!("{} {} {status}", text(&row["digest"]), text(&row["artifactType"]))
    };
    referrers.iter().map(shown).collect()
}
