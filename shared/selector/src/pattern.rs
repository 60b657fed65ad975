//! A pattern of Go's `regexp` package, run by Rust's engine.
//!
//! Each pattern is read by Go's grammar and written anew for the engine, so that what both would
//! read differently (`\d`, `\<`, `[a&&b]`, `\b{start}`) means what it means in Go, and what Go
//! refuses is refused. The tables of code points are the engine's: Unicode 16, Go's are of 15.

mod class;
mod cursor;
mod translate;

use std::{fmt, sync::Arc};

use regex::{CaptureLocations, Regex, RegexBuilder};

/// The longest pattern, in bytes: five hundred tags of full length (128, OCI distribution) as
/// alternatives.
const MAX_PATTERN_BYTES: usize = 64 << 10;

/// The most memory a compiled pattern may take, in bytes; the engine's own default. It ends
/// `(\pL{100}){10}` at once, and is far from what names of tags need.
const MAX_COMPILED_BYTES: usize = 10 << 20;

/// How deep the translated pattern may nest for the engine, whose compiler is recursive; its own
/// default.
const MAX_ENGINE_DEPTH: u32 = 250;

/// A compiled pattern; cheap to clone. Two are equal when they were written alike.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Arc<str>,
    regex: Regex,
    /// The name, where it has one, of each capturing group; the first is the whole match.
    groups: Arc<[Option<String>]>,
}

impl Pattern {
    /// Reads and compiles a pattern in Go's syntax.
    ///
    /// # Errors
    ///
    /// [`PatternError::Syntax`] for what Go refuses, and for a pattern that nests deeper than the
    /// engine goes; [`PatternError::TooLong`] and, for one that takes too much memory,
    /// [`PatternError::Engine`].
    pub fn compile(pattern: &str) -> Result<Self, PatternError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong { limit_bytes: MAX_PATTERN_BYTES });
        }
        let translation = translate::translate(pattern)?;
        let regex = RegexBuilder::new(&translation.text)
            .size_limit(MAX_COMPILED_BYTES)
            .nest_limit(MAX_ENGINE_DEPTH)
            .build()
            .map_err(|source| PatternError::Engine { source })?;
        Ok(Self { text: pattern.into(), regex, groups: translation.groups.into() })
    }

    /// Returns the pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether the pattern matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Returns what the groups of the first match have taken.
    pub(crate) fn find_groups(&self, text: &str) -> Option<CaptureLocations> {
        let mut locations = self.regex.capture_locations();
        self.regex.captures_read(&mut locations, text).map(|_| locations)
    }

    /// Returns the names of the groups, by number.
    pub(crate) fn groups(&self) -> &[Option<String>] {
        &self.groups
    }
}

impl Eq for Pattern {}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// It is not one of Go's.
    #[error("{fault}: `{fragment}` at byte {offset}")]
    Syntax {
        /// What is wrong.
        fault: Fault,
        /// The part that is wrong.
        fragment: String,
        /// Where that part begins, in bytes.
        offset: usize,
    },
    /// It is longer than is read.
    #[error("it is longer than {limit_bytes} bytes")]
    TooLong {
        /// The bound, in bytes.
        limit_bytes: usize,
    },
    /// It is one of Go's, but takes more memory than the engine may have.
    #[error("it takes too much memory")]
    Engine {
        /// What the engine says.
        source: regex::Error,
    },
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An escape that is not known, a backreference among them.
    #[error("unknown escape")]
    Escape,
    /// An escape of a surrogate, which is no character; Go takes it and matches by chance.
    #[error("a surrogate is no character")]
    Surrogate,
    /// A class that is not known, in `[:…:]` or `\p{…}`.
    #[error("unknown character class")]
    ClassName,
    /// A range that ends before it begins.
    #[error("character range out of order")]
    ClassRange,
    /// A `[` that is not closed.
    #[error("missing closing ]")]
    MissingBracket,
    /// A `(` that is not closed.
    #[error("missing closing )")]
    MissingParenthesis,
    /// A `)` that closes nothing.
    #[error("unexpected )")]
    UnexpectedParenthesis,
    /// A `(?` that is neither a name nor the flags `i`, `m`, `s`, `U`: look-around, `(?x)`, `(?R)`,
    /// `(?u)` among them.
    #[error("unknown group or flag")]
    Group,
    /// A group's name that is not of ASCII letters, digits and `_`.
    #[error("invalid group name")]
    GroupName,
    /// A repetition of a repetition.
    #[error("repetition of a repetition")]
    RepeatedRepeat,
    /// A repetition of nothing.
    #[error("nothing to repeat")]
    NothingToRepeat,
    /// A count over 1000, nested counts multiplied, or a range of counts out of order.
    #[error("repeat count over 1000 or out of order")]
    RepeatCount,
    /// Too many groups and repetitions inside each other.
    #[error("nests too deeply")]
    Nesting,
}

#[cfg(test)]
mod tests;
