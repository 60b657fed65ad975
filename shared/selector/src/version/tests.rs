//! What is read as a version, as Masterminds reads it, and how versions are ordered.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, parts: Option<(u64, u64, u64, &str)>) {
    let version = Version::parse(text);
    let found = version
        .as_ref()
        .map(|version| (version.major(), version.minor(), version.patch(), version.prerelease()));
    assert_eq!(found, parts, "`{text}`");
    assert!(version.is_none_or(|version| version.text() == text && version.to_string() == text));
}

#[test]
fn missing_parts_are_zero_and_leading_zeros_do_not_matter() {
    check("1", Some((1, 0, 0, "")));
    check("1.2", Some((1, 2, 0, "")));
    check("1.2.3", Some((1, 2, 3, "")));
    check("v1.2.3", Some((1, 2, 3, "")));
    check("v1", Some((1, 0, 0, "")));
    check("01.002.0003", Some((1, 2, 3, "")));
    check("2024.01.31", Some((2024, 1, 31, "")));
    check("1-rc.1", Some((1, 0, 0, "rc.1")));
    check("1.2-rc.1+b", Some((1, 2, 0, "rc.1")));
    check("1.2.3-0", Some((1, 2, 3, "0")));
    check("1.2.3--", Some((1, 2, 3, "-")));
    check("1.2.3-a-b.c", Some((1, 2, 3, "a-b.c")));
    check("1.2.3+001.a-b", Some((1, 2, 3, "")));
    check("1+b", Some((1, 0, 0, "")));
    check("18446744073709551615.0.0", Some((u64::MAX, 0, 0, "")));
    check("00000000000000000000001", Some((1, 0, 0, "")));
}

#[test]
fn anything_else_is_no_version() {
    for text in [
        "",
        "v",
        "V1",
        "vv1",
        "latest",
        "1.",
        ".1",
        "1..2",
        "1.2.3.4",
        "1.2.x",
        "-1",
        "+1",
        "1.+2",
        "1.2.3-",
        "1.2.3+",
        "1.2.3-a..b",
        "1.2.3-01",
        "1.2.3-rc.01",
        "1.2.3-a_b",
        "1.2.3+a_b",
        "1.2.3+a+b",
        " 1",
        "1 ",
        "1.2.3_b",
        "18446744073709551616",
        "1.2.3-é",
        "١",
    ] {
        check(text, None);
    }
    let long = |length: usize| format!("1.0.0-{}", "a".repeat(length - 6));
    assert!(Version::parse(&long(256)).is_some());
    check(&long(257), None);
}

#[test]
fn precedence_is_that_of_semantic_versioning() {
    let ascending = "0.0.0-0 0.0.0 0.9 1.0.0-0 1.0.0-1 1.0.0-2 1.0.0-10 1.0.0-18446744073709551616 \
        1.0.0-28446744073709551616 1.0.0-A 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta \
        1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.1 1.2.0 1.10.0 2 10";
    let versions: Vec<Version> =
        ascending.split_whitespace().map(|text| Version::parse(text).unwrap()).collect();
    for (left, right) in versions.iter().zip(&versions[1..]) {
        assert!(left < right, "{left} < {right}");
    }
    for (left, right) in [("v1.0", "1.0.0+b"), ("1.0.0+a", "1.0.0+b"), ("01-rc", "1.0.0-rc+x")] {
        assert_eq!(Version::parse(left), Version::parse(right));
    }
}

fn versions() -> impl Strategy<Value = Version> {
    let text = "v?[0-2](\\.[0-2]){0,2}(-[0-2ab]{1,2}(\\.[0-2ab]){0,2})?(\\+[ab])?";
    text.prop_filter_map("a zero in front", |text| Version::parse(&text))
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), near in "[v0-9.+a-]{0,12}") {
        Version::parse(&text);
        Version::parse(&near);
    }

    #[test]
    fn the_order_is_total(a in versions(), b in versions(), c in versions()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
        prop_assert!(!(a <= b && b <= c) || a <= c);
        prop_assert!(a != b || a.cmp(&c) == b.cmp(&c));
    }
}
