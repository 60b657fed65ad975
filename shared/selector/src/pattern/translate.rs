//! Reads a pattern by Go's grammar (`regexp/syntax`, flags `Perl`) and writes it for the engine.
//!
//! Flags are resolved here: each atom is written with those that hold for it, so that none has to
//! reach from one to the next. Groups lose their names, which the engine wants unique and Go does
//! not; they are returned beside the text. Characters and sets are the siblings' business.

use super::{Fault, PatternError, class, cursor::Cursor};

/// The highest count of a repetition, nested counts multiplied; Go's own bound.
const MAX_REPEAT: u32 = 1000;

/// How many groups and repetitions may stand inside each other. Go takes 1000 levels, the engine
/// [250](super::MAX_ENGINE_DEPTH), and one of ours costs it up to three.
const MAX_DEPTH: u32 = 80;

/// A pattern written for the engine.
pub(super) struct Translation {
    pub(super) text: String,
    /// The name, where it has one, of each capturing group; the first is the whole match.
    pub(super) groups: Vec<Option<String>>,
}

/// Translates `pattern`.
pub(super) fn translate(pattern: &str) -> Result<Translation, PatternError> {
    let mut translator = Translator::new(pattern);
    while !translator.cursor.rest().is_empty() {
        translator.step()?;
    }
    translator.finish()
}

struct Translator<'p> {
    cursor: Cursor<'p>,
    flags: Flags,
    /// The groups that are open, outermost first, below `level`.
    outer: Vec<Level<'p>>,
    /// What is being written.
    level: Level<'p>,
    groups: Vec<Option<String>>,
    /// Whether the last step was a repetition.
    has_repeated: bool,
}

/// What is inside one pair of parentheses, or outside them all.
struct Level<'p> {
    /// Where the parenthesis stands.
    start: Cursor<'p>,
    /// What opens it for the engine.
    opening: &'static str,
    /// The flags outside.
    flags: Flags,
    /// Everything before `last`.
    text: String,
    /// What a repetition would repeat; nothing after a `|`.
    last: Option<Piece>,
    /// The highest `repeat` and `depth` of what is in `text`.
    repeat: u32,
    depth: u32,
}

/// Something that can be repeated.
struct Piece {
    text: String,
    /// Whether an operator behind `text` means all of it.
    is_closed: bool,
    /// The highest product of nested counts.
    repeat: u32,
    /// How many groups and repetitions are inside each other.
    depth: u32,
}

/// How often something is repeated; no `max` is no end.
#[derive(Clone, Copy)]
struct Count {
    min: u32,
    max: Option<u32>,
}

impl<'p> Translator<'p> {
    fn new(pattern: &'p str) -> Self {
        let cursor = Cursor::new(pattern);
        Self {
            cursor,
            flags: Flags::default(),
            outer: Vec::new(),
            level: Level::open("", cursor, Flags::default()),
            groups: vec![None],
            has_repeated: false,
        }
    }

