//! YAML as Helm reads it: by the rules of Go's `sigs.k8s.io/yaml`, which are those of YAML 1.1.
//!
//! The first document alone, within bounds, into a [`Value`]. `yes` is a boolean, `010` is 8, `1.10`
//! is 1.1; of equal keys the last counts; aliases and merges are followed. No error shows a scalar: it
//! may be a secret. What a value means where text is wanted is said by [`Value::into_text`].

mod number;
mod scalar;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;

pub(crate) use number::json_number;
pub(crate) use tree::sentence;

/// A value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Value {
    /// Nothing.
    #[default]
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number of 64 bits, with or without a sign.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping, whose keys are all text by now.
    Map(BTreeMap<String, Value>),
}

/// Why a text is not read as YAML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, at line {line}, column {column}")]
pub struct YamlError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Returns what a plain scalar is where text is wanted; `None` for one that says nothing.
pub(crate) fn plain(scalar: &str) -> Option<String> {
    scalar::resolve(scalar).into_text().ok().flatten()
}

impl Value {
    /// Reads the first document of `text`; an empty text is null.
    ///
    /// # Errors
    /// What is no YAML, what has no counterpart in JSON, and what is out of bounds.
    pub(crate) fn read(text: &[u8]) -> Result<Self, YamlError> {
        tree::read(text)
    }

    /// Returns what the value is where text is wanted: numbers and booleans become text, as Go writes
    /// them. Null is `None`, which leaves a field as it was; lists and mappings are given back.
    pub(crate) fn into_text(self) -> Result<Option<String>, Self> {
        match self {
            Self::Null => Ok(None),
            Self::Bool(value) => Ok(Some(value.to_string())),
            Self::Integer(value) => Ok(Some(value.to_string())),
            Self::Float(value) => Ok(Some(number::short(value))),
            Self::Text(text) => Ok(Some(text)),
            list @ Self::List(_) => Err(list),
            map @ Self::Map(_) => Err(map),
        }
    }

    /// Returns a boolean; null is `None`, and all else is given back.
    pub(crate) fn into_bool(self) -> Result<Option<bool>, Self> {
        if let Self::Bool(value) = self { Ok(Some(value)) } else { self.into_nothing() }
    }

    /// Returns a list's items; null is `None`, and all else is given back.
    pub(crate) fn into_list(self) -> Result<Option<Vec<Self>>, Self> {
        if let Self::List(items) = self { Ok(Some(items)) } else { self.into_nothing() }
    }

    /// Returns a mapping's entries; null is `None`, and all else is given back.
    pub(crate) fn into_map(self) -> Result<Option<BTreeMap<String, Self>>, Self> {
        if let Self::Map(entries) = self { Ok(Some(entries)) } else { self.into_nothing() }
    }

    fn into_nothing<T>(self) -> Result<Option<T>, Self> {
        if matches!(self, Self::Null) { Ok(None) } else { Err(self) }
    }

    /// Returns what kind of thing the value is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}
