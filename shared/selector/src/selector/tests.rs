//! What is selected of which tags, and the laws of selecting.

use proptest::prelude::*;

use super::*;
use crate::RegexSpec;

/// One row: what the repository has, what the entry asks, what is selected.
#[track_caller]
fn check(tags: &str, spec: &SelectorSpec, expected: &str) {
    let selector = Selector::compile(spec.clone()).unwrap();
    let tags: Vec<&str> = tags.split_whitespace().collect();
    let selected: Vec<&str> = selector.select(&tags).into_iter().copied().collect();
    assert_eq!(selected.join(" "), expected, "{spec:?} of {tags:?}");
}

fn all() -> SelectorSpec {
    SelectorSpec::default()
}

fn by(sort_by: SortBy) -> SelectorSpec {
    SelectorSpec { sort_by, ..all() }
}

fn semver(constraint: &str) -> SelectorSpec {
    SelectorSpec { semver: Some(constraint.to_owned()), ..all() }
}

fn regex(pattern: &str, extract: Option<&str>, sort_by: SortBy) -> SelectorSpec {
    let extract = extract.map(str::to_owned);
    SelectorSpec { regex: Some(RegexSpec { pattern: pattern.to_owned(), extract }), ..by(sort_by) }
}

#[test]
fn tags_are_sorted_highest_first() {
    check("1.0.0 1.2.0 1.1.0 latest", &all(), "1.2.0 1.1.0 1.0.0");
    check("1.9.0 1.10.0 v1.9.1", &all(), "1.10.0 v1.9.1 1.9.0");
    check("1.0.0 2.0.0-rc.1", &all(), "2.0.0-rc.1 1.0.0");
    check("latest main 10 9", &by(SortBy::Alphabetical), "main latest 9 10");
    check("a B é z", &by(SortBy::Alphabetical), "é z a B");
    check("9 10 x 1e2 0x10 Inf NaN -1 1_0", &by(SortBy::Numerical), "1e2 10 1_0 9 -1");
    check("20240131 20240201", &by(SortBy::Numerical), "20240201 20240131");
    check("", &all(), "");
}

#[test]
fn tags_with_equal_keys_keep_their_order() {
    check("v1.0.0 1.0.0+b 1.0", &all(), "v1.0.0 1.0.0+b 1.0");
    check("1.0 1.0.0+b v1.0.0", &all(), "1.0 1.0.0+b v1.0.0");
    check("1 2 1.0 1e0", &by(SortBy::Numerical), "2 1 1.0 1e0");
    check("b-1 a-1 c-2", &regex(r"-(\d)$", Some("$1"), SortBy::Numerical), "c-2 b-1 a-1");
    check("1.0 1.0", &all(), "1.0 1.0");
}

#[test]
fn a_constraint_applies_whatever_the_order() {
    check("2.40.0 2.41.0 3.0.0 1.99.0", &semver(">=2.40.0, <3.0.0"), "2.41.0 2.40.0");
    check("1.0.0 2.0.0-rc.1 latest", &semver("*"), "1.0.0");
    check("1.0.0 2.0.0-rc.1", &semver("*-0"), "2.0.0-rc.1 1.0.0");
    let spec = SelectorSpec { sort_by: SortBy::Alphabetical, ..semver("1.x") };
    check("1.9.0 1.10.0 2.0.0 latest", &spec, "1.9.0 1.10.0");
    let spec = SelectorSpec { sort_by: SortBy::Numerical, ..semver("1.x") };
    check("1.9 1.10 1.2.3 2", &spec, "1.9 1.10");
}

