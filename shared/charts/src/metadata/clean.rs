//! What Helm makes of metadata when it loads a chart: it takes out what cannot be printed, and refuses
//! what is no chart.

use std::collections::HashSet;
use std::sync::LazyLock;

use mirror_selector::Version;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::{Dependency, Metadata, MetadataError};

/// What Go's `unicode.IsPrint` is true of beside a space. Helm 3.22 is built with a Go that knows
/// Unicode 15.0; what came later is not printable to it.
const PRINTABLE: &str = r"[\p{L}\p{M}\p{N}\p{P}\p{S}&&\p{age:15.0}]";

/// The ranges of [`PRINTABLE`], in order.
static PRINTABLE_RANGES: LazyLock<Vec<(char, char)>> =
    LazyLock::new(|| match regex_syntax::parse(PRINTABLE).map(Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => {
            class.iter().map(|range| (range.start(), range.end())).collect()
        }
        Ok(_) | Err(_) => Vec::new(),
    });

impl Metadata {
    /// Cleans all text that Helm cleans, and judges the whole.
    pub(super) fn clean(&mut self) -> Result<(), MetadataError> {
        self.clean_text();
        self.judge()?;
        for maintainer in &mut self.maintainers {
            let Some(maintainer) = maintainer else {
                return Err(MetadataError::EmptyItem { field: "maintainers" });
            };
            for text in [&mut maintainer.name, &mut maintainer.email, &mut maintainer.url] {
                *text = printable(text);
            }
        }
        let mut names = HashSet::new();
        for dependency in &mut self.dependencies {
            let Some(dependency) = dependency else {
                return Err(MetadataError::EmptyItem { field: "dependencies" });
            };
            dependency.clean()?;
            let Dependency { name, alias, .. } = dependency;
            let called = if alias.is_empty() { name } else { alias };
            if !names.insert(called.clone()) {
                return Err(MetadataError::Twice { name: start(called) });
            }
        }
        Ok(())
    }

    /// Neither version nor apiVersion nor type: those are judged as they stand.
    fn clean_text(&mut self) {
        let texts = [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ];
        for text in texts.into_iter().chain(&mut self.sources).chain(&mut self.keywords) {
            *text = printable(text);
        }
    }

    fn judge(&self) -> Result<(), MetadataError> {
        if self.api_version.is_empty() {
            return Err(MetadataError::Missing { field: "apiVersion" });
        }
        if self.name.is_empty() {
            return Err(MetadataError::Missing { field: "name" });
        }
        let wrong = |field, value: &str, reason| {
            Err(MetadataError::Value { field, value: start(value), reason })
        };
        if matches!(self.name.as_str(), "." | "..") || self.name.contains('/') {
            return wrong("name", &self.name, "a path, not a name");
        }
        if self.version.is_empty() {
            return Err(MetadataError::Missing { field: "version" });
        }
        if Version::parse(&self.version).is_none() {
            return wrong("version", &self.version, "no version");
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return wrong("type", &self.kind, "neither application nor library");
        }
        Ok(())
    }
}

impl Dependency {
    fn clean(&mut self) -> Result<(), MetadataError> {
        let texts = [&mut self.name, &mut self.version, &mut self.repository, &mut self.condition];
        for text in texts.into_iter().chain(&mut self.tags) {
            *text = printable(text);
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if self.alias.bytes().all(is_word) {
            return Ok(());
        }
        let reason = "not of letters, digits, `_` and `-` alone";
        Err(MetadataError::Value { field: "alias", value: start(&self.alias), reason })
    }
}

/// Returns a text with a space for each that is there, and without what cannot be printed.
fn printable(text: &str) -> String {
    let clean = |next: char| {
        if next.is_whitespace() { Some(' ') } else { is_printable(next).then_some(next) }
    };
    text.chars().filter_map(clean).collect()
}

fn is_printable(next: char) -> bool {
    if next.is_ascii() {
        return next.is_ascii_graphic();
    }
    let ranges = &*PRINTABLE_RANGES;
    let index = ranges.partition_point(|(_, last)| *last < next);
    ranges.get(index).is_some_and(|(first, _)| *first <= next)
}

fn start(text: &str) -> String {
    text.chars().take(160).collect()
}
