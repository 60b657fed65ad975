//! A decimal number as Go's `strconv.ParseFloat` reads it, compared exactly.
//!
//! Go rounds to 53 bits, so that long build numbers come out equal; here every digit counts. No
//! number is ever written out, so an exponent costs nothing however large it is.

use std::cmp::Ordering;

/// The value ±0.d₁d₂d₃… × 10^`exponent`, with d₁ ≠ 0 and no zeros at the end, so that every value
/// has one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    /// The sign of the value; `Equal` is zero, which has no digits.
    sign: Ordering,
    exponent: i64,
    digits: Vec<u8>,
}

impl Number {
    /// Reads an optional sign, digits with an optional point, an optional exponent; underscores
    /// between digits. Returns `None` for anything else, `Inf`, `NaN` and hexadecimal among it,
    /// and for what Go finds out of range: an exponent that leaves the range of a 64-bit float
    /// (towards zero nothing does). Numbers without an exponent may be as long as they like.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if !underscores_separate_digits(text) {
            return None;
        }
        let text = text.replace('_', "");
        let (negative, unsigned) = sign(&text);
        let (mantissa, scale) = match unsigned.split_once(['e', 'E']) {
            None => (unsigned, 0),
            Some((mantissa, scale)) => (mantissa, exponent(scale)?),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0 || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let scaled = mantissa.len() < unsigned.len();
        if scaled && !unsigned.parse::<f64>().is_ok_and(f64::is_finite) {
            return None;
        }
        let digits = [whole, fraction].concat();
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Self { sign: Ordering::Equal, exponent: 0, digits: Vec::new() });
        }
        let zeros = digits.len() - significant.len();
        // Both are lengths of one text in memory, far inside i64.
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()?;
        Some(Self {
            sign: if negative { Ordering::Less } else { Ordering::Greater },
            exponent: scale.saturating_add(point),
            digits: significant.trim_end_matches('0').as_bytes().to_vec(),
        })
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = || (self.exponent, &self.digits).cmp(&(other.exponent, &other.digits));
        self.sign.cmp(&other.sign).then_with(|| match self.sign {
            Ordering::Less => magnitude().reverse(),
            Ordering::Equal => Ordering::Equal,
            Ordering::Greater => magnitude(),
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Returns the exponent, held at the ends of `i64`: what is beyond them compares as equal.
fn exponent(text: &str) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !is_digits(digits) {
        return None;
    }
    Some(match digits.parse::<i64>() {
        Ok(exponent) if negative => -exponent,
        Ok(exponent) => exponent,
        Err(_) if negative => i64::MIN,
        Err(_) => i64::MAX,
    })
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn underscores_separate_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len())
        .filter(|&at| bytes[at] == b'_')
        .all(|at| at > 0 && is_digit(at - 1) && is_digit(at + 1))
}

#[cfg(test)]
mod tests;