#[test]
fn a_pattern_drops_and_its_template_makes_the_key() {
    check("latest latest-arm", &regex("^latest$", None, SortBy::Alphabetical), "latest");
    check("1.0.0 1.1.0-arm", &regex("arm", None, SortBy::Semver), "1.1.0-arm");
    let build = regex(r"-(\d+)$", Some("$1"), SortBy::Numerical);
    check("main-a1-7 main-b2-9 dev main-c3-10", &build, "main-c3-10 main-b2-9 main-a1-7");
    let version = regex("^app-(?P<v>.+)$", Some("$v"), SortBy::Semver);
    check("app-1.0.0 app-2.0.0 1.5.0 app-x", &version, "app-2.0.0 app-1.0.0");
    let spec = SelectorSpec { semver: Some("<2".to_owned()), ..version };
    check("app-1.0.0 app-2.0.0 1.5.0", &spec, "app-1.0.0");
    let swapped = regex(r"^(\d+)-(\d+)$", Some("$2.$1"), SortBy::Semver);
    check("9-1 1-2", &swapped, "1-2 9-1");
    check("b a", &regex("^.$", Some(""), SortBy::Alphabetical), "b a");
}

#[test]
fn the_limit_cuts_last_and_zero_is_none() {
    check("1.0.0 1.2.0 1.1.0", &SelectorSpec { limit: 2, ..all() }, "1.2.0 1.1.0");
    check("1.0.0 1.2.0 1.1.0", &SelectorSpec { limit: 0, ..all() }, "1.2.0 1.1.0 1.0.0");
    check("1.0.0 2.0.0 1.1.0", &SelectorSpec { limit: 1, ..semver("1.x") }, "1.1.0");
    check("1.0.0", &SelectorSpec { limit: usize::MAX, ..all() }, "1.0.0");
}

#[test]
fn tags_that_hold_signatures_are_tags_like_any_other() {
    check("1.0.0 sha256-ab.sig", &by(SortBy::Alphabetical), "sha256-ab.sig 1.0.0");
}

#[test]
fn each_exclusion_has_its_reason() {
    let check = |spec: SelectorSpec, tag: &str, expected: Option<Exclusion>| {
        assert_eq!(Selector::compile(spec).unwrap().exclusion(tag), expected, "{tag}");
    };
    let pattern =
        SelectorSpec { semver: Some("1.x".to_owned()), ..regex("^v", None, SortBy::Semver) };
    check(pattern.clone(), "1.0.0", Some(Exclusion::Regex));
    check(pattern.clone(), "v2.0.0", Some(Exclusion::Semver));
    check(pattern.clone(), "v1.1.0-rc.1", Some(Exclusion::Semver));
    check(pattern.clone(), "vx", Some(Exclusion::Unparsable));
    check(SelectorSpec { limit: 1, ..pattern }, "v1.0.0", None);
    check(all(), "latest", Some(Exclusion::Unparsable));
    check(by(SortBy::Numerical), "latest", Some(Exclusion::Unparsable));
    check(by(SortBy::Alphabetical), "latest", None);
}

#[track_caller]
fn check_refused(spec: SelectorSpec, error: &str, cause: &str) {
    use std::error::Error as _;

    let refused = Selector::compile(spec).unwrap_err();
    assert_eq!(refused.to_string(), error);
    assert_eq!(refused.source().map(ToString::to_string).as_deref(), Some(cause));
}

#[test]
fn a_field_that_is_at_fault_is_named() {
    check_refused(
        regex("(open", None, SortBy::Semver),
        "regex.pattern `(open` does not compile",
        "missing closing ): `(open` at byte 0",
    );
    check_refused(
        regex("a(b)", Some("$2"), SortBy::Semver),
        "regex.extract `$2` does not fit the pattern",
        "the pattern has no group `2`",
    );
    check_refused(
        semver("latest"),
        "semver `latest` is no constraint",
        "`latest` is no list of comparisons with versions",
    );
}

#[test]
fn selectors_are_equal_when_their_specs_are() {
    let compile = |constraint: &str| Selector::compile(semver(constraint)).unwrap();
    assert_eq!(compile("1.x"), compile("1.x"));
    assert_eq!(compile("1.x"), compile("1.x").clone());
    assert_ne!(compile("1.x"), compile("1.*"));
}

