//! Why a selector cannot be made: a variant for each field of the config that may be at fault.

use crate::{ConstraintError, PatternError, TemplateError};

/// Why a selector cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelectorError {
    /// The pattern is not one of Go's, or too large to run.
    #[error("regex.pattern `{pattern}` does not compile")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Where it is wrong, and how.
        source: PatternError,
    },
    /// The template asks for a group that the pattern does not have.
    #[error("regex.extract `{template}` does not fit the pattern")]
    Extract {
        /// The template.
        template: String,
        /// The group it asks for.
        source: TemplateError,
    },
    /// The constraint is not one of Masterminds'.
    #[error("semver `{constraint}` is no constraint")]
    Semver {
        /// The constraint.
        constraint: String,
        /// What is wrong with it.
        source: ConstraintError,
    },
    /// The word for the order is unknown.
    #[error("sortBy `{sort_by}` is none of semver, alphabetical and numerical")]
    SortBy {
        /// The word.
        sort_by: String,
    },
}