    /// Takes one token.
    fn step(&mut self) -> Result<(), PatternError> {
        let start = self.cursor;
        let has_repeated = std::mem::take(&mut self.has_repeated);
        match self.cursor.peek() {
            Some('\\') => return self.escape(),
            Some('[') => {
                let set = class::bracketed(&mut self.cursor)?;
                self.push_set(set);
                return Ok(());
            }
            Some('{') => match self.counts() {
                Some(count) => return self.repeat_counted(count, start, has_repeated),
                None => {
                    self.cursor.next();
                    self.push_literal('{');
                }
            },
            Some(operator @ ('*' | '+' | '?')) => {
                self.cursor.next();
                return self.repeat(&operator.to_string(), start, has_repeated);
            }
            Some('(') => return self.open(),
            Some(')') => return self.close(),
            Some('|') => {
                self.cursor.next();
                self.level.flush();
                self.level.text.push('|');
            }
            Some('^') => self.push_mark(Flags::MULTI_LINE, "(?m:^)", r"\A"),
            Some('$') => self.push_mark(Flags::MULTI_LINE, "(?m:$)", r"\z"),
            Some('.') => self.push_mark(Flags::DOT_NEWLINE, "(?s:.)", "."),
            Some(character) => {
                self.cursor.next();
                self.push_literal(character);
            }
            None => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Translation, PatternError> {
        if !self.outer.is_empty() {
            self.cursor.take_rest();
            return Err(self.cursor.fault_since(self.level.start, Fault::MissingParenthesis));
        }
        self.level.flush();
        Ok(Translation { text: self.level.text, groups: self.groups })
    }

    /// Takes what a `\` begins.
    fn escape(&mut self) -> Result<(), PatternError> {
        const ASSERTIONS: [(&str, &str); 4] =
            [(r"\A", r"\A"), (r"\z", r"\z"), (r"\b", r"(?-u:\b)"), (r"\B", r"(?-u:\B)")];
        let cursor = &mut self.cursor;
        if let Some((_, assertion)) = ASSERTIONS.iter().find(|(escape, _)| cursor.take(escape)) {
            self.level.push(Piece::closed(*assertion));
        } else if cursor.take(r"\Q") {
            let quoted = cursor.take_until(r"\E").unwrap_or_else(|| cursor.take_rest());
            quoted.chars().for_each(|character| self.push_literal(character));
        } else if let Some(set) = class::escaped(cursor)? {
            self.push_set(set);
        } else {
            let character = cursor.escape()?;
            self.push_literal(character);
        }
        Ok(())
    }

    fn push_literal(&mut self, character: char) {
        let text = regex_syntax::escape(character.encode_utf8(&mut [0; 4]));
        let folds = self.flags.has(Flags::FOLD) && character.is_alphabetic();
        self.level.push(Piece::closed(if folds { format!("(?i:{text})") } else { text }));
    }

    fn push_set(&mut self, set: String) {
        let set = if self.flags.has(Flags::FOLD) { format!("(?i:{set})") } else { set };
        self.level.push(Piece::closed(set));
    }

    /// Takes one character, which is written one way or the other.
    fn push_mark(&mut self, flag: u8, with: &str, without: &str) {
        self.cursor.next();
        self.level.push(Piece::closed(if self.flags.has(flag) { with } else { without }));
    }

    /// Takes `{n}`, `{n,}` or `{n,m}`, if that comes next; anything else is text.
    fn counts(&mut self) -> Option<Count> {
        let mut ahead = self.cursor;
        ahead.take("{");
        let body = ahead.take_until("}")?;
        let number = |digits: &str| {
            let is_number = !digits.is_empty()
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && (digits == "0" || !digits.starts_with('0'));
            // One that no integer holds is over any bound.
            is_number.then(|| digits.parse().unwrap_or(u32::MAX))
        };
        let count = match body.split_once(',') {
            None => number(body).map(|count| Count { min: count, max: Some(count) }),
            Some((min, "")) => number(min).map(|min| Count { min, max: None }),
            Some((min, max)) => {
                number(min).zip(number(max)).map(|(min, max)| Count { min, max: Some(max) })
            }
        }?;
        self.cursor = ahead;
        Some(count)
    }

    fn repeat_counted(
        &mut self,
        count: Count,
        start: Cursor<'p>,
        has_repeated: bool,
    ) -> Result<(), PatternError> {
        let Count { min, max } = count;
        if min.max(max.unwrap_or(0)) > MAX_REPEAT || max.is_some_and(|max| min > max) {
            return Err(self.cursor.fault_since(start, Fault::RepeatCount));
        }
        let operator = match max {
            None => format!("{{{min},}}"),
            Some(max) => format!("{{{min},{max}}}"),
        };
        self.repeat(&operator, start, has_repeated)?;
        if let Some(last) = &mut self.level.last {
            last.repeat = match max {
                // What is never there is not counted.
                Some(0) => 1,
                Some(times) => last.repeat * times,
                None => last.repeat * min.max(1),
            };
            if last.repeat > MAX_REPEAT {
                return Err(self.cursor.fault_since(start, Fault::RepeatCount));
            }
        }
        Ok(())
    }

    /// Repeats what was written last, which an empty quotation or flags may have followed.
    fn repeat(
        &mut self,
        operator: &str,
        start: Cursor<'p>,
        has_repeated: bool,
    ) -> Result<(), PatternError> {
        let is_lazy = self.cursor.take("?") != self.flags.has(Flags::LAZY);
        if has_repeated {
            return Err(self.cursor.fault_since(start, Fault::RepeatedRepeat));
        }
        let Some(piece) = self.level.last.take() else {
            return Err(self.cursor.fault_since(start, Fault::NothingToRepeat));
        };
        self.check_depth(piece.depth, start)?;
        let inner = if piece.is_closed { piece.text } else { format!("(?:{})", piece.text) };
        let lazy = if is_lazy { "?" } else { "" };
        self.level.last = Some(Piece {
            text: format!("{inner}{operator}{lazy}"),
            is_closed: false,
            repeat: piece.repeat,
            depth: piece.depth + 1,
        });
        self.has_repeated = true;
        Ok(())
    }

    /// Takes what a `(` begins: a group, or flags for the rest of this one.
    fn open(&mut self) -> Result<(), PatternError> {
        let start = self.cursor;
        self.cursor.take("(");
        let outside = self.flags;
        let opening = if self.cursor.take("?P<") || self.cursor.take("?<") {
            let is_name = |name: &&str| {
                let belongs = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                !name.is_empty() && name.bytes().all(belongs)
            };
            let Some(name) = self.cursor.take_until(">").filter(is_name) else {
                return Err(self.cursor.fault_since(start, Fault::GroupName));
            };
            self.groups.push(Some(name.to_owned()));
            "("
        } else if self.cursor.take("?") {
            let (flags, end) = self.flags.read(&mut self.cursor, start)?;
            self.flags = flags;
            if end == FlagsEnd::Parenthesis {
                return Ok(());
            }
            "(?:"
        } else {
            self.groups.push(None);
            "("
        };
        let level = Level::open(opening, start, outside);
        self.outer.push(std::mem::replace(&mut self.level, level));
        self.check_depth(u32::try_from(self.outer.len()).unwrap_or(u32::MAX) - 1, start)
    }

    fn close(&mut self) -> Result<(), PatternError> {
        let start = self.cursor;
        self.cursor.take(")");
        let Some(outer) = self.outer.pop() else {
            return Err(self.cursor.fault_since(start, Fault::UnexpectedParenthesis));
        };
        let mut inner = std::mem::replace(&mut self.level, outer);
        inner.flush();
        self.check_depth(inner.depth, start)?;
        self.flags = inner.flags;
        self.level.push(Piece {
            text: format!("{}{})", inner.opening, inner.text),
            is_closed: true,
            repeat: inner.repeat,
            depth: inner.depth + 1,
        });
        Ok(())
    }

    /// Refuses one more level around `depth` of them, where that is one too many.
    fn check_depth(&self, depth: u32, start: Cursor<'p>) -> Result<(), PatternError> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        Err(self.cursor.fault_since(start, Fault::Nesting))
    }
}

impl<'p> Level<'p> {
    fn open(opening: &'static str, start: Cursor<'p>, flags: Flags) -> Self {
        Self { start, opening, flags, text: String::new(), last: None, repeat: 1, depth: 0 }
    }

    fn push(&mut self, piece: Piece) {
        self.flush();
        self.last = Some(piece);
    }

    fn flush(&mut self) {
        if let Some(piece) = self.last.take() {
            self.text.push_str(&piece.text);
            self.repeat = self.repeat.max(piece.repeat);
            self.depth = self.depth.max(piece.depth);
        }
    }
}

impl Piece {
    fn closed(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_closed: true, repeat: 1, depth: 0 }
    }
}

/// The flags that hold, a bit each.
#[derive(Clone, Copy, Default)]
struct Flags(u8);

/// What ends a list of flags.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FlagsEnd {
    /// `:`, which begins a group.
    Colon,
    /// `)`.
    Parenthesis,
}

