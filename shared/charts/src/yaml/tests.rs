//! YAML as Go reads it: scalars, documents, what is refused.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What Go makes of a scalar where text is wanted.
#[track_caller]
fn check(scalar: &str, expected: &str) {
    let value = Value::read(scalar.as_bytes()).unwrap();
    let text = value.into_text().unwrap();
    assert_eq!(text.as_deref().unwrap_or("null"), expected, "{scalar}");
}

#[test]
fn plain_scalars_are_what_go_takes_them_for() {
    for (scalar, expected) in [
        ("abc", "abc"),
        ("'1.10'", "1.10"),
        ("1.10", "1.1"),
        ("1.0", "1"),
        ("1.2.3", "1.2.3"),
        ("yes", "true"),
        ("Off", "false"),
        ("n", "false"),
        ("~", "null"),
        ("\"\"", ""),
        ("010", "8"),
        ("09", "9"),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("0b101", "5"),
        ("-0b11", "-3"),
        ("1_000", "1000"),
        ("+12", "12"),
        ("--1", "--1"),
        ("+-1", "+-1"),
        ("0", "0"),
        ("00", "0"),
        ("0x", "0x"),
        ("0b", "0b"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "1.8446744e+19"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("+18446744073709551615", "1.8446744e+19"),
        ("1e5", "100000"),
        ("1e6", "1e+06"),
        ("1234567.0", "1.234567e+06"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("1.23456789", "1.2345679"),
        ("20240115.1", "2.0240116e+07"),
        (".5", "0.5"),
        ("5.", "5"),
        (".", "."),
        (".inf", "+Inf"),
        ("-.INF", "-Inf"),
        (".NaN", "NaN"),
        ("1e999", "1e999"),
        ("2024-01-15", "2024-01-15"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("12:30:45", "12:30:45"),
        ("!!str 1.10", "1.10"),
        ("!!int '12'", "12"),
        ("!!float 12", "12"),
        ("!other 12", "12"),
        ("! 010", "010"),
    ] {
        check(scalar, expected);
    }
}

#[test]
fn json_numbers_are_written_as_go_writes_them() {
    for (value, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (1.5, "1.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (1e100, "1e+100"),
        (9_007_199_254_740_993.0, "9007199254740992"),
    ] {
        assert_eq!(json_number(value).as_deref(), Some(expected), "{value}");
    }
    assert_eq!(json_number(f64::NAN), None);
}

fn map(entries: &[(&str, Value)]) -> Value {
    let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    Value::Map(entries.collect::<BTreeMap<_, _>>())
}

#[test]
fn documents_are_put_together_as_go_does() {
    let int = Value::Integer;
    let check = |text: &str, expected: Value| {
        assert_eq!(Value::read(text.as_bytes()).unwrap(), expected, "{text}");
    };
    check("", Value::Null);
    check("# nothing\n", Value::Null);
    check("a: 1\n---\nb: 2\n", map(&[("a", int(1))]));
    check("a: 1\n---\n]broken", map(&[("a", int(1))]));
    check("\u{feff}a: 1", map(&[("a", int(1))]));
    check("a: 1\na: 2\n", map(&[("a", int(2))]));
    check("1: x\ntrue: w\n1.10: z\n", {
        let text = |text: &str| Value::Text(text.to_owned());
        map(&[("1", text("x")), ("true", text("w")), ("1.1", text("z"))])
    });
    check("a: &x {b: 1}\nc: *x\n", {
        let inner = map(&[("b", int(1))]);
        map(&[("a", inner.clone()), ("c", inner)])
    });
    check("x: &x {b: 1, c: 1}\nz: {b: 2, <<: *x, c: 3}\n", {
        let inner = map(&[("b", int(1)), ("c", int(1))]);
        map(&[("x", inner), ("z", map(&[("b", int(1)), ("c", int(3))]))])
    });
    check("<<: [{a: 1}, {a: 2, b: 2}]\n", map(&[("a", int(1)), ("b", int(2))]));
    check("{\"a\": [1, null]}", map(&[("a", Value::List(vec![int(1), Value::Null]))]));
    check("a: |\n  text", map(&[("a", Value::Text("text".to_owned()))]));
}

#[test]
fn what_is_no_document_is_an_error_at_its_place() {
    let bomb = {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..40 {
            let before = level - 1;
            let nine = vec![format!("*a{before}"); 9].join(", ");
            bomb = format!("{bomb}a{level}: &a{level} [{nine}]\n");
        }
        bomb
    };
    let text_bomb = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 40].join(", "));
    let deep = "[".repeat(65) + &"]".repeat(65);
    for (text, expected) in [
        (b"a: [1".as_slice(), ", at line "),
        (b"a: *b", "at line 1, column 4"),
        (b"a: &a [*a]", "inside what it repeats, at line 1, column 8"),
        (b"[a]: 1", "a key is no text, at line 1, column 1"),
        (b"~: 1", "a key is no text"),
        (b"<<: 1", "only mappings can be merged"),
        (b"a: !!int x", "the tag does not fit this scalar"),
        (b"a: !!binary aGVsbG8=", "the tag does not fit this scalar"),
        (b"a: 1\nb: \xff", "the text is not UTF-8, at line 2, column 4"),
        (deep.as_bytes(), "nested more than 64 deep"),
        (bomb.as_bytes(), "more than 32 MiB"),
        (text_bomb.as_bytes(), "more than 32 MiB"),
    ] {
        let error = Value::read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

proptest! {
    #[test]
    fn reading_never_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Value::read(&text);
    }

    #[test]
    fn reading_what_looks_like_yaml_never_panics(text in "([a-c]|[0-9+.-]|[:?,&*!|>'\"{}\\[\\]#% \n]|<<|: |- |\n  ){0,60}") {
        if let Ok(value) = Value::read(text.as_bytes()) {
            let _ = value.into_text();
        }
    }

    /// Whole numbers and text keep what they are.
    #[test]
    fn numbers_keep_their_value(number in any::<i64>()) {
        let value = Value::read(number.to_string().as_bytes()).unwrap();
        prop_assert_eq!(value.into_text().unwrap().unwrap(), number.to_string());
    }
}
