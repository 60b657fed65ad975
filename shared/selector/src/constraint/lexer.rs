//! Takes a constraint apart: operators, versions with wildcards, hyphen ranges.
//!
//! Each function takes what one of the regular expressions in Masterminds' `constraints.go` takes;
//! those never need to look back, so greedy reading is the same. What the parts mean is
//! the parent's business.

use super::Operator;

/// Reads forward through one group.
pub(super) struct Lexer<'t> {
    rest: &'t str,
}

/// A version in a constraint, in its parts. Each part but the first may be empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexeme<'t> {
    /// All of it, the `v` and the metadata included.
    pub(super) text: &'t str,
    pub(super) major: &'t str,
    /// Without its point.
    pub(super) minor: &'t str,
    /// Without its point.
    pub(super) patch: &'t str,
    /// With its `-`.
    pub(super) prerelease: &'t str,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Passes over what Go's `\s` takes. Returns whether there was any.
    pub(super) fn space(&mut self) -> bool {
        !self.take_while(|byte| matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')).is_empty()
    }

    pub(super) fn comma(&mut self) -> bool {
        self.take(",")
    }

    /// Takes the longest operator; none is `=`.
    pub(super) fn operator(&mut self) -> Operator {
        const SPELLINGS: [(&str, Operator); 11] = [
            ("!=", Operator::NotEqual),
            (">=", Operator::GreaterEqual),
            ("=>", Operator::GreaterEqual),
            ("<=", Operator::LessEqual),
            ("=<", Operator::LessEqual),
            ("~>", Operator::Tilde),
            ("=", Operator::Equal),
            (">", Operator::Greater),
            ("<", Operator::Less),
            ("~", Operator::Tilde),
            ("^", Operator::Caret),
        ];
        let spelling = SPELLINGS.into_iter().find(|(spelling, _)| self.take(spelling));
        spelling.map_or(Operator::Equal, |(_, operator)| operator)
    }

    /// Takes a version, as far as it goes (Masterminds' `cvRegex`), or nothing.
    pub(super) fn version(&mut self) -> Option<Lexeme<'t>> {
        // The `|` is in Masterminds' class too, which no version survives.
        let is_core = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | b'*' | b'|');
        let start = self.rest;
        self.take("v");
        let major = self.take_while(is_core);
        if major.is_empty() {
            self.rest = start;
            return None;
        }
        let minor = self.after(".", |lexer| lexer.take_while(is_core));
        let patch = self.after(".", |lexer| lexer.take_while(is_core));
        let before = self.rest;
        self.after("-", Self::identifiers);
        let prerelease = &before[..before.len() - self.rest.len()];
        self.after("+", Self::identifiers);
        let text = &start[..start.len() - self.rest.len()];
        Some(Lexeme { text, major, minor, patch, prerelease })
    }

    /// Takes identifiers joined by points, as far as they go.
    fn identifiers(&mut self) -> &'t str {
        let is_identifier = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let start = self.rest;
        if self.take_while(is_identifier).is_empty() {
            return "";
        }
        while !self.after(".", |lexer| lexer.take_while(is_identifier)).is_empty() {}
        &start[..start.len() - self.rest.len()]
    }

    /// Takes `mark` and what `part` takes after it, or neither if `part` finds nothing.
    fn after(&mut self, mark: &str, part: impl FnOnce(&mut Self) -> &'t str) -> &'t str {
        let start = self.rest;
        if !self.take(mark) {
            return "";
        }
        let taken = part(self);
        if taken.is_empty() {
            self.rest = start;
        }
        taken
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes the bytes that `belongs` names; only ASCII may belong.
    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'t str {
        let end = self.rest.bytes().position(|byte| !belongs(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

/// Writes every `a - b` as `>= a, <= b `.
pub(super) fn expand_hyphen_ranges(text: &str) -> String {
    let mut expanded = text.to_owned();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match hyphen_range(rest) {
            Some((range, low, high)) => {
                // As Masterminds does it, the first place with this text, not this place.
                expanded = expanded.replacen(range, &format!(">= {low}, <= {high} "), 1);
                rest = &rest[range.len()..];
            }
            None => rest = &rest[first.len_utf8()..],
        }
    }
    expanded
}

/// Returns the range that `text` begins with, the spaces around it included, and its two ends.
fn hyphen_range(text: &str) -> Option<(&str, &str, &str)> {
    let mut lexer = Lexer::new(text);
    lexer.space();
    let low = lexer.version()?;
    if !(lexer.space() && lexer.take("-") && lexer.space()) {
        return None;
    }
    let high = lexer.version()?;
    lexer.space();
    Some((&text[..text.len() - lexer.rest.len()], low.text, high.text))
}
