//! Repository names and tags, by the grammar of the distribution specification.

use std::fmt;
use std::str::FromStr;

/// The distribution specification leaves it to registries; all known ones stop here.
const MAX_NAME_CHARS: usize = 255;
/// The distribution specification: a tag has at most 128 characters.
const MAX_TAG_CHARS: usize = 128;

/// A repository's name within its registry: `fluxcd/source-controller`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(String);

/// A text that is no repository name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no repository name: lower-case words joined by `.`, `_`, `-` and `/`", text.escape_default())]
pub struct InvalidName {
    /// The start of the text.
    pub text: String,
}

impl RepositoryName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() <= MAX_NAME_CHARS && text.split('/').all(is_component) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName { text: text.chars().take(160).collect() })
        }
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, of the distribution specification.
fn is_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    is_word(*first)
        && is_word(*last)
        && bytes.split(|byte| is_word(*byte)).all(|separator| {
            matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-')
        })
}

/// A tag: `6.10.2`, `latest`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub(crate) String);

/// A text that is no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no tag: at most 128 letters, digits, `_`, `.` and `-`", text.escape_default())]
pub struct InvalidTag {
    /// The start of the text.
    pub text: String,
}

impl Tag {
    /// Returns the tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let mut bytes = text.bytes();
        let begins = bytes.next().is_some_and(is_word);
        let goes_on = bytes.all(|byte| is_word(byte) || byte == b'.' || byte == b'-');
        if begins && goes_on && text.len() <= MAX_TAG_CHARS {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTag { text: text.chars().take(160).collect() })
        }
    }
}

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(RepositoryName);
text!(Tag);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_repository_names() {
        for good in ["a", "a/b", "a-b", "a--b", "a_b", "a__b", "a.b", "0/1/2", &"a".repeat(255)] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "A",
            "a___b",
            "a..b",
            "-a",
            "a-",
            "a:b",
            "a@b",
            "a b",
            "é",
            &"a".repeat(256),
        ] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_tags() {
        for good in ["a", "1.0.0", "V1_x-y", "_x", &"a".repeat(128)] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in
            ["", ".a", "-a", "a+b", "a/b", "a:b", "a b", "a\n", "\u{1b}[31m", &"a".repeat(129)]
        {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }
}
