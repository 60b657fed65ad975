//! Substitution of variables: `${V}` and its operators, in scalars, after parsing.
//!
//! Before parsing, [`Substitution::mask`] hides each `${…}` from the parser; after it, each scalar
//! goes through [`Substitution::scalar`]. So a comment is never read, and a value is never YAML: it
//! cannot add a key, end a string, or begin a comment. `$name` is left alone, `$$` is `$`. What is
//! wrong, variables that are not set above all, is collected and reported together; no message
//! holds a value. How a scalar is typed is left to the document.

mod expression;
mod glob;
mod mask;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::position::{Fault, Position};
use expression::{Case, Expression, Operator, Part, Which};
use glob::{Glob, MAX_PATTERN_CHARS};
use mask::{Piece, Source};

/// The most that all scalars with a substitution may hold: what a config may hold. A short
/// reference to a long value, often repeated, would be a bomb.
const MAX_SUBSTITUTED_BYTES: usize = crate::MAX_CONFIG_BYTES;

/// Where the values of variables come from.
pub(crate) type Environment<'e> = dyn Fn(&str) -> Option<String> + 'e;

/// The substitutions of one config.
pub(crate) struct Substitution<'t> {
    sources: Vec<Source<'t>>,
    open: Vec<Position>,
    environment: &'t Environment<'t>,
    faults: Vec<Fault>,
    bytes: usize,
}

/// A scalar after substitution.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Substituted {
    /// Its text.
    pub(crate) text: String,
    /// Whether it is to be typed by its text, as a plain scalar is.
    pub(crate) plain: bool,
    /// The variables whose values are in it.
    pub(crate) variables: Vec<String>,
}

impl<'t> Substitution<'t> {
    /// Returns `text` as the parser is to see it, and what its masks stand for.
    ///
    /// # Errors
    ///
    /// A character that masks are made of.
    pub(crate) fn mask(
        text: &'t str,
        environment: &'t Environment<'t>,
    ) -> Result<(String, Self), Fault> {
        let masked = mask::mask(text)?;
        let substitution = Self {
            sources: masked.sources,
            open: masked.open,
            environment,
            faults: Vec::new(),
            bytes: 0,
        };
        Ok((masked.text, substitution))
    }

    /// Returns the scalar that stands at `span` and that the parser read as `text`.
    ///
    /// What is wrong with it is noted; the scalar is of no use then.
    pub(crate) fn scalar(&mut self, text: &str, plain: bool, span: Range<Position>) -> Substituted {
        let mut scalar = Substituted { text: String::new(), plain, variables: Vec::new() };
        let first_open = self.open.partition_point(|position| *position < span.start);
        if let Some(open) = self.open.get(first_open).filter(|open| **open < span.end) {
            let message = "`${` is not closed on its line (`$$` is a literal `$`)";
            self.faults.push(Fault::new(*open, message));
            return scalar;
        }
        let Some(pieces) = mask::pieces(text) else {
            let message = "private-use characters are not allowed";
            self.faults.push(Fault::new(span.start, message));
            return scalar;
        };
        let variables = &mut scalar.variables;
        match pieces[..] {
            [Piece::Mask(number)] if plain => {
                if let Some(expression) = self.expression(number, &span) {
                    (scalar.text, scalar.plain) = self.whole(&expression, variables);
                }
            }
            _ => {
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => scalar.text.push_str(&text.replace("$$", "$")),
                        Piece::Mask(number) => {
                            if let Some(expression) = self.expression(number, &span) {
                                scalar.text.push_str(&self.value(&expression, variables));
                            }
                        }
                    }
                }
            }
        }
        if !scalar.variables.is_empty() {
            self.bytes = self.bytes.saturating_add(scalar.text.len());
            self.check_bytes(0, span.start);
        }
        scalar
    }

    /// Returns what is wrong, in the order of the text.
    pub(crate) fn into_faults(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|fault| fault.position);
        self.faults.dedup();
        self.faults
    }

    fn expression(&mut self, number: usize, span: &Range<Position>) -> Option<Expression> {
        // A mask from elsewhere was made by an escape in quotes.
        let source = self.sources.get(number).filter(|source| span.contains(&source.position));
        let parsed = match source {
            Some(source) => expression::parse(*source),
            None => Err(Fault::new(span.start, "private-use characters are not allowed")),
        };
        parsed.map_err(|fault| self.faults.push(fault)).ok()
    }

    /// Returns the value of an expression that is a plain scalar by itself, and whether the scalar
    /// stays plain: a default in quotes is a string, as it would be in the shell and in YAML.
    fn whole(&mut self, expression: &Expression, variables: &mut Vec<String>) -> (String, bool) {
        if let Operator::Default(parts) = &expression.operator
            && !self.is_filled(&expression.name)
        {
            if let [Part::Expression(inner)] = &parts[..] {
                return self.whole(inner, variables);
            }
            if let Some((quote, parts)) = unquoted(parts) {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Bare::Text(part) if quote == '\'' => {
                            text.push_str(&part.replace("''", "'"));
                        }
                        Bare::Text(part) => text.push_str(&unescaped(part)),
                        Bare::Expression(inner) => text.push_str(&self.value(inner, variables)),
                    }
                }
                return (text, false);
            }
        }
        (self.value(expression, variables), true)
    }

    fn is_filled(&self, name: &str) -> bool {
        (self.environment)(name).is_some_and(|value| !value.is_empty())
    }

    fn value(&mut self, expression: &Expression, variables: &mut Vec<String>) -> String {
        let Expression { name, operator, position } = expression;
        let value = (self.environment)(name);
        if value.is_some() && !variables.contains(name) {
            variables.push(name.clone());
        }
        if let Operator::Default(parts) = operator {
            let filled = value.filter(|value| !value.is_empty());
            return filled.unwrap_or_else(|| self.join(parts, variables));
        }
        let Some(value) = value else {
            let message = format!("variable `{name}` is not set (`${{{name}:-…}}` has a default)");
            self.faults.push(Fault::new(*position, message));
            return String::new();
        };
        match operator {
            Operator::Value | Operator::Default(_) => value,
            Operator::Length => value.chars().count().to_string(),
            Operator::Case(case) => with_case(&value, *case),
            Operator::Slice { offset, length } => {
                let offset = self.number(offset, *position, variables);
                let length =
                    length.as_ref().map(|length| self.number(length, *position, variables));
                slice(&value, offset, length)
            }
            Operator::Trim { end, greed, pattern } => {
                let pattern = self.join(pattern, variables);
                if let Some(glob) = Glob::parse(&pattern) {
                    glob.trim(&value, *end, *greed)
                } else {
                    let message = format!("the pattern has over {MAX_PATTERN_CHARS} characters");
                    self.faults.push(Fault::new(*position, message));
                    value
                }
            }
            Operator::Replace { which, old, new } => {
                let (old, new) = (self.join(old, variables), self.join(new, variables));
                let count = if old.is_empty() { 0 } else { value.matches(&old).count() };
                let grown = value.len().saturating_add(count.saturating_mul(new.len()));
                if !self.check_bytes(grown, *position) {
                    return String::new();
                }
                replace(value, *which, &old, &new)
            }
        }
    }

    fn join(&mut self, parts: &[Part], variables: &mut Vec<String>) -> String {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Expression(inner) => text.push_str(&self.value(inner, variables)),
            }
        }
        text
    }

    fn number(&mut self, parts: &[Part], at: Position, variables: &mut Vec<String>) -> isize {
        let text = self.join(parts, variables);
        text.trim().parse().unwrap_or_else(|_| {
            let message = "offset and length of `${V:offset:length}` are whole numbers";
            self.faults.push(Fault::new(at, message));
            0
        })
    }

    /// Notes it where `more` bytes are too many; returns whether they are not.
    fn check_bytes(&mut self, more: usize, position: Position) -> bool {
        let fits = self.bytes.saturating_add(more) <= MAX_SUBSTITUTED_BYTES;
        if !fits {
            let message =
                format!("substitution makes the config grow beyond {MAX_SUBSTITUTED_BYTES} bytes");
            self.faults.push(Fault::new(position, message));
        }
        fits
    }
}

