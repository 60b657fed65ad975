//! What is recorded, whom a run trusts, and what a report says of a signature.

use std::fs;
use std::path::{Path, PathBuf};

use mirror_tests::binary::{Binary, Finished};
use mirror_tests::mode::is_fleet;
use mirror_tests::sample::{BUNDLE, IMAGE, Image, Sample, image};
use mirror_tests::scripted::ScriptedRegistry;
use serde_json::Value;

use crate::referrers::world;
use crate::requests::pair::Pair;

/// What names the trusted root of a process.
pub(crate) const TRUSTED_ROOT: &str = "FLUX_MIRROR_TRUSTED_ROOT";

/// Who signed, as `verify` is to be told.
pub(crate) struct Who {
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

impl Who {
    /// Returns somebody of the recording: `email`, `second-email`, `workflow`, `workload`.
    pub(crate) fn recorded(name: &str) -> Self {
        let identity = &json("identities.json")[name];
        let text = |field: &str| identity[field].as_str().unwrap().to_owned();
        Self { issuer: text("issuer"), subject: text("subject") }
    }

    /// Returns the field of an entry that wants their signature, and `more` of it, each field with a
    /// comma before it. The subject is a pattern.
    pub(crate) fn wanted(&self, more: &str) -> String {
        let Self { issuer, subject } = self;
        format!(
            "verify: {{provider: cosign, matchOIDCIdentity: [{{issuer: '{issuer}', subject: \
             '{subject}'}}]{more}}}"
        )
    }

    /// Returns how an error says whose signature is wanted.
    pub(crate) fn named(&self) -> String {
        format!("`{}` of issuer {}", self.subject, self.issuer)
    }
}

/// Returns the path of a recorded file.
pub(crate) fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/servers/fixtures/recorded").join(name)
}

/// Reads a recorded file.
pub(crate) fn read(name: &str) -> Vec<u8> {
    fs::read(recorded(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Reads a recorded document.
pub(crate) fn json(name: &str) -> Value {
    serde_json::from_slice(&read(name)).unwrap()
}

/// The image that is signed in all of the recording.
pub(crate) fn signed_image() -> Sample {
    let sample = image("app");
    assert_eq!(sample.bytes, read("manifest.json"), "manifest.json is this sample");
    sample
}

/// A recorded bundle as cosign attached it.
pub(crate) fn referrer(bundle: &str) -> Sample {
    Sample {
        blobs: vec!["{}".into(), read(&format!("{bundle}.sigstore.json")).into()],
        artifact_type: Some(BUNDLE.to_owned()),
        ..Sample::raw(IMAGE, read(&format!("{bundle}.referrer.json")))
    }
}

/// Any bytes, attached to a subject as a bundle.
pub(crate) fn attached(subject: &Sample, bundle: impl Into<bytes::Bytes>) -> Sample {
    Image::new().artifact_type(BUNDLE).layer_of(BUNDLE, bundle).subject(subject).build()
}

/// What stands under cosign's older tag: signed by `email`, and by `second-email`.
pub(crate) fn old_signatures() -> (String, Sample) {
    let mut tagged = Sample::raw(IMAGE, read("sig-tag.manifest.json"));
    tagged.blobs = ["sig-tag.config.json", "sig-tag.payload.json"].map(|it| read(it).into()).into();
    (format!("{}.sig", signed_image().digest().replace(':', "-")), tagged)
}

/// Two registries, with the referrers API or without; runs trust what was recorded.
pub(crate) fn pair(sides: (bool, bool)) -> Pair {
    let mut pair = world::pair(sides);
    trust(&mut pair.mirror, &recorded("trusted_root.json"));
    pair
}

/// Two such registries whose source has the image that is signed, under `tag`, with these bundles.
pub(crate) fn signed_pair(sides: (bool, bool), tag: &str, bundles: &[&str]) -> Pair {
    let pair = pair(sides);
    push_signed(&pair.source, tag, bundles);
    pair
}

/// Puts the image that is signed into `app`, under `tag`, with these bundles.
pub(crate) fn push_signed(registry: &ScriptedRegistry, tag: &str, bundles: &[&str]) {
    let image = signed_image();
    registry.store().push("app", tag, &image);
    let bundles: Vec<Sample> = bundles.iter().copied().map(referrer).collect();
    if !bundles.is_empty() {
        world::attach(registry, "app", &image, &bundles.iter().collect::<Vec<_>>());
    }
}

/// Has runs of this process trust a root. Of a fleet, it is the coordinator that trusts one: this and
/// every other of these tests.
pub(crate) fn trust(binary: &mut Binary, root: &Path) {
    if !is_fleet() {
        binary.set_env(TRUSTED_ROOT, root);
    }
}

/// Has the pair mirror all tags of `app` with this signature, and `more` of the entry, each field with a
/// comma before it.
pub(crate) fn mirrors(pair: &Pair, verify: &str, more: &str) {
    pair.entries(&[("app", "app", &format!("{verify}{more}"))]);
}

/// Returns the row of a tag of the first entry.
#[track_caller]
pub(crate) fn row(done: &Finished, tag: &str) -> Value {
    let report = done.json();
    let rows = report["report"]["results"][0]["tags"].as_array();
    let row = rows.into_iter().flatten().find(|row| row["tag"] == tag);
    row.unwrap_or_else(|| panic!("no row {tag}\n{done}")).clone()
}

/// Asserts that a tag's signature was confirmed, as this one's; returns when it was signed.
#[track_caller]
pub(crate) fn assert_confirmed(done: &Finished, tag: &str, issuer: &str, subject: &str) -> String {
    let verification = &row(done, tag)["verification"];
    let fields: Vec<&String> =
        verification.as_object().into_iter().flat_map(|it| it.keys()).collect();
    assert_eq!(fields, ["identity", "integratedTime", "issuer", "provider"], "{done}");
    assert_eq!(verification["provider"], "cosign");
    assert_eq!(verification["issuer"], issuer);
    assert_eq!(verification["identity"], subject);
    verification["integratedTime"].as_str().unwrap().to_owned()
}

/// Asserts that a tag's signature does not satisfy, with all of this in its reason, and that nothing of
/// it was reported but that; returns the reason.
#[track_caller]
pub(crate) fn assert_unverified(
    done: &Finished,
    source: &str,
    tag: &str,
    reasons: &[&str],
) -> String {
    done.assert_code(1);
    let report = done.json();
    assert_eq!(report["report"]["results"][0]["status"], "completed", "{done}");
    let row = row(done, tag);
    let fields: Vec<&String> = row.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["error", "status", "tag"], "{done}");
    assert_eq!(row["status"], "failed");
    let error = row["error"].as_str().unwrap();
    let reason = error.strip_prefix(&format!("verify {source}:{tag}: "));
    let reason = reason.unwrap_or_else(|| panic!("no verify {source}:{tag} in {error}"));
    for part in reasons {
        assert!(reason.contains(part), "no {part:?} in {reason:?}\n{done}");
    }
    reason.to_owned()
}
