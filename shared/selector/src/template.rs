//! A template of Go's `Regexp.Expand`: text with `$name`, `${name}`, `$1` and `$$`.
//!
//! Read as Go reads it, the longest name wins; but a name that the pattern does not have is refused,
//! where Go would expand it to nothing.

use regex::CaptureLocations;

use crate::Pattern;

/// A template, fitted to a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The groups that bear the name; the first that took part in the match counts.
    Groups(Vec<usize>),
}

/// Why a template does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It names a group that the pattern does not have.
    #[error("the pattern has no group `{group}`")]
    NoGroup {
        /// The group's name or number.
        group: String,
    },
    /// A `${` is not followed by a name and `}`; Go would keep it as text.
    #[error("`{text}` names no group")]
    NoName {
        /// The template from the `${` on.
        text: String,
    },
}

impl Template {
    pub(crate) fn parse(template: &str, pattern: &Pattern) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            parts.push(Part::Text(before.to_owned()));
            if let Some(after) = after.strip_prefix('$') {
                parts.push(Part::Text("$".to_owned()));
                rest = after;
                continue;
            }
            let (name, after) = split_name(after)?;
            parts.push(match name {
                "" => Part::Text("$".to_owned()),
                name => Part::Groups(groups(name, pattern)?),
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    /// Puts what the groups of a match in `text` have taken into their places.
    pub(crate) fn expand(&self, text: &str, locations: &CaptureLocations) -> String {
        let mut expanded = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => expanded.push_str(text),
                Part::Groups(groups) => {
                    let taken = groups.iter().find_map(|&group| locations.get(group));
                    expanded.push_str(taken.map_or("", |(start, end)| &text[start..end]));
                }
            }
        }
        expanded
    }
}

/// Splits the name that follows a `$` from the rest. An empty name is none: the `$` is text.
fn split_name(text: &str) -> Result<(&str, &str), TemplateError> {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    let name_end = |text: &str| text.find(|each| !is_name(each)).unwrap_or(text.len());
    let Some(inner) = text.strip_prefix('{') else {
        return Ok(text.split_at(name_end(text)));
    };
    let (name, rest) = inner.split_at(name_end(inner));
    match rest.strip_prefix('}') {
        Some(rest) if !name.is_empty() => Ok((name, rest)),
        Some(_) | None => Err(TemplateError::NoName { text: format!("${text}") }),
    }
}

/// Returns the groups with this name, or with this number where it is one, without a zero in front.
fn groups(name: &str, pattern: &Pattern) -> Result<Vec<usize>, TemplateError> {
    let names = pattern.groups();
    let is_number =
        name.bytes().all(|byte| byte.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
    let groups: Vec<usize> = if is_number {
        name.parse().into_iter().filter(|&number| number < names.len()).collect()
    } else {
        (0..names.len()).filter(|&number| names[number].as_deref() == Some(name)).collect()
    };
    if groups.is_empty() {
        return Err(TemplateError::NoGroup { group: name.to_owned() });
    }
    Ok(groups)
}

#[cfg(test)]
mod tests;
