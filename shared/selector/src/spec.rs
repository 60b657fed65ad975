//! What a config says about selection: plain data, not yet checked.
//!
//! Leaves checking to [`Selector::compile`](crate::Selector::compile) and defaults to the config.

use std::{fmt, str::FromStr};

use crate::SelectorError;

/// What is to be selected among the tags of a repository or the versions of a chart.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SelectorSpec {
    /// Drops the tags that do not match, and may take the sort key out of the others.
    pub regex: Option<RegexSpec>,
    /// The Masterminds constraint that keys must satisfy, whatever they are sorted by.
    pub semver: Option<String>,
    /// The order, always descending.
    pub sort_by: SortBy,
    /// How many of the highest are selected; 0 is no limit.
    pub limit: usize,
}

/// A Go pattern and what to take out of its match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexSpec {
    /// The pattern in Go's syntax, unanchored.
    pub pattern: String,
    /// The template that the match expands into the key; without it the key is the whole tag.
    pub extract: Option<String>,
}

/// How keys are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum SortBy {
    /// By the precedence of Semantic Versioning; keys that are no versions are dropped.
    #[default]
    Semver,
    /// By bytes.
    Alphabetical,
    /// By value as decimal numbers; keys that are no numbers are dropped.
    Numerical,
}

impl SortBy {
    /// Every order, as documentation and schemas list them.
    pub const ALL: [Self; 3] = [Self::Semver, Self::Alphabetical, Self::Numerical];

    /// Returns the config's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Semver => "semver",
            Self::Alphabetical => "alphabetical",
            Self::Numerical => "numerical",
        }
    }
}

impl fmt::Display for SortBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SortBy {
    type Err = SelectorError;

    /// Reads the config's word.
    ///
    /// # Errors
    ///
    /// [`SelectorError::SortBy`] for any other word.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|order| order.as_str() == text);
        known.ok_or_else(|| SelectorError::SortBy { sort_by: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_is_read_back_from_its_word() {
        for order in SortBy::ALL {
            assert_eq!(order.to_string().parse::<SortBy>().unwrap(), order);
        }
        for word in ["", "Semver", "semver ", "date"] {
            let error = word.parse::<SortBy>().unwrap_err();
            let text = format!("sortBy `{word}` is none of semver, alphabetical and numerical");
            assert_eq!(error.to_string(), text);
        }
    }
}
