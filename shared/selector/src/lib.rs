//! Chooses among tags or chart versions: regex, Masterminds constraints, sort, limit; pure, total.
//!
//! A [`SelectorSpec`] is what a config says; [`Selector::compile`] refuses what does not make sense,
//! and from then on selecting cannot fail. Versions and constraints are read as Go's
//! Masterminds/semver v3 reads them, patterns and templates as Go's `regexp` does, so that a config
//! means here what it means to the Go tool. Defaults are the config's business; here a limit of 0
//! is no limit.
#![forbid(unsafe_code)]

mod constraint;
mod error;
mod number;
mod pattern;
mod selector;
mod spec;
mod template;
mod version;

pub use constraint::{Constraint, ConstraintError};
pub use error::SelectorError;
pub use pattern::{Fault, Pattern, PatternError};
pub use selector::{Exclusion, Selector};
pub use spec::{RegexSpec, SelectorSpec, SortBy};
pub use template::TemplateError;
pub use version::Version;
