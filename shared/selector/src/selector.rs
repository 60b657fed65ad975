//! The selector: a checked spec that chooses among tags.
//!
//! Pure and total: the same tags give the same selection, and no tag can make it fail. Tags whose
//! keys are equal keep the order they were given in.

use std::{borrow::Cow, fmt, sync::Arc};

use crate::{
    Constraint, Pattern, SelectorError, SelectorSpec, SortBy, Version, number::Number,
    template::Template,
};

/// A compiled [`SelectorSpec`]; cheap to clone. Two are equal when their specs are.
#[derive(Clone, Debug)]
pub struct Selector {
    compiled: Arc<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    spec: SelectorSpec,
    pattern: Option<Pattern>,
    template: Option<Template>,
    constraint: Option<Constraint>,
}

impl Selector {
    /// Checks and compiles `spec`.
    ///
    /// # Errors
    ///
    /// A variant of [`SelectorError`] for each field that may be at fault, `sort_by` excepted.
    pub fn compile(spec: SelectorSpec) -> Result<Self, SelectorError> {
        let regex = spec.regex.as_ref();
        let pattern = regex.map(|regex| compile_pattern(&regex.pattern)).transpose()?;
        let extract = regex.and_then(|regex| regex.extract.as_deref());
        let template = pattern
            .as_ref()
            .zip(extract)
            .map(|(pattern, template)| parse_template(template, pattern))
            .transpose()?;
        let constraint = spec.semver.as_deref().map(parse_constraint).transpose()?;
        Ok(Self { compiled: Arc::new(Compiled { spec, pattern, template, constraint }) })
    }

    /// Returns the spec it was made of.
    pub fn spec(&self) -> &SelectorSpec {
        &self.compiled.spec
    }

    /// Returns what is selected of `tags`, highest first.
    pub fn select<'t, T: AsRef<str>>(&self, tags: &'t [T]) -> Vec<&'t T> {
        let ranked = |tag: &'t T| Some((self.rank(tag.as_ref()).ok()?, tag));
        let mut selected: Vec<(Rank<'t>, &'t T)> = tags.iter().filter_map(ranked).collect();
        selected.sort_by(|(left, _), (right, _)| right.cmp(left));
        match self.compiled.spec.limit {
            0 => {}
            limit => selected.truncate(limit),
        }
        selected.into_iter().map(|(_, tag)| tag).collect()
    }

    /// Returns why `tag` can never be selected, or `None` for one that can, as far as the limit
    /// allows.
    pub fn exclusion(&self, tag: &str) -> Option<Exclusion> {
        self.rank(tag).err()
    }

    fn rank<'t>(&self, tag: &'t str) -> Result<Rank<'t>, Exclusion> {
        let key = self.key(tag).ok_or(Exclusion::Regex)?;
        let by_version = || Version::parse(&key).ok_or(Exclusion::Unparsable);
        let version = match &self.compiled.constraint {
            None => None,
            Some(constraint) => {
                let version = by_version()?;
                if !constraint.matches(&version) {
                    return Err(Exclusion::Semver);
                }
                Some(version)
            }
        };
        match self.compiled.spec.sort_by {
            SortBy::Semver => version.map_or_else(by_version, Ok).map(Rank::Version),
            SortBy::Alphabetical => Ok(Rank::Text(key)),
            SortBy::Numerical => Number::parse(&key).map(Rank::Number).ok_or(Exclusion::Unparsable),
        }
    }

    /// Returns what `tag` is judged by, or `None` where the pattern does not match.
    fn key<'t>(&self, tag: &'t str) -> Option<Cow<'t, str>> {
        let Compiled { pattern, template, .. } = &*self.compiled;
        match (pattern, template) {
            (None, _) => Some(Cow::Borrowed(tag)),
            (Some(pattern), None) => pattern.is_match(tag).then_some(Cow::Borrowed(tag)),
            (Some(pattern), Some(template)) => {
                let locations = pattern.find_groups(tag)?;
                Some(Cow::Owned(template.expand(tag, &locations)))
            }
        }
    }
}

impl Eq for Selector {}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.spec() == other.spec()
    }
}

/// Why a tag is not selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exclusion {
    /// The pattern does not match it.
    Regex,
    /// Its key is a version that the constraint does not take.
    Semver,
    /// Its key is no version, where there is a constraint or the order is by version; or no number,
    /// where the order is by number.
    Unparsable,
}

impl Exclusion {
    /// Returns a word for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regex => "regex",
            Self::Semver => "semver",
            Self::Unparsable => "unparsable",
        }
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a tag is sorted by; within one selector all are of one kind.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank<'t> {
    Version(Version),
    Text(Cow<'t, str>),
    Number(Number),
}

fn compile_pattern(pattern: &str) -> Result<Pattern, SelectorError> {
    Pattern::compile(pattern)
        .map_err(|source| SelectorError::Pattern { pattern: pattern.to_owned(), source })
}

fn parse_template(template: &str, pattern: &Pattern) -> Result<Template, SelectorError> {
    Template::parse(template, pattern)
        .map_err(|source| SelectorError::Extract { template: template.to_owned(), source })
}

fn parse_constraint(constraint: &str) -> Result<Constraint, SelectorError> {
    Constraint::parse(constraint)
        .map_err(|source| SelectorError::Semver { constraint: constraint.to_owned(), source })
}

#[cfg(test)]
mod tests;