fn tags() -> impl Strategy<Value = Vec<String>> {
    let tag = "v?[0-3](\\.[0-3]){0,3}(-rc\\.[0-3])?|[a-c]{1,2}|[a-c]-[0-3](\\.[0-3])?|[0-3]e[0-3]";
    prop::collection::vec(tag, 0..16)
}

fn specs() -> impl Strategy<Value = SelectorSpec> {
    let patterns = [("", ""), ("^v", ""), ("^[a-c]-(.*)$", "$1"), ("([a-c])?(.)", "$2$1")];
    let regex = prop::sample::select(patterns.to_vec()).prop_map(|(pattern, extract)| RegexSpec {
        pattern: pattern.to_owned(),
        extract: Some(extract).filter(|extract| !extract.is_empty()).map(str::to_owned),
    });
    let constraints = ["*", ">=1", "<2-0", "^1 || ~3", "0 - 1", "!=1.x"];
    let semver = prop::sample::select(constraints.to_vec()).prop_map(str::to_owned);
    let sort_by = prop::sample::select(SortBy::ALL.to_vec());
    (prop::option::of(regex), prop::option::weighted(0.3, semver), sort_by, 0_usize..6)
        .prop_map(|(regex, semver, sort_by, limit)| SelectorSpec { regex, semver, sort_by, limit })
}

fn select(spec: &SelectorSpec, tags: &[String]) -> Vec<String> {
    let selector = Selector::compile(spec.clone()).unwrap();
    selector.select(tags).into_iter().cloned().collect()
}

proptest! {
    #[test]
    fn sorting_is_a_permutation_of_what_passes(tags in tags(), spec in specs()) {
        let selector = Selector::compile(spec.clone()).unwrap();
        let mut passed: Vec<String> = tags.clone();
        passed.retain(|tag| selector.exclusion(tag).is_none());
        let mut selected = select(&SelectorSpec { limit: 0, ..spec }, &tags);
        selected.sort();
        passed.sort();
        prop_assert_eq!(selected, passed);
    }

    #[test]
    fn the_limit_is_a_prefix(tags in tags(), spec in specs()) {
        let whole = select(&SelectorSpec { limit: 0, ..spec.clone() }, &tags);
        let selected = select(&spec, &tags);
        let length = if spec.limit == 0 { whole.len() } else { spec.limit.min(whole.len()) };
        prop_assert_eq!(&selected[..], &whole[..length]);
    }

    #[test]
    fn a_tag_that_does_not_match_changes_nothing(
        tags in tags(),
        spec in specs(),
        tag in "[a-z]{1,3}|[0-3.]{1,5}",
        at in any::<prop::sample::Index>(),
    ) {
        let selector = Selector::compile(spec.clone()).unwrap();
        prop_assume!(selector.exclusion(&tag).is_some());
        let mut more = tags.clone();
        more.insert(at.index(tags.len() + 1), tag);
        prop_assert_eq!(select(&spec, &more), select(&spec, &tags));
    }

    #[test]
    fn selecting_from_the_selection_changes_nothing(tags in tags(), spec in specs()) {
        let selected = select(&spec, &tags);
        prop_assert_eq!(select(&spec, &selected), selected);
    }

    #[test]
    fn no_tag_makes_selecting_fail(tags in prop::collection::vec(any::<String>(), 0..8), spec in specs()) {
        let selected = select(&spec, &tags);
        prop_assert!(selected.iter().all(|tag| tags.contains(tag)));
    }

    /// A higher version that passes comes first; what was selected keeps its order behind it.
    #[test]
    fn a_new_highest_version_comes_first(tags in tags()) {
        let mut more = tags.clone();
        more.push("9.0.0".to_owned());
        let (before, after) = (select(&all(), &tags), select(&all(), &more));
        prop_assert_eq!(&after[0], "9.0.0");
        prop_assert_eq!(&after[1..], &before[..]);
    }
}
