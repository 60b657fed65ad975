//! Reads forward through a pattern, and reads its escapes of single characters.

use super::{Fault, PatternError};

/// A place in a pattern.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'p> {
    pattern: &'p str,
    at: usize,
}

impl<'p> Cursor<'p> {
    pub(super) fn new(pattern: &'p str) -> Self {
        Self { pattern, at: 0 }
    }

    /// Returns what is still to be read.
    pub(super) fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Takes `text` if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let comes = self.rest().starts_with(text);
        if comes {
            self.at += text.len();
        }
        comes
    }

    /// Takes everything before `end` and `end` itself, and returns the former.
    pub(super) fn take_until(&mut self, end: &str) -> Option<&'p str> {
        let (before, _) = self.rest().split_once(end)?;
        self.at += before.len() + end.len();
        Some(before)
    }

    /// Takes everything that is left.
    pub(super) fn take_rest(&mut self) -> &'p str {
        let rest = self.rest();
        self.at = self.pattern.len();
        rest
    }

    /// Returns an error about what was read since `start`.
    pub(super) fn fault_since(&self, start: Self, fault: Fault) -> PatternError {
        let fragment = self.pattern[start.at..self.at].to_owned();
        PatternError::Syntax { fault, fragment, offset: start.at }
    }

    /// Takes the escape of a single character, whose `\` comes next.
    pub(super) fn escape(&mut self) -> Result<char, PatternError> {
        let start = *self;
        self.take("\\");
        let code_point = match self.next() {
            Some('a') => Some(0x07),
            Some('f') => Some(0x0c),
            Some('n') => Some(0x0a),
            Some('r') => Some(0x0d),
            Some('t') => Some(0x09),
            Some('v') => Some(0x0b),
            Some('x') => self.hexadecimal(),
            // A single digit other than 0 would be a backreference.
            Some('1'..='7') if !self.peek().is_some_and(|next| next.is_digit(8)) => None,
            Some(first @ '0'..='7') => Some(self.octal(first)),
            Some(mark) if mark.is_ascii() && !mark.is_ascii_alphanumeric() => Some(mark.into()),
            Some(_) | None => None,
        };
        let code_point = code_point.ok_or_else(|| self.fault_since(start, Fault::Escape))?;
        char::from_u32(code_point).ok_or_else(|| self.fault_since(start, Fault::Surrogate))
    }

    /// Takes up to two digits more.
    fn octal(&mut self, first: char) -> u32 {
        let mut code_point = first.to_digit(8).unwrap_or(0);
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|next| next.to_digit(8)) else { break };
            self.next();
            code_point = code_point * 8 + digit;
        }
        code_point
    }

    /// Takes two digits, or any number of them in braces.
    fn hexadecimal(&mut self) -> Option<u32> {
        if !self.take("{") {
            let high = self.next()?.to_digit(16)?;
            let low = self.next()?.to_digit(16)?;
            return Some(high * 16 + low);
        }
        let mut code_point = self.next()?.to_digit(16)?;
        loop {
            match self.next()? {
                '}' => return Some(code_point),
                digit => code_point = code_point * 16 + digit.to_digit(16)?,
            }
            if code_point > u32::from(char::MAX) {
                return None;
            }
        }
    }
}
