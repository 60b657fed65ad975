//! Character classes: reads Go's, writes the engine's.
//!
//! Every set written here stands for itself, inside brackets and outside, and the characters in
//! brackets are written as `\x{…}`; so the engine's own set syntax (`&&`, `--`, `~~`, nesting) never
//! arises from a user's text. Case folding is left to the caller.

use std::fmt::Write as _;

use super::{Fault, PatternError, cursor::Cursor};

/// The sets that Go knows by name, all ASCII.
const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// Takes a set that is written as an escape, if one comes next: `\d`, `\pL`, `\p{Greek}` and
/// the like.
pub(super) fn escaped(cursor: &mut Cursor<'_>) -> Result<Option<String>, PatternError> {
    const PERL: [(&str, &str); 6] = [
        (r"\d", "[0-9]"),
        (r"\D", "[^0-9]"),
        (r"\s", r"[\t\n\x0C\r ]"),
        (r"\S", r"[^\t\n\x0C\r ]"),
        (r"\w", "[0-9A-Za-z_]"),
        (r"\W", "[^0-9A-Za-z_]"),
    ];
    if let Some((_, set)) = PERL.iter().find(|(escape, _)| cursor.take(escape)) {
        return Ok(Some((*set).to_owned()));
    }
    let start = *cursor;
    let negated = cursor.take(r"\P");
    if !negated && !cursor.take(r"\p") {
        return Ok(None);
    }
    let rest = cursor.rest();
    let name = if cursor.take("{") {
        cursor.take_until("}")
    } else {
        cursor.next().map(|name| &rest[..name.len_utf8()])
    };
    let (name, negated) = match name.and_then(|name| name.strip_prefix('^')) {
        Some(name) => (Some(name), !negated),
        None => (name, negated),
    };
    let set = name.and_then(|name| property(name, negated));
    set.map(Some).ok_or_else(|| cursor.fault_since(start, Fault::ClassName))
}

/// Returns the set of a general category or a script, by a name in any case, with or without
/// underscores, hyphens and spaces.
fn property(name: &str, negated: bool) -> Option<String> {
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_- ".contains(&byte)) {
        return None;
    }
    let name = name.replace(['_', '-', ' '], "").to_ascii_lowercase();
    let sign = if negated { 'P' } else { 'p' };
    match name.as_str() {
        "any" | "assigned" | "ascii" => Some(format!(r"\{sign}{{{name}}}")),
        // The kind is written out, because the engine knows names of other kinds too, which Go
        // refuses.
        name => ["gc", "sc"]
            .into_iter()
            .map(|kind| format!(r"\{sign}{{{kind}={name}}}"))
            .find(|set| regex_syntax::parse(set).is_ok()),
    }
}

/// Takes a set in brackets, whose `[` comes next.
pub(super) fn bracketed(cursor: &mut Cursor<'_>) -> Result<String, PatternError> {
    let start = *cursor;
    cursor.take("[");
    let mut items = String::from(if cursor.take("^") { "[^" } else { "[" });
    let mut is_first = true;
    // A `]` that comes first is an item.
    while is_first || !cursor.take("]") {
        is_first = false;
        if let Some(set) = posix(cursor)? {
            items.push_str(&set);
        } else if let Some(set) = escaped(cursor)? {
            items.push_str(&set);
        } else {
            let (low, high) = range(cursor, start)?;
            // Writing to a string does not fail.
            let _ = write!(items, r"\x{{{:X}}}-\x{{{:X}}}", u32::from(low), u32::from(high));
        }
    }
    items.push(']');
    Ok(items)
}

/// Takes `[:name:]` or `[:^name:]`, if one comes next.
fn posix(cursor: &mut Cursor<'_>) -> Result<Option<String>, PatternError> {
    let start = *cursor;
    if !cursor.take("[:") {
        return Ok(None);
    }
    let Some(name) = cursor.take_until(":]") else {
        // Not closed, it is the two characters.
        *cursor = start;
        return Ok(None);
    };
    if !POSIX_CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(cursor.fault_since(start, Fault::ClassName));
    }
    Ok(Some(format!("[:{name}:]")))
}

/// Takes a character or two with a `-` between them.
fn range(cursor: &mut Cursor<'_>, class: Cursor<'_>) -> Result<(char, char), PatternError> {
    let start = *cursor;
    let low = character(cursor, class)?;
    let mut ahead = *cursor;
    // The `-` before the closing bracket is a character, and so is one at the pattern's end.
    if !ahead.take("-") || ahead.peek().is_none_or(|next| next == ']') {
        return Ok((low, low));
    }
    *cursor = ahead;
    let high = character(cursor, class)?;
    if high < low {
        return Err(cursor.fault_since(start, Fault::ClassRange));
    }
    Ok((low, high))
}

fn character(cursor: &mut Cursor<'_>, class: Cursor<'_>) -> Result<char, PatternError> {
    if cursor.rest().starts_with('\\') {
        return cursor.escape();
    }
    let next = cursor.next();
    next.ok_or_else(|| cursor.fault_since(class, Fault::MissingBracket))
}
