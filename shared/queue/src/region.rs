//! Regions: where workers stand.

use std::fmt;
use std::str::FromStr;

/// A region: `[a-z0-9-]{1,32}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

/// A text that is no region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no region: 1 to 32 of a-z, 0-9 and -", text.escape_default())]
pub struct InvalidRegion {
    /// The start of the text.
    pub text: String,
}

impl FromStr for Region {
    type Err = InvalidRegion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRegion { text: text.chars().take(40).collect() })
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, is_region: bool) {
        let parsed: Result<Region, _> = text.parse();
        assert_eq!(
            parsed.as_ref().is_ok_and(|region| region.to_string() == text),
            is_region,
            "{text}"
        );
    }

    #[test]
    fn nothing_but_short_plain_names_is_a_region() {
        check("eu", true);
        check("us-east-1", true);
        check(&"a".repeat(32), true);
        check(&"a".repeat(33), false);
        for text in ["", "EU", "a.b", "a b", "*", ">", "a_b", "\u{e9}"] {
            check(text, false);
        }
    }

    #[test]
    fn a_message_shows_the_start_of_a_hostile_text() {
        let error = format!("\n{}", "x".repeat(100)).parse::<Region>().unwrap_err().to_string();
        assert!(error.contains("\\n") && error.len() < 120, "{error}");
    }
}
