//! Numbers as Go writes them.

/// The largest power of ten that Go's `%g` writes out where it chooses the digits itself.
const GENERAL_EXPONENTS: std::ops::Range<i32> = -4..6;
/// The numbers that Go's JSON writes without an exponent.
const PLAIN_JSON: std::ops::Range<f64> = 1e-6..1e21;

/// Writes a number as `sigs.k8s.io/yaml` does where text is wanted: with the fewest digits that a
/// 32-bit float needs, whatever was written, and with an exponent from a million on.
pub(crate) fn short(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "Go rounds to 32 bits here too")]
    let value = value as f32;
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent = exponent.parse::<i32>().unwrap_or_default();
    if GENERAL_EXPONENTS.contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Writes a number as Go's `encoding/json` does; there is no JSON for what is not finite.
pub(crate) fn json_number(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    if value == 0.0 || PLAIN_JSON.contains(&value.abs()) {
        return Some(value.to_string());
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e')?;
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    Some(format!("{mantissa}e{sign}{exponent}"))
}

/// A number as the key of a mapping, which Go takes from YAML's own notation.
pub(crate) fn key(value: f64) -> String {
    match short(value).as_str() {
        "NaN" => ".nan".to_owned(),
        "+Inf" => ".inf".to_owned(),
        "-Inf" => "-.inf".to_owned(),
        number => number.to_owned(),
    }
}
