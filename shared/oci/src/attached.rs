//! The tags under which what is attached to a digest is found where no listing tells.

use crate::{Digest, Tag};

/// The longest value in a fallback tag (distribution specification, referrers tag schema): more of
/// a sha512 digest is left out.
const MAX_FALLBACK_HEX: usize = 64;
/// What cosign put behind a digest before it attached: signatures, attestations, SBOMs.
const COSIGN_SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];

impl Digest {
    /// Returns the tag of the image index that lists what refers to this digest, where a registry
    /// has no referrers API.
    pub fn fallback_tag(&self) -> Tag {
        let mut hex = self.hex();
        hex.truncate(MAX_FALLBACK_HEX);
        Tag(format!("{}-{hex}", self.algorithm()))
    }

    /// Returns cosign's older tags for this digest: `.sig`, `.att`, `.sbom`, in that order.
    ///
    /// None of a sha512 digest: the names would be longer than a tag may be.
    pub fn cosign_tags(&self) -> Vec<Tag> {
        let (algorithm, hex) = (self.algorithm(), self.hex());
        let names = COSIGN_SUFFIXES.iter().map(|suffix| format!("{algorithm}-{hex}.{suffix}"));
        names.filter_map(|name| name.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(digest: &Digest, fallback: &str, cosign: &[&str]) {
        assert_eq!(digest.fallback_tag().as_str(), fallback);
        assert_eq!(digest.fallback_tag().as_str().parse::<Tag>(), Ok(digest.fallback_tag()));
        let tags = digest.cosign_tags();
        assert_eq!(tags.iter().map(Tag::as_str).collect::<Vec<_>>(), cosign);
    }

    #[test]
    fn a_digest_has_its_tags() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let plain = format!("sha256-{hex}");
        let cosign = ["sig", "att", "sbom"].map(|suffix| format!("{plain}.{suffix}"));
        check(&Digest::of(b""), &plain, &cosign.each_ref().map(String::as_str));
        let long: Digest =
            format!("sha512:{}{}", "ab".repeat(32), "cd".repeat(32)).parse().unwrap();
        check(&long, &format!("sha512-{}", "ab".repeat(32)), &[]);
    }
}