impl Flags {
    /// `(?i)`: letters match in either case.
    const FOLD: u8 = 1;
    /// `(?m)`: `^` and `$` match at lines.
    const MULTI_LINE: u8 = 2;
    /// `(?s)`: `.` matches a newline.
    const DOT_NEWLINE: u8 = 4;
    /// `(?U)`: repetitions take as little as they can, and with a `?` as much.
    const LAZY: u8 = 8;

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// Takes flags and what ends them; returns what holds from there on.
    fn read(
        self,
        cursor: &mut Cursor<'_>,
        start: Cursor<'_>,
    ) -> Result<(Self, FlagsEnd), PatternError> {
        let mut flags = self.0;
        let mut is_negated = false;
        let mut is_complete = true;
        loop {
            let flag = match cursor.next() {
                Some('i') => Self::FOLD,
                Some('m') => Self::MULTI_LINE,
                Some('s') => Self::DOT_NEWLINE,
                Some('U') => Self::LAZY,
                Some('-') if !is_negated => {
                    is_negated = true;
                    is_complete = false;
                    continue;
                }
                Some(':') if is_complete => return Ok((Self(flags), FlagsEnd::Colon)),
                Some(')') if is_complete => return Ok((Self(flags), FlagsEnd::Parenthesis)),
                Some(_) | None => return Err(cursor.fault_since(start, Fault::Group)),
            };
            is_complete = true;
            flags = if is_negated { flags & !flag } else { flags | flag };
        }
    }
}
