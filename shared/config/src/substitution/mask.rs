//! Hides each `${…}` from the YAML parser behind characters that mean nothing to it.
//!
//! What stands in a substitution is no YAML: `{limit: ${N}}` and `${A:-x: y}` would not parse, and
//! `${A:-a #b}` would end at the `#`. A mask is as many private-use characters as the substitution
//! has characters, so that every line and column stays what it is; its first three say which
//! substitution it is. Private-use characters of the config's own are refused.

use crate::position::{Fault, Position};

/// The first character of a mask.
const START: char = '\u{E000}';
/// What a mask is filled up with.
const FILL: char = '\u{E001}';
/// The digits of a mask's number are this character and those after it.
const ZERO: u32 = 0xE100;
/// Two digits of this base number more substitutions than 10 MiB can hold (three bytes each).
const BASE: usize = 4096;
/// The private-use characters of Unicode's basic plane.
const PRIVATE_USE: std::ops::RangeInclusive<char> = '\u{E000}'..='\u{F8FF}';

/// A config whose substitutions are masked.
#[derive(Debug)]
pub(super) struct Masked<'t> {
    /// The text for the parser.
    pub(super) text: String,
    /// What the masks stand for, `${` and `}` included, in their order.
    pub(super) sources: Vec<Source<'t>>,
    /// Each `${` that no `}` of its line closes.
    pub(super) open: Vec<Position>,
}

/// One `${…}` of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'t> {
    /// Its text.
    pub(super) text: &'t str,
    /// Where it begins.
    pub(super) position: Position,
}

/// A part of a scalar's text, as the parser returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'s> {
    /// Text that stands for itself.
    Text(&'s str),
    /// The number of a substitution.
    Mask(usize),
}

/// Masks the substitutions of `text`.
///
/// # Errors
///
/// A private-use character in `text`.
pub(super) fn mask(text: &str) -> Result<Masked<'_>, Fault> {
    let mut masked =
        Masked { text: String::with_capacity(text.len()), sources: Vec::new(), open: Vec::new() };
    let mut position = Position::START;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if PRIVATE_USE.contains(&first) {
            let code = u32::from(first);
            let message = format!("private-use character U+{code:04X} is not allowed");
            return Err(Fault::new(position, message));
        }
        let length = if rest.starts_with("$$") {
            masked.text.push_str("$$");
            2
        } else if let Some(inside) = rest.strip_prefix("${") {
            if let Some(length) = length_inside(inside) {
                let source = &rest[..2 + length];
                if let Some(private) = source.chars().find(|c| PRIVATE_USE.contains(c)) {
                    let code = u32::from(private);
                    let message = format!("private-use character U+{code:04X} is not allowed");
                    return Err(Fault::new(position, message));
                }
                push_mask(&mut masked.text, masked.sources.len(), source.chars().count());
                masked.sources.push(Source { text: source, position });
                source.len()
            } else {
                masked.open.push(position);
                masked.text.push_str("${");
                2
            }
        } else {
            masked.text.push(first);
            first.len_utf8()
        };
        let (taken, after) = rest.split_at(length);
        let ends_line = first == '\n' || first == '\r' && !after.starts_with('\n');
        position = if ends_line {
            Position { line: position.line + 1, column: 1 }
        } else {
            Position { column: position.column + taken.chars().count(), ..position }
        };
        rest = after;
    }
    Ok(masked)
}

/// Returns the length of a substitution after its `${`, with its `}`, if its line closes it.
fn length_inside(inside: &str) -> Option<usize> {
    let mut depth = 1_usize;
    let mut rest = inside;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '\n' | '\r' => return None,
            '$' if rest.starts_with("$$") => 2,
            '$' if rest.starts_with("${") => {
                depth += 1;
                2
            }
            '}' => {
                depth -= 1;
                1
            }
            _ => next.len_utf8(),
        };
        rest = &rest[length..];
        if depth == 0 {
            return Some(inside.len() - rest.len());
        }
    }
    None
}

