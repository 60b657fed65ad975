//! Durations in Go's notation, as configs, flags and reports write them: `1h30m`, `1.5s`, `500ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration that reads and prints as Go's `time.Duration` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GoDuration(pub Duration);

/// Why a text is no duration that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// It is no duration of Go's, or a negative one.
    #[error("`{}` is no duration: numbers with a unit of ns, us, ms, s, m or h, as in 1h30m or 1.5s", text.escape_default())]
    Form {
        /// The start of the text.
        text: String,
    },
    /// It is longer than 292 years.
    #[error("`{}` is too long: {} at most", text.escape_default(), GoDuration(MAX))]
    TooLong {
        /// The start of the text.
        text: String,
    },
}

/// Go holds a duration in 63 bits of nanoseconds.
const MAX: Duration = Duration::from_nanos(i64::MAX.unsigned_abs());
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl FromStr for GoDuration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let start = || text.chars().take(80).collect();
        let invalid = || InvalidDuration::Form { text: start() };
        let mut rest = text.strip_prefix(['+']).unwrap_or(text);
        if rest == "0" || rest == "-0" {
            return Ok(Self::default());
        }
        let mut nanos = 0_u128;
        if rest.is_empty() {
            return Err(invalid());
        }
        while !rest.is_empty() {
            let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let unit_end = rest[number..]
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .map_or(rest.len(), |end| number + end);
            let unit = &rest[number..unit_end];
            let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
            nanos += scaled(&rest[..number], *scale).ok_or_else(invalid)?;
            if nanos > MAX.as_nanos() {
                return Err(InvalidDuration::TooLong { text: start() });
            }
            rest = &rest[unit_end..];
        }
        let nanos = u64::try_from(nanos).ok().ok_or_else(invalid)?;
        Ok(Self(Duration::from_nanos(nanos)))
    }
}

/// `number` (digits with at most one point) times `scale`, rounded down.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    // Nineteen digits are all that 63 bits can hold; more of a fraction is below a nanosecond.
    let fraction = &fraction[..fraction.len().min(18)];
    // So many digits that they are beyond it are too long with each unit.
    let whole = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(u64::MAX) };
    let numerator = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let denominator = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    Some(u128::from(whole).checked_mul(scale)? + numerator * scale / denominator)
}

impl fmt::Display for GoDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (unit, scale) = match nanos {
            0 => return formatter.write_str("0s"),
            1..1_000 => ("ns", 1),
            1_000..1_000_000 => ("µs", 1_000),
            1_000_000..1_000_000_000 => ("ms", 1_000_000),
            _ => ("s", 1_000_000_000),
        };
        let (seconds, minutes, hours) = match unit {
            "s" => (nanos % 60_000_000_000, nanos / 60_000_000_000 % 60, nanos / 3_600_000_000_000),
            _ => (nanos, 0, 0),
        };
        if hours > 0 {
            write!(formatter, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(formatter, "{minutes}m")?;
        }
        write!(formatter, "{}", seconds / scale)?;
        let fraction = seconds % scale;
        if fraction > 0 {
            let width = scale.ilog10() as usize;
            let digits = format!("{fraction:0width$}");
            write!(formatter, ".{}", digits.trim_end_matches('0'))?;
        }
        formatter.write_str(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let shown = text.parse::<GoDuration>().ok().map(|duration| duration.to_string());
        assert_eq!(shown.as_deref(), expected, "{text}");
    }

    #[test]
    fn reads_and_prints_as_go_does() {
        check("0", Some("0s"));
        check("90s", Some("1m30s"));
        check("1h30m", Some("1h30m0s"));
        check("1.5s", Some("1.5s"));
        check("500ms", Some("500ms"));
        check("1.5ms", Some("1.5ms"));
        check("2us", Some("2µs"));
        check("2µs", Some("2µs"));
        check("7ns", Some("7ns"));
        check("48h", Some("48h0m0s"));
        check("47h13m11s", Some("47h13m11s"));
        check(".5s", Some("500ms"));
        check("1.s", Some("1s"));
        check("+5m", Some("5m0s"));
        check("1m1m", Some("2m0s"));
        check("0.3333333333333333333333s", Some("333.333333ms"));
        for bad in
            ["", "5", "1d", "s", ".s", "1..5s", "-1s", "1 s", "1h ", "9999999999999h", "1e3s", "١s"]
        {
            check(bad, None);
        }
    }
}
