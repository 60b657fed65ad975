//! What a scalar is, by its text: the rules of YAML 1.1 as Go's `yaml.v2` follows them.

use super::Value;

/// A tag that YAML itself defines and that changes what a scalar is; others mean nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Text,
    Bool,
    Integer,
    Float,
    Null,
    Binary,
}

/// Returns what a plain scalar is.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        _ => number(text).unwrap_or_else(|| Value::Text(text.to_owned())),
    }
}

/// Returns what a scalar with one of YAML's own tags is; `None` where its text is none of that kind.
pub(super) fn resolve_as(tag: Tag, text: &str) -> Option<Value> {
    let value = resolve(text);
    match (tag, value) {
        (Tag::Text, _) => Some(Value::Text(text.to_owned())),
        (Tag::Bool, value @ Value::Bool(_))
        | (Tag::Integer, value @ Value::Integer(_))
        | (Tag::Float, value @ Value::Float(_))
        | (Tag::Null, value @ Value::Null) => Some(value),
        #[expect(clippy::cast_precision_loss, reason = "as Go does")]
        (Tag::Float, Value::Integer(value)) => Some(Value::Float(value as f64)),
        // Bytes that are not text have no place in a chart's metadata.
        (Tag::Bool | Tag::Integer | Tag::Float | Tag::Null | Tag::Binary, _) => None,
    }
}

/// Reads a number. Dates begin like one, and stay text.
fn number(text: &str) -> Option<Value> {
    match text.bytes().next()? {
        b'0'..=b'9' | b'+' | b'-' => {
            let digits = text.replace('_', "");
            integer(&digits).map(Value::Integer).or_else(|| float(&digits).map(Value::Float))
        }
        b'.' => float(text).map(Value::Float),
        _ => None,
    }
}

/// Reads a whole number as Go's `ParseInt` does with base 0, and up to 64 bits without a sign.
fn integer(text: &str) -> Option<i128> {
    let (is_signed, is_negative, digits) = match text.split_at_checked(1) {
        Some(("+", rest)) => (true, false, rest),
        Some(("-", rest)) => (true, true, rest),
        _ => (false, false, text),
    };
    let prefix = digits.get(..2).filter(|_| digits.len() > 2).map(str::to_ascii_lowercase);
    let (base, digits) = match (prefix.as_deref(), digits.strip_prefix('0')) {
        (Some("0x"), _) => (16, &digits[2..]),
        (Some("0o"), _) => (8, &digits[2..]),
        (Some("0b"), _) => (2, &digits[2..]),
        (_, Some("")) => return Some(0),
        (_, Some(rest)) => (8, rest),
        (_, None) => (10, digits),
    };
    // `from_str_radix` would take a second sign.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, base).ok()?);
    let value = if is_negative { -magnitude } else { magnitude };
    let fits = i64::try_from(value).is_ok() || (!is_signed && u64::try_from(value).is_ok());
    fits.then_some(value)
}

/// Reads a decimal number: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`. One that a 64-bit
/// float cannot hold is text.
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = match mantissa.split_once('.') {
        Some((whole, part)) => {
            is_digits(whole) && is_digits(part) && !(whole.is_empty() && part.is_empty())
        }
        None => !mantissa.is_empty() && is_digits(mantissa),
    };
    let is_exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && is_digits(exponent)
    });
    let value = (is_number && is_exponent).then(|| text.parse::<f64>().ok()).flatten()?;
    value.is_finite().then_some(value)
}