fn push_mask(text: &mut String, number: usize, width: usize) {
    text.push(START);
    text.push(digit(number / BASE));
    text.push(digit(number % BASE));
    // `${}` is the shortest there is: a mask always has room for its number.
    text.extend(std::iter::repeat_n(FILL, width.saturating_sub(3)));
}

fn digit(value: usize) -> char {
    u32::try_from(value).ok().and_then(|value| char::from_u32(ZERO + value)).unwrap_or(FILL)
}

fn value(digit: char) -> Option<usize> {
    let value = u32::from(digit).checked_sub(ZERO)?;
    usize::try_from(value).ok().filter(|value| *value < BASE)
}

/// Takes a scalar apart; `None` for private-use characters that are no mask (an escape in quotes
/// can make some).
pub(super) fn pieces(scalar: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = scalar;
    while !rest.is_empty() {
        let text_end = rest.find(|c| PRIVATE_USE.contains(&c)).unwrap_or(rest.len());
        let (text, masked) = rest.split_at(text_end);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        rest = masked;
        if let Some(numbered) = rest.strip_prefix(START) {
            let mut digits = numbered.chars();
            let (high, low) = (digits.next().and_then(value)?, digits.next().and_then(value)?);
            pieces.push(Piece::Mask(high * BASE + low));
            rest = digits.as_str().trim_start_matches(FILL);
        } else if !rest.is_empty() {
            return None;
        }
    }
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, sources: &[(&str, usize, usize)], open: &[(usize, usize)]) {
        let masked = mask(text).unwrap();
        assert_eq!(masked.text.chars().count(), text.chars().count(), "{text:?}: the width");
        let found: Vec<_> = masked
            .sources
            .iter()
            .map(|source| (source.text, source.position.line, source.position.column))
            .collect();
        assert_eq!(found, sources, "{text:?}");
        let found: Vec<_> =
            masked.open.iter().map(|position| (position.line, position.column)).collect();
        assert_eq!(found, open, "{text:?}: open");
    }

    #[test]
    fn each_substitution_is_masked() {
        check("a: b", &[], &[]);
        check("a: ${B}", &[("${B}", 1, 4)], &[]);
        check("{a: ${B}}\nb: é${C}", &[("${B}", 1, 5), ("${C}", 2, 5)], &[]);
        check("a: ${B:-${C:-}}}", &[("${B:-${C:-}}", 1, 4)], &[]);
        check("a: $${B}", &[], &[]);
        check("a: $$${B}", &[("${B}", 1, 6)], &[]);
        check("a: ${B:-$$}", &[("${B:-$$}", 1, 4)], &[]);
        check("a: ${B:-$${}", &[("${B:-$${}", 1, 4)], &[]);
        check("a: ${B\r\nc: ${D}\rE: ${}", &[("${D}", 2, 4), ("${}", 3, 4)], &[(1, 4)]);
        check("a: ${ ${B}", &[("${B}", 1, 7)], &[(1, 4)]);
        check("a: $B $", &[], &[]);
    }

    #[test]
    fn a_mask_says_which_substitution_it_is() {
        let text = "x ${A} ${}".repeat(5000);
        let masked = mask(&text).unwrap();
        let pieces = pieces(&masked.text).unwrap();
        let numbers: Vec<usize> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Mask(number) => Some(*number),
                Piece::Text(_) => None,
            })
            .collect();
        assert_eq!(numbers, (0..10_000).collect::<Vec<_>>());
        assert_eq!(pieces[0], Piece::Text("x "));
        assert_eq!(pieces[2], Piece::Text(" "));
    }

    #[test]
    fn private_use_characters_are_refused() {
        for (text, column) in [("a\u{E000}", 2), ("\u{F8FF}", 1), ("a ${\u{E500}}", 3)] {
            assert_eq!(mask(text).unwrap_err().position, Position { line: 1, column }, "{text:?}");
        }
        assert_eq!(pieces("\u{E001}"), None);
        assert_eq!(pieces("\u{E000}\u{E100}"), None);
    }
}
