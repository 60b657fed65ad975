//! Lines of the `--verbose` log: local time, message, fields, as Go's `log/slog` writes text.

use std::fmt::{Display, Write as _};

use jiff::Zoned;

use crate::printable::{is_unsafe, printable, shortened};

/// A line of the log.
#[derive(Debug)]
pub(crate) struct LogLine(String);

impl LogLine {
    /// Begins a line.
    pub(crate) fn new(at: &Zoned, message: &str) -> Self {
        Self(format!("{} {}", at.strftime("%Y/%m/%d %H:%M:%S"), printable(message)))
    }

    /// Adds a field.
    pub(crate) fn with(mut self, key: &str, value: impl Display) -> Self {
        self.0.push(' ');
        self.0.push_str(key);
        self.0.push('=');
        push_value(&mut self.0, &shortened(&value.to_string()));
        self
    }

    /// Adds a field, where there is a value.
    pub(crate) fn with_some(self, key: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Ends the line.
    pub(crate) fn end(self) -> String {
        self.0 + "\n"
    }
}

/// Writes a value, quoted where it would otherwise not read back as one.
fn push_value(line: &mut String, value: &str) {
    let quoted = value.is_empty()
        || value.contains(|character: char| {
            character.is_whitespace() || matches!(character, '"' | '=') || is_unsafe(character)
        });
    if !quoted {
        line.push_str(value);
        return;
    }
    line.push('"');
    for character in value.chars() {
        push_quoted(line, character);
    }
    line.push('"');
}

/// Writes one character as Go's `strconv.Quote` does.
fn push_quoted(line: &mut String, character: char) {
    match character {
        '"' | '\\' => line.extend(['\\', character]),
        '\x07' => line.push_str("\\a"),
        '\x08' => line.push_str("\\b"),
        '\t' => line.push_str("\\t"),
        '\n' => line.push_str("\\n"),
        '\x0b' => line.push_str("\\v"),
        '\x0c' => line.push_str("\\f"),
        '\r' => line.push_str("\\r"),
        _ if !is_unsafe(character) => line.push(character),
        _ => push_code(line, u32::from(character)),
    }
}

/// Writes a code point as a Go escape: `\x1b`, `\u202e`, `\U000e0041`.
fn push_code(line: &mut String, code: u32) {
    let written = match code {
        0..0x80 => write!(line, "\\x{code:02x}"),
        0x80..0x1_0000 => write!(line, "\\u{code:04x}"),
        _ => write!(line, "\\U{code:08x}"),
    };
    // Writing to a `String` has no way to fail.
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;

    fn at() -> Zoned {
        date(2026, 5, 13).at(9, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap()
    }

    #[track_caller]
    fn check(value: &str, expected: &str) {
        let line = LogLine::new(&at(), "m").with("k", value).end();
        assert_eq!(line, format!("2026/05/13 09:00:00 m k={expected}\n"));
    }

    #[test]
    fn values_are_quoted_as_slog_does() {
        check("ghcr.io/foo/bar:1.0", "ghcr.io/foo/bar:1.0");
        check("812ms", "812ms");
        check(r"a\d", r"a\d");
        check("größe", "größe");
        check("", r#""""#);
        check("a b", r#""a b""#);
        check("a=b", r#""a=b""#);
        check(r#"say "x\y""#, r#""say \"x\\y\"""#);
        check("one\ntwo\t", r#""one\ntwo\t""#);
        check("\x1b[2J\x07", r#""\x1b[2J\a""#);
        check("\u{9b}1m", r#""\u009b1m""#);
        check("1\u{202e}2", r#""1\u202e2""#);
        check("\u{e0041}", r#""\U000e0041""#);
        check("a\u{a0}b", "\"a\u{a0}b\"");
        check(&"x".repeat(600), &format!("{}…", "x".repeat(511)));
    }

    #[test]
    fn a_line_has_local_time_message_and_fields() {
        let line = LogLine::new(&at(), "tag\ndone").with("a", 1).with_some("b", None::<u8>);
        let line = line.with_some("c", Some(2)).end();
        assert_eq!(line, "2026/05/13 09:00:00 tag\\ndone a=1 c=2\n");
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let line = LogLine::new(&at().with_time_zone(zone), "m").end();
        assert_eq!(line, "2026/05/13 11:00:00 m\n");
    }
}
