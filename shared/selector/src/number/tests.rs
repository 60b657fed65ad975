//! What is read as a number, as `strconv.ParseFloat` reads it, and how numbers are ordered.

use proptest::prelude::*;

use super::*;

#[test]
fn decimal_numbers_are_read() {
    for text in [
        "0",
        "-0",
        "+1",
        "-1",
        "007",
        "1.5",
        ".5",
        "5.",
        "1e3",
        "1E3",
        "1e+3",
        "1e-3",
        "1.5e3",
        "5.e3",
        ".5e3",
        "1_000",
        "1_0.0_1e1_0",
        "0_1",
        "1e308",
        "1e-400",
        "1e-999999999",
        "1e-99999999999999999999",
        "0e0",
        "17976931348623157e292",
    ] {
        assert!(Number::parse(text).is_some(), "{text}");
    }
    assert!(Number::parse(&"9".repeat(400)).is_some(), "integers may be of any size");
}

#[test]
fn anything_else_is_no_number() {
    for text in [
        "",
        "+",
        "-",
        ".",
        "-.",
        "e1",
        ".e1",
        "1e",
        "1e+",
        "1e1.5",
        "1e1e1",
        "1.2.3",
        "--1",
        "+-1",
        " 1",
        "1 ",
        "1,5",
        "0x10",
        "0x1p4",
        "0X1P-2",
        "0b1",
        "0o7",
        "1p4",
        "inf",
        "Inf",
        "+Inf",
        "-inf",
        "infinity",
        "nan",
        "NaN",
        "_1",
        "1_",
        "1__0",
        "1_.5",
        "1._5",
        "1_e5",
        "1e_5",
        "1e5_",
        "-_1",
        "v1",
        "latest",
        "1a",
        "１",
        "٣",
        "1e309",
        "-1e309",
        "1e999999999",
        "0.1e99999999999999999999",
        "17976931348623159e292",
    ] {
        assert_eq!(Number::parse(text), None, "{text}");
    }
}

#[test]
fn numbers_are_ordered_by_value_to_the_last_digit() {
    let ascending = "-1e308 -20 -3 -1.5 -1.25 -1 -0.5 -1e-999999999 0 1e-999999999 1e-400 0.05 \
        0.5 0.50000000000000000000001 1 1.05 1.5 2 10 99 1e2 101 9007199254740992 \
        9007199254740993 9007199254740993.5 1e100";
    let numbers: Vec<Number> =
        ascending.split_whitespace().map(|text| Number::parse(text).unwrap()).collect();
    for (index, left) in numbers.iter().enumerate() {
        for right in &numbers[index + 1..] {
            assert!(left < right, "{left:?} < {right:?}");
        }
    }
    let zero = "0 -0 +0 0.000 .0 0e5 0e-5 0_0";
    let thousand = "1000 1_000 +1000 01000 1000.0 1e3 1E+3 0.1e4 .001e6 10000e-1 100_0.00e0";
    for equal in [zero, thousand] {
        let mut numbers = equal.split_whitespace().map(|text| Number::parse(text).unwrap());
        let first = numbers.next().unwrap();
        assert!(numbers.all(|number| number == first && number.cmp(&first).is_eq()));
    }
}

fn numbers() -> impl Strategy<Value = String> {
    "[+-]?[0-2]{1,3}(\\.[0-2]{0,3})?([eE][+-]?[0-3])?"
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), near in "[+_.eE0-9-]{0,12}") {
        Number::parse(&text);
        Number::parse(&near);
    }

    /// As these have few digits, a float holds them well enough to tell which is larger.
    #[test]
    fn the_order_is_that_of_the_values(a in numbers(), b in numbers()) {
        let (left, right) = (Number::parse(&a).unwrap(), Number::parse(&b).unwrap());
        let floats: (f64, f64) = (a.parse().unwrap(), b.parse().unwrap());
        prop_assert_eq!(Some(left.cmp(&right)), floats.0.partial_cmp(&floats.1));
        prop_assert_eq!(left == right, left.cmp(&right).is_eq());
    }

    #[test]
    fn integers_of_any_size_compare_exactly(a in any::<i128>(), b in any::<i128>()) {
        let number = |value: i128| Number::parse(&value.to_string()).unwrap();
        prop_assert_eq!(number(a).cmp(&number(b)), a.cmp(&b));
        prop_assert_eq!(number(a).cmp(&number(a.saturating_add(1))), a.cmp(&a.saturating_add(1)));
    }
}
