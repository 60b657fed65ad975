//! Evidence: what may prove that somebody signed a digest, and how much of it is looked at.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::shown::shown;

/// What a referrer's artifact type and layer are called when they are a bundle of version 0.3.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What a layer of cosign's `.sig` tag is called.
pub const SIMPLE_SIGNING_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The predicate of cosign's statement that says nothing but: signed.
pub(crate) const SIGN_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Candidates of one tag: an image that is signed at each of its builds for years has fewer, and
/// whoever may attach to an image could make more without end.
pub const MAX_CANDIDATES: usize = 64;

/// The longest bundle or payload, in bytes: a signature's has about 8 KiB.
pub const MAX_EVIDENCE_BYTES: u64 = 1 << 20;

/// All evidence of one tag, in bytes, since it is held at once.
pub const MAX_TOTAL_BYTES: u64 = 16 << 20;

/// The annotation by which cosign says what a bundle's statement is about.
const PREDICATE_ANNOTATION: &str = "dev.sigstore.bundle.predicateType";

/// How all versions of bundles are called, to begin with.
const BUNDLE_FAMILY: &str = "application/vnd.dev.sigstore.bundle";

/// Types that say nothing: an empty config, and what registries and clients write where no type was
/// given.
const MUTE: [&str; 4] = [
    "",
    "application/vnd.oci.empty.v1+json",
    "application/vnd.unknown.artifact.v1",
    "application/vnd.unknown.config.v1+json",
];

/// One piece of evidence, as it was found. Its bytes are what their digest says; nothing else about
/// it is known to be true.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// A Sigstore bundle that is attached to the content: its JSON.
    Bundle(Bytes),
    /// One layer of cosign's older `.sig` tag.
    Simple {
        /// The layer's content: what was signed.
        payload: Bytes,
        /// The layer's annotations: signature, certificate, chain, signed entry timestamp.
        annotations: BTreeMap<String, String>,
    },
}

/// Returns whether a referrer may be a bundle with a signature, by what its descriptor or manifest
/// says of it.
///
/// Only skips: whatever is said, it is the bundle itself that is judged. A referrer that says nothing
/// may be one. One that says it is something else is not asked for: a bill of materials may have any
/// size.
pub fn may_be_bundle(artifact_type: Option<&str>, annotations: &BTreeMap<String, String>) -> bool {
    let kind = artifact_type.unwrap_or_default();
    let is_possible = MUTE.contains(&kind) || is_bundle(kind);
    is_possible && other_predicate(annotations).is_none()
}

/// Returns the type of an attestation's predicate, fit to be shown, where a bundle says that it is one.
pub fn attested(
    artifact_type: Option<&str>,
    annotations: &BTreeMap<String, String>,
) -> Option<String> {
    let predicate = other_predicate(annotations).filter(|it| !it.is_empty())?;
    is_bundle(artifact_type.unwrap_or_default()).then(|| shown(predicate))
}

fn other_predicate(annotations: &BTreeMap<String, String>) -> Option<&str> {
    annotations.get(PREDICATE_ANNOTATION).map(String::as_str).filter(|it| *it != SIGN_PREDICATE)
}

/// Returns whether a type is that of a bundle, of whatever version.
pub fn is_bundle(kind: &str) -> bool {
    kind.starts_with(BUNDLE_FAMILY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(artifact_type: Option<&str>, predicate: Option<&str>, expected: bool) {
        let annotation = |text: &str| (PREDICATE_ANNOTATION.to_owned(), text.to_owned());
        let annotations = predicate.map(annotation).into_iter().collect();
        assert_eq!(may_be_bundle(artifact_type, &annotations), expected, "{artifact_type:?}");
    }

    #[test]
    fn a_candidate_is_skipped_only_where_it_says_that_it_is_something_else() {
        check(Some(BUNDLE_MEDIA_TYPE), Some(SIGN_PREDICATE), true);
        check(Some(BUNDLE_MEDIA_TYPE), None, true);
        // Read, and then refused with a reason.
        check(Some("application/vnd.dev.sigstore.bundle+json;version=0.1"), None, true);
        check(None, None, true);
        check(Some(""), None, true);
        check(Some("application/vnd.oci.empty.v1+json"), None, true);
        check(Some("application/vnd.unknown.artifact.v1"), None, true);

        check(Some(BUNDLE_MEDIA_TYPE), Some("https://slsa.dev/provenance/v1"), false);
        check(None, Some("https://cosign.sigstore.dev/attestation/v1"), false);
        check(Some("application/spdx+json"), None, false);
        check(Some("application/vnd.cncf.notary.signature"), None, false);
    }

    #[test]
    fn a_bundle_names_the_predicate_that_makes_it_an_attestation() {
        let named = |kind, predicate: &str| {
            let annotations = (PREDICATE_ANNOTATION.to_owned(), predicate.to_owned());
            attested(Some(kind), &BTreeMap::from([annotations]))
        };
        let provenance = "https://slsa.dev/provenance/v1";
        assert_eq!(named(BUNDLE_MEDIA_TYPE, provenance).as_deref(), Some(provenance));
        assert_eq!(named(BUNDLE_MEDIA_TYPE, "a\nb").as_deref(), Some("a\\nb"));
        assert_eq!(named(BUNDLE_MEDIA_TYPE, SIGN_PREDICATE), None);
        assert_eq!(named("application/spdx+json", provenance), None);
        assert_eq!(attested(Some(BUNDLE_MEDIA_TYPE), &BTreeMap::new()), None);
    }
}
