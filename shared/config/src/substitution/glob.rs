//! Shell patterns: `*`, `?`, `[a-z]`, `[!a-z]` and `\` before a character that is meant itself.
//!
//! Matching is linear in the text for a given pattern; nothing backtracks.

use super::expression::{End, Greed};

/// The longest pattern that is matched, in characters: the work is text times pattern, and names
/// and paths are shorter.
pub(super) const MAX_PATTERN_CHARS: usize = 1024;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Glob {
    tokens: Vec<Token>,
}

#[derive(Debug)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    Literal(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Token {
    fn matches(&self, next: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Literal(literal) => *literal == next,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&next)) != *negated
            }
        }
    }
}

impl Glob {
    /// Reads a pattern; every text is one (a `[` that nothing closes means itself). `None` for a
    /// pattern that is too long.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let pattern: Vec<char> = pattern.chars().take(MAX_PATTERN_CHARS + 1).collect();
        if pattern.len() > MAX_PATTERN_CHARS {
            return None;
        }
        let mut tokens = Vec::new();
        let mut rest = &pattern[..];
        while let [first, after @ ..] = rest {
            (tokens, rest) = {
                let (token, after) = match (first, after) {
                    ('*', _) => (Token::Any, after),
                    ('?', _) => (Token::One, after),
                    ('\\', [escaped, after @ ..]) => (Token::Literal(*escaped), after),
                    ('[', _) => class(after).unwrap_or((Token::Literal('['), after)),
                    (literal, _) => (Token::Literal(*literal), after),
                };
                tokens.push(token);
                (tokens, after)
            };
        }
        Some(Self { tokens })
    }

    /// Cuts what the pattern matches off an end of `value`.
    pub(super) fn trim(&self, value: &str, end: End, greed: Greed) -> String {
        let mut characters: Vec<char> = value.chars().collect();
        let mut tokens: Vec<&Token> = self.tokens.iter().collect();
        if end == End::Back {
            characters.reverse();
            tokens.reverse();
        }
        let cut = matched_length(&tokens, &characters, greed).unwrap_or(0);
        characters.drain(..cut);
        if end == End::Back {
            characters.reverse();
        }
        characters.into_iter().collect()
    }
}

/// Reads a class after its `[`.
fn class(after: &[char]) -> Option<(Token, &[char])> {
    let (negated, mut rest) = match after {
        ['!' | '^', rest @ ..] => (true, rest),
        _ => (false, after),
    };
    let mut ranges = Vec::new();
    loop {
        let (low, after_low) = match rest {
            // A `]` that comes first means itself.
            [']', after @ ..] if !ranges.is_empty() => {
                return Some((Token::Class { negated, ranges }, after));
            }
            ['\\', escaped, after @ ..] => (*escaped, after),
            [low, after @ ..] => (*low, after),
            [] => return None,
        };
        let (high, after_high) = match after_low {
            ['-', '\\', high, after @ ..] => (*high, after),
            ['-', high, after @ ..] if *high != ']' => (*high, after),
            _ => (low, after_low),
        };
        ranges.push((low, high));
        rest = after_high;
    }
}

/// Returns how many of `characters`, from the first, `tokens` match.
fn matched_length(tokens: &[&Token], characters: &[char], greed: Greed) -> Option<usize> {
    // Which tokens may come next; the last place is "none: it matches".
    let mut places = vec![false; tokens.len() + 1];
    places[0] = true;
    pass_any(tokens, &mut places);
    let mut matched = None;
    for length in 0..=characters.len() {
        if places[tokens.len()] {
            matched = Some(length);
            if greed == Greed::Shortest {
                break;
            }
        }
        let Some(next) = characters.get(length) else { break };
        let mut then = vec![false; tokens.len() + 1];
        for (place, token) in tokens.iter().enumerate() {
            if places[place] && token.matches(*next) {
                let stays = matches!(token, Token::Any);
                then[if stays { place } else { place + 1 }] = true;
            }
        }
        pass_any(tokens, &mut then);
        places = then;
    }
    matched
}

/// A `*` may match nothing.
fn pass_any(tokens: &[&Token], places: &mut [bool]) {
    for (place, token) in tokens.iter().enumerate() {
        if places[place] && matches!(token, Token::Any) {
            places[place + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, pattern: &str, expected: [&str; 4]) {
        let glob = Glob::parse(pattern).unwrap();
        let trimmed = [
            glob.trim(value, End::Front, Greed::Shortest),
            glob.trim(value, End::Front, Greed::Longest),
            glob.trim(value, End::Back, Greed::Shortest),
            glob.trim(value, End::Back, Greed::Longest),
        ];
        assert_eq!(trimmed, expected, "{pattern} on {value}");
    }

    /// The results are bash's.
    #[test]
    fn cuts_as_the_shell_does() {
        check("a/b/c", "*/", ["b/c", "c", "a/b/c", "a/b/c"]);
        check("a/b/c", "/*", ["a/b/c", "a/b/c", "a/b", "a"]);
        check("abc", "*", ["abc", "", "abc", ""]);
        check("abc", "", ["abc"; 4]);
        check("abc", "abc", [""; 4]);
        check("abc", "b", ["abc"; 4]);
        check("abc", "?", ["bc", "bc", "ab", "ab"]);
        check("a1b2", "[a-z][0-9]", ["b2", "b2", "a1", "a1"]);
        check("a1b2", "[!0-9]", ["1b2", "1b2", "a1b2", "a1b2"]);
        check("a1b2", "[^a-z]", ["a1b2", "a1b2", "a1b", "a1b"]);
        check("]x]", "[]]", ["x]", "x]", "]x", "]x"]);
        check("-x-", "[a-]", ["x-", "x-", "-x", "-x"]);
        check("*x*", "\\*", ["x*", "x*", "*x", "*x"]);
        check("[x[", "[", ["x[", "x[", "[x", "[x"]);
        check("v1.2.3", "v", ["1.2.3", "1.2.3", "v1.2.3", "v1.2.3"]);
        check("v1.2.3", ".*", ["v1.2.3", "v1.2.3", "v1.2", "v1"]);
        check("éaé", "?", ["aé", "aé", "éa", "éa"]);
    }

    #[test]
    fn a_long_pattern_is_refused_and_stars_are_cheap() {
        assert!(Glob::parse(&"*".repeat(MAX_PATTERN_CHARS + 1)).is_none());
        let glob = Glob::parse(&"*a".repeat(20)).unwrap();
        let value = "a".repeat(2000) + "b";
        assert_eq!(glob.trim(&value, End::Back, Greed::Longest), value);
    }
}
