//! Selectors: which tags or versions, with the config's defaults.

use mirror_selector::{RegexSpec, Selector, SelectorError, SelectorSpec, SortBy};

use super::EntryJudge;
use crate::host::given;
use crate::raw;

/// How many tags or versions are mirrored where the config does not say.
const DEFAULT_LIMIT: i64 = 1;

impl EntryJudge<'_> {
    /// Judges the selector of an artifact.
    pub(super) fn selector(&mut self, path: &str, raw: Option<raw::Selector>) -> Option<Selector> {
        let raw::Selector { regex, semver, sort_by, limit } = raw.unwrap_or_default();
        let regex = regex.map(|regex| {
            let pattern = self.required(&format!("{path}.regex.pattern"), regex.pattern);
            pattern.map(|pattern| RegexSpec { pattern, extract: given(regex.extract) })
        });
        let sort_by = match given(sort_by).map(|word| word.parse::<SortBy>()) {
            None => Some(SortBy::default()),
            Some(Ok(sort_by)) => Some(sort_by),
            Some(Err(error)) => {
                self.violations.add_error(path, &error);
                None
            }
        };
        let limit = self.limit(&format!("{path}.limit"), limit);
        // Without a pattern or order there is nothing to compile, but the rest is worth a look.
        let is_whole = sort_by.is_some() && !matches!(regex, Some(None));
        let spec = SelectorSpec {
            regex: regex.flatten(),
            semver: given(semver),
            sort_by: sort_by.unwrap_or_default(),
            limit: limit.unwrap_or_default(),
        };
        let selector = self.compile(path, spec);
        selector.filter(|_| is_whole && limit.is_some())
    }

    /// Judges what a chart says of its versions.
    pub(super) fn versions(
        &mut self,
        path: &str,
        version: Option<String>,
        limit: Option<i64>,
    ) -> Option<Selector> {
        let version = given(version).unwrap_or_else(|| "*".to_owned());
        let limit = self.limit(&format!("{path}.limit"), limit);
        let spec = SelectorSpec {
            regex: None,
            semver: Some(version),
            sort_by: SortBy::Semver,
            limit: limit.unwrap_or_default(),
        };
        self.compile(&format!("{path}.version"), spec).filter(|_| limit.is_some())
    }

    fn limit(&mut self, path: &str, limit: Option<i64>) -> Option<usize> {
        let limit = usize::try_from(limit.unwrap_or(DEFAULT_LIMIT)).ok();
        if limit.is_none() {
            self.violations.add(path, "must not be negative");
        }
        limit
    }

    fn compile(&mut self, path: &str, spec: SelectorSpec) -> Option<Selector> {
        // The constraint is judged whatever the pattern is.
        let rest = spec.regex.is_some().then(|| SelectorSpec { regex: None, ..spec.clone() });
        match Selector::compile(spec) {
            Ok(selector) => Some(selector),
            Err(error) => {
                self.violations.add_error(path, &error);
                match (error, rest) {
                    (SelectorError::Pattern { .. } | SelectorError::Extract { .. }, Some(rest)) => {
                        self.compile(path, rest);
                    }
                    (
                        SelectorError::Pattern { .. }
                        | SelectorError::Extract { .. }
                        | SelectorError::Semver { .. }
                        | SelectorError::SortBy { .. },
                        _,
                    ) => {}
                }
                None
            }
        }
    }
}
