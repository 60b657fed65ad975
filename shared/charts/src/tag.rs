//! Versions of charts as tags, which have no `+`.

use mirror_oci::{InvalidTag, Tag};

/// Returns the tag that a version of a chart has in a registry: `_` stands for `+`, as Helm writes and
/// reads it.
///
/// # Errors
/// [`InvalidTag`] for a version longer than a tag may be.
pub fn tag(version: &str) -> Result<Tag, InvalidTag> {
    version.replace('+', "_").parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_becomes_an_underscore() {
        assert_eq!(tag("2.0.0-rc.1+build.5").unwrap().as_str(), "2.0.0-rc.1_build.5");
        assert_eq!(tag("v1.2").unwrap().as_str(), "v1.2");
        assert!(tag(&format!("1.0.0-{}", "a".repeat(130))).is_err());
    }
}
