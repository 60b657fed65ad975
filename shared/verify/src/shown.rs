//! Text from a certificate, a bundle or a library, made fit for one line.
//!
//! Subjects and issuers are ASCII by their standards (rfc822Name and URI are `IA5String`, RFC 5280), so
//! whatever is not, control and direction characters with it, is shown as an escape.

/// The longest text that is shown, in characters: a GitHub workflow's identity has about 120.
const MAX_SHOWN: usize = 256;

/// Returns `text` with all but printable ASCII escaped, cut after 256 characters.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut length = 0;
    for character in text.chars() {
        let is_plain = character == ' ' || character.is_ascii_graphic();
        length += if is_plain { 1 } else { character.escape_default().count() };
        if length > MAX_SHOWN {
            shown.push_str("...");
            break;
        }
        if is_plain {
            shown.push(character);
        } else {
            shown.extend(character.escape_default());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_a_flood_is_cut() {
        assert_eq!(shown("o'brien@example.test"), "o'brien@example.test");
        assert_eq!(shown("a\x1b[2Jb\nc\u{202e}d\u{200b}"), "a\\u{1b}[2Jb\\nc\\u{202e}d\\u{200b}");
        assert_eq!(shown(&"x".repeat(256)), "x".repeat(256));
        assert_eq!(shown(&"x".repeat(1 << 20)), format!("{}...", "x".repeat(256)));
        assert_eq!(shown(&"\n".repeat(200)), format!("{}...", "\\n".repeat(128)));
    }
}
