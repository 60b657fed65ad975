//! Text from outside, made fit for a terminal and for one line.
//!
//! Tags, errors, warnings and annotations come from registries that may be hostile. What could move
//! a cursor, change a title, reverse the order of reading or hide is shown as an escape, and nothing
//! is longer than a few lines. Colours of our own are added after this, by who calls it.

use std::borrow::Cow;

/// The longest text that is shown, in characters: an error with its causes fits, a flood does not.
pub const MAX_PRINTABLE: usize = 512;

/// Stands for what was cut off.
const ELLIPSIS: char = '…';

/// Returns `text` with every control, direction and invisible character escaped, as `\n` or
/// `\u{1b}`, and cut to [`MAX_PRINTABLE`] characters.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_PRINTABLE && !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    let mut length = 0;
    // Where `shown` ends if the ellipsis has to follow: never inside an escape.
    let mut end = 0;
    for character in text.chars() {
        if length < MAX_PRINTABLE {
            end = shown.len();
        }
        if is_unsafe(character) {
            length += character.escape_default().count();
            shown.extend(character.escape_default());
        } else {
            length += 1;
            shown.push(character);
        }
        if length > MAX_PRINTABLE {
            shown.truncate(end);
            shown.push(ELLIPSIS);
            break;
        }
    }
    Cow::Owned(shown)
}

/// Returns `text` cut to [`MAX_PRINTABLE`] characters, with nothing escaped.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_PRINTABLE) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let mut shown: String = text.chars().take(MAX_PRINTABLE - 1).collect();
            shown.push(ELLIPSIS);
            Cow::Owned(shown)
        }
    }
}

/// Returns whether `character` acts on a terminal or cannot be seen on it.
pub(crate) fn is_unsafe(character: char) -> bool {
    matches!(character,
        // C0, DEL and C1: escape sequences begin with these.
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Marks, embeddings, overrides and isolates of direction (UAX #9), and line separators.
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // Of no width: two tags that look alike would differ.
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(printable(text), expected);
    }

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        check("", "");
        check("ghcr.io/foo/bar:1.0+b", "ghcr.io/foo/bar:1.0+b");
        check("größe – 漢字 ✓ \\d+", "größe – 漢字 ✓ \\d+");
        check("one\ntwo\r\n\tthree", "one\\ntwo\\r\\n\\tthree");
        check("\x1b[2J\x1b]0;title\x07", "\\u{1b}[2J\\u{1b}]0;title\\u{7}");
        check("\x7f\u{9b}31m\u{85}", "\\u{7f}\\u{9b}31m\\u{85}");
        check("1.0\u{202e}gnp", "1.0\\u{202e}gnp");
        check("\u{61c}\u{200e}\u{2066}", "\\u{61c}\\u{200e}\\u{2066}");
        check("\u{2028}\u{2029}", "\\u{2028}\\u{2029}");
        check("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}");
        check("\u{e0041}", "\\u{e0041}");
    }

    #[test]
    fn a_flood_is_cut_and_an_escape_is_not() {
        let all = "x".repeat(MAX_PRINTABLE);
        check(&all, &all);
        check(&format!("{all}y"), &format!("{}…", "x".repeat(511)));
        check(&"ä".repeat(600), &format!("{}…", "ä".repeat(511)));
        check(&format!("{}\n", "x".repeat(510)), &format!("{}\\n", "x".repeat(510)));
        check(&format!("{}\x1b", "x".repeat(508)), &format!("{}…", "x".repeat(508)));
        assert_eq!(shortened(&all), all);
        assert_eq!(shortened(&"ä".repeat(513)), format!("{}…", "ä".repeat(511)));
    }

    proptest! {
        /// Safe, short, and the same again.
        #[test]
        fn printable_text_is_safe_and_stays_as_it_is(text in any::<String>()) {
            let shown = printable(&text).into_owned();
            prop_assert!(!shown.contains(is_unsafe));
            prop_assert!(shown.chars().count() <= MAX_PRINTABLE);
            prop_assert_eq!(printable(&shown), shown.as_str());
        }
    }
}