/// A part of a default without the quotes around it.
enum Bare<'p> {
    Text(&'p str),
    Expression(&'p Expression),
}

/// Returns the quote that a default stands in as a whole, and what is in it.
fn unquoted(parts: &[Part]) -> Option<(char, Vec<Bare<'_>>)> {
    let Part::Text(first) = parts.first()? else { return None };
    let Part::Text(last) = parts.last()? else { return None };
    let quote = first.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    if !last.ends_with(quote) || parts.len() == 1 && first.len() < 2 {
        return None;
    }
    let inner = parts.iter().enumerate().map(|(index, part)| match part {
        Part::Text(text) => {
            let text = if index == 0 { &text[1..] } else { text };
            let ends = index + 1 == parts.len();
            Bare::Text(if ends { &text[..text.len() - 1] } else { text })
        }
        Part::Expression(expression) => Bare::Expression(expression),
    });
    Some((quote, inner.collect()))
}

/// Resolves the escapes of a text in double quotes that the shell knows.
fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        let escaped = rest.as_str().chars().next().filter(|next| matches!(next, '"' | '\\' | '$'));
        match escaped {
            Some(escaped) if next == '\\' => {
                result.push(escaped);
                rest.next();
            }
            Some(_) | None => result.push(next),
        }
    }
    result
}

fn with_case(value: &str, case: Case) -> String {
    let mut rest = value.chars();
    match case {
        Case::Upper => value.to_uppercase(),
        Case::Lower => value.to_lowercase(),
        Case::UpperFirst => match rest.next() {
            Some(first) => first.to_uppercase().chain(rest).collect(),
            None => String::new(),
        },
        Case::LowerFirst => match rest.next() {
            Some(first) => first.to_lowercase().chain(rest).collect(),
            None => String::new(),
        },
    }
}

/// Takes a part of `value`, in characters; negative numbers count from its end.
fn slice(value: &str, offset: isize, length: Option<isize>) -> String {
    let count = value.chars().count();
    let place = |from: usize, by: isize| match by {
        0.. => from.saturating_add(by.unsigned_abs()),
        _ => from.saturating_sub(by.unsigned_abs()),
    };
    let start = if offset < 0 { place(count, offset) } else { place(0, offset) };
    let end = match length {
        None => count,
        Some(length) if length < 0 => place(count, length),
        Some(length) => place(start, length),
    };
    value.chars().take(end).skip(start).collect()
}

fn replace(value: String, which: Which, old: &str, new: &str) -> String {
    match which {
        Which::First if old.is_empty() => value,
        Which::All if old.is_empty() => value,
        Which::First => value.replacen(old, new, 1),
        Which::All => value.replace(old, new),
        Which::Front => match value.strip_prefix(old) {
            Some(rest) => format!("{new}{rest}"),
            None => value,
        },
        Which::Back => match value.strip_suffix(old) {
            Some(rest) => format!("{rest}{new}"),
            None => value,
        },
    }
}
