//! What Masterminds/semver v3.5.0 says, case by case: a constraint, what it takes, what it does not.
//!
//! Every line was computed by that library.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(constraint: &str, taken: &str, left: &str) {
    let parsed = Constraint::parse(constraint).unwrap();
    let matches = |version: &str| parsed.matches(&Version::parse(version).unwrap());
    for version in taken.split_whitespace() {
        assert!(matches(version), "`{constraint}` takes {version}");
    }
    for version in left.split_whitespace() {
        assert!(!matches(version), "`{constraint}` leaves {version}");
    }
}

#[test]
fn what_is_named_alone_is_that_version_and_its_missing_parts_are_open() {
    check("1.2.3", "1.2.3 v1.2.3 1.2.3+build", "1.2.4 1.2 1.2.3-rc.1");
    check("=1.2.3", "1.2.3", "1.2.4 1.2.2");
    check("= 1.2.3", "1.2.3", "1.2.4");
    check("v1.2.3", "1.2.3", "1.2.4");
    check("=v1.2.3", "1.2.3 v1.2.3", "1.2.4");
    check("01.02.03", "1.2.3 01.2.3", "1.2.4");
    check("1.2.3-rc.1", "1.2.3-rc.1", "1.2.3 1.2.3-rc.2");
    check("1.2.3+build", "1.2.3 1.2.3+other", "1.2.4");
    check("1.2", "1.2.0 1.2.9", "1.3.0 1.1.9 1.2.1-rc.1");
    check("1", "1.0.0 1.9.9", "2.0.0 0.9.9 1.1.0-rc.1");
    check("0", "0.0.0 0.0.1 0.9.0", "1.0.0");
    check("0.0", "0.0.0 0.0.9", "0.1.0 1.0.0");
    check("=1.2", "1.2.0 1.2.9", "1.3.0");
    check("=1", "1.0.0 1.9.9", "2.0.0");
    check("1.2-0", "1.2.0 1.2.0-rc.1 1.2.9-rc.1", "1.1.9 1.3.0");
    check("0.0.0", "0.0.0", "0.0.1");
}

#[test]
fn wildcards_are_open_and_hide_what_follows_them() {
    check("*", "0.0.0 1.2.3 99.0.0", "1.0.0-rc.1");
    check("x", "1.2.3", "1.2.3-0");
    check("X", "1.2.3", "1.2.3-0");
    check("=*", "0.0.0 1.2.3", "1.2.3-0");
    check("*.1.2", "1.2.3 9.0.0", "");
    check("1.x", "1.0.0 1.9.9", "2.0.0 0.9.9");
    check("1.X", "1.0.0", "2.0.0");
    check("1.*", "1.0.0", "2.0.0");
    check("1.x.x", "1.0.0 1.9.9", "2.0.0");
    check("1.x.5", "1.0.0 1.9.9", "2.0.0");
    check("1.2.x", "1.2.0 1.2.9", "1.3.0 1.1.9");
    check("1.2.*", "1.2.0", "1.3.0");
    check("v1.2.x", "1.2.0", "1.3.0");
    check("*-0", "1.0.0 1.0.0-rc.1 0.0.0-0", "");
    check("1.x-0", "1.0.0-0 1.5.0-rc.1 1.5.0", "2.0.0-rc.1");
}

#[test]
fn an_open_version_excludes_all_it_stands_for() {
    check("!=1.2.3", "1.2.4 1.2.2 2.0.0", "1.2.3 1.2.3+b 1.2.4-rc.1");
    check("!=1.2.3-rc.1", "1.2.3 1.2.3-rc.2", "1.2.3-rc.1");
    check("!=1.2", "1.1.0 1.3.0 2.2.0", "1.2.0 1.2.9");
    check("!=1.2.x", "1.3.0", "1.2.0 1.2.9");
    check("!=1.2-rc.1", "1.3.0 1.2.0 1.2.5-rc.2", "1.2.5-rc.1");
    check("!=1", "2.0.0 0.1.0", "1.0.0 1.9.9");
    check("!=1.x", "2.0.0", "1.2.0");
    check("!=*", "0.0.1 1.0.0", "0.0.0");
}

#[test]
fn greater_than_an_open_version_begins_after_all_of_it() {
    check("=>1.2", "1.2.0", "1.1.9");
    check(">=v1.2.3", "1.2.3", "1.2.2");
    check(">0", "1.0.0", "0.9.9");
    check(">0.0", "0.1.0", "0.0.9");
    check(">=1.2-rc.1", "1.2.0-rc.1 1.2.0", "1.1.9 1.2.0-beta");
    check(">1.2.3", "1.2.4 1.3.0 2.0.0", "1.2.3 1.2.2 1.2.4-rc.1");
    check("> 1.2.3", "1.2.4", "1.2.3");
    check(">1.2", "1.3.0 2.0.0", "1.2.0 1.2.9 1.1.0");
    check(">1.2.x", "1.3.0", "1.2.9");
    check(">11", "12.0.0 12.0.1", "11.0.0 11.1.0 10.9.9");
    check(">1.x", "2.0.0", "1.0.0 1.9.9");
    check(">*", "0.0.1 1.0.0", "0.0.0");
    check(">1.2.3-rc.1", "1.2.3 1.2.3-rc.2 1.3.0-rc.1", "1.2.3-rc.1 1.2.3-beta");
    check(">1.2-rc.1", "1.3.0 1.3.0-beta", "1.2.0 1.2.1");
    check(">=1.2.3", "1.2.3 1.2.4 2.0.0", "1.2.2 1.2.3-rc.1 2.0.0-rc.1");
    check("=>1.2.3", "1.2.3 2.0.0", "1.2.2");
    check(">=1.2", "1.2.0 1.3.0 2.0.0", "1.1.9");
    check(">=1", "1.0.0 2.0.0", "0.9.9");
    check(">=1.x", "1.0.0 2.0.0", "0.9.9");
    check(">=*", "0.0.0 1.0.0", "1.0.0-rc.1");
    check(">=1.0.0-0", "1.0.0-0 1.0.0-rc.1 1.0.0 1.5.0-rc.1 2.0.0", "0.9.9 0.9.9-rc.1");
    check(">=0-0", "0.0.0-0 0.1.0-rc.1 1.0.0", "");
}

#[test]
fn up_to_an_open_version_takes_all_of_it() {
    check("<1.2.3", "1.2.2 0.9.0", "1.2.3 1.2.4 1.2.3-rc.1 1.2.2-rc.1");
    check("< 1.2.3", "1.2.2", "1.2.3");
    check("<1.2", "1.1.9", "1.2.0 1.2.1");
    check("<1", "0.9.9", "1.0.0");
    check("<1.x", "0.9.9", "1.0.0 1.5.0");
    check("<11", "10.9.9", "11.0.0 11.1.0");
    check("<*", "", "0.0.0 1.0.0");
    check("<1.2.3-rc.2", "1.2.3-rc.1 1.2.2", "1.2.3-rc.2 1.2.3");
    check("<=1.2.3", "1.2.3 1.2.2", "1.2.4");
    check("=<1.2.3", "1.2.3", "1.2.4");
    check("<=1.2", "1.2.0 1.2.9 0.5.0", "1.3.0 2.0.0");
    check("<=1.2.x", "1.2.9", "1.3.0");
    check("<=11", "11.0.0 11.9.9 10.0.0", "12.0.0");
    check("<=1.x", "1.9.9", "2.0.0");
    check("<=*", "0.0.0 0.0.9", "0.1.0 1.0.0");
    check("<=1.2-0", "1.2.9-rc.1 1.2.9", "1.3.0-0");
    check("<=0", "0.0.0 0.9.9", "1.0.0");
}

#[test]
fn a_tilde_keeps_the_minor_where_one_is_given() {
    check("~v1.2.3", "1.2.3", "1.3.0");
    check("~>1", "1.5.0", "2.0.0");
    check("~1.2.3+b", "1.2.4", "1.3.0");
    check("~>*", "3.0.0", "3.0.0-0");
    check("~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2 2.2.3 1.2.4-rc.1");
    check("~>1.2.3", "1.2.3 1.2.9", "1.3.0");
    check("~ 1.2.3", "1.2.3", "1.3.0");
    check("~1.2", "1.2.0 1.2.9", "1.3.0 1.1.9");
    check("~>1.2", "1.2.9", "1.3.0");
    check("~1.2.x", "1.2.0", "1.3.0");
    check("~1", "1.0.0 1.9.9", "2.0.0 0.9.9");
    check("~1.x", "1.0.0 1.9.9", "2.0.0");
    check("~>2.x.x", "2.0.0 2.9.9", "3.0.0");
    check("~0.0.0", "0.0.0 0.0.1 1.0.0 99.1.0", "1.0.0-rc.1");
    check("~0.0", "0.0.0 0.0.9", "0.1.0");
    check("~0", "0.0.0 0.9.9", "1.0.0");
    check("~0.2.3", "0.2.3 0.2.9", "0.3.0");
    check("~0.0.3", "0.0.3 0.0.9", "0.1.0 0.0.2");
    check("~*", "0.0.0 1.2.3", "1.2.3-rc.1");
    check("~1.2.3-rc.2", "1.2.3-rc.2 1.2.3 1.2.4-rc.1 1.2.9", "1.2.3-rc.1 1.3.0-rc.1");
    check("~0.0.0-0", "0.0.0-0 1.0.0-rc.1 5.0.0", "");
    check("~1.2-0", "1.2.0-0 1.2.5-rc.1", "1.3.0-0");
}

#[test]
fn a_caret_keeps_the_first_number_that_is_not_zero() {
    check("^v1.2.3", "1.3.0", "2.0.0");
    check("^1.0.0", "1.0.0 1.9.9", "2.0.0");
    check("^18446744073709551615", "18446744073709551615.0.1", "1.0.0");
    check("^1.2.3", "1.2.3 1.9.9", "2.0.0 1.2.2 0.9.9 1.3.0-rc.1");
    check("^ 1.2.3", "1.2.3", "2.0.0");
    check("^1.2", "1.2.0 1.9.0", "2.0.0 1.1.9");
    check("^1.2.x", "1.2.0 1.9.0", "2.0.0");
    check("^1", "1.0.0 1.9.9", "2.0.0 0.9.9");
    check("^1.x", "1.0.0 1.9.9", "2.0.0");
    check("^0.2.3", "0.2.9 0.2.3", "0.2.2 0.3.0 1.0.0");
    check("^0.2", "0.2.0 0.2.9", "0.3.0 1.2.0");
    check("^0.2.x", "0.2.0", "0.3.0");
    check("^0.0.3", "0.0.3", "0.0.4 0.0.2 0.1.0 1.0.0");
    check("^0.0.0", "0.0.0", "0.0.1");
    check("^0.0", "0.0.0 0.0.9", "0.1.0 1.0.0");
    check("^0.0.x", "0.0.5", "0.1.0");
    check("^0", "0.0.0 0.9.9", "1.0.0");
    check("^0.x", "0.5.0", "1.0.0");
    check("^*", "0.0.0", "0.0.1 1.0.0");
    check("^1.2.3-rc.2", "1.2.3-rc.2 1.2.3 1.5.0-rc.1", "1.2.3-rc.1 2.0.0-0 2.0.0");
    check("^0.2.3-rc.2", "0.2.3-rc.2 0.2.3 0.2.4-rc.1", "0.2.3-rc.1 0.3.0-0");
    check("^0.0.3-rc.2", "0.0.3-rc.2 0.0.3", "0.0.3-rc.1 0.0.4-0");
    check("^0-0", "0.0.0-0 0.5.0-rc.1", "1.0.0-0");
}

#[test]
fn commas_and_spaces_join_what_must_all_hold() {
    check(">=1.0\t<2.0", "1.0.0", "2.0.0");
    check("^1 ^2", "", "1.0.0 2.0.0");
    check(">=1.0, <2.0", "1.0.0 1.9.9", "2.0.0 0.9.9 1.5.0-rc.1");
    check(">=1.0 <2.0", "1.0.0 1.9.9", "2.0.0");
    check(">=1.0,<2.0", "1.0.0 1.9.9", "2.0.0");
    check(">= 1.0 , < 2.0", "1.5.0", "2.0.0");
    check(">=2.40.0, <3.0.0", "2.40.0 2.99.0", "3.0.0 2.39.9");
    check(">1, !=1.5", "2.0.0", "1.4.0");
    check(">=1.0.0 !=1.5.0 <2", "1.4.0 1.6.0", "1.5.0 2.0.0");
    check("^1.2 ~1.5.0", "1.5.0 1.5.9", "1.2.0 1.6.0");
    check(">=1.0.0-0, <2.0.0", "1.0.0-rc.1 1.5.0-rc.1 2.0.0-rc.1 1.9.0", "2.0.0");
    check(">=1.0.0, <2.0.0-0", "1.9.0 1.5.0-rc.1", "1.0.0-rc.1 2.0.0-0 2.0.0-rc.1");
    check("1.2 1.3", "", "1.2.0 1.3.0");
    check("  >=1.0.0  ", "1.0.0", "0.9.0");
}

#[test]
fn bars_join_groups_and_each_group_asks_for_prereleases_by_itself() {
    check("1||2||3", "1.0.0 2.0.0 3.0.0", "4.0.0");
    check(">2 || <1", "3.0.0 0.1.0", "1.0.0 2.5.0");
    check("1.2.3 || 2.0.0", "1.2.3 2.0.0", "1.2.4");
    check("1||3", "1.5.0 3.5.0", "2.0.0");
    check("<1.0 || >=2.0, <3.0", "0.9.0 2.5.0", "1.5.0 3.0.0");
    check(">=1.0.0-0 || ^3", "1.0.0-rc.1 3.0.0 3.1.0-rc.1", "");
    check("^1.0.0-0 || ^3", "1.5.0-rc.1 3.1.0", "3.1.0-rc.1 2.0.0");
    check("* || 1.0.0-rc.1", "1.0.0-rc.1 1.0.0", "1.0.0-rc.2");
    check("~0.0.0 || <0", "5.0.0", "5.0.0-rc.1");
}

#[test]
fn a_hyphen_between_spaces_is_a_range_with_both_ends() {
    check("1.2 - 2.3.4", "1.2.0 2.3.4", "2.3.5 1.1.9");
    check("1.2.3 - 2", "1.2.3 2.9.9", "3.0.0 1.2.2");
    check("1.2.3 - 2.3", "2.3.9", "2.4.0");
    check("v1.2.3 - v2.0.0", "1.2.3 2.0.0", "2.0.1");
    check("1.0.0-0 - 2.0.0", "1.0.0-rc.1 1.5.0-rc.1 2.0.0", "0.9.0 2.0.1");
    check("1 - 2 || 4 - 5", "1.0.0 2.9.0 4.0.0 5.9.0", "3.0.0 6.0.0");
    check("1 - 2||4", "1.5.0 4.1.0", "3.0.0");
    check("1 - 3, !=2", "1.0.0 3.9.0", "2.0.0 4.0.0");
    check("1  -  2", "1.5.0", "3.0.0");
    check("1-2", "1.0.0-2 1.0.0 1.5.0-rc.1", "1.0.0-1 2.0.0");
}

#[track_caller]
fn check_refused(constraint: &str, error: &str) {
    assert_eq!(Constraint::parse(constraint).unwrap_err().to_string(), error, "`{constraint}`");
}

#[test]
fn what_masterminds_refuses_is_refused() {
    for group in [
        ">1<2",
        ">",
        "1 -",
        "- 1",
        "v",
        "1.2.3.4",
        "1.2.3-",
        "1.2.3+",
        "1.2.3-a..b",
        "==1",
        "=>=1",
        "><1",
        "! =1",
        "^^1",
        "~~1",
        "é",
        "≥1",
        "latest",
        "1;2",
        "V1",
        "1 and 2",
        ",1",
        "1,",
        "1,,2",
        "1 , , 2",
        "",
    ] {
        check_refused(group, &format!("`{group}` is no list of comparisons with versions"));
    }
    check_refused("1||", "`` is no list of comparisons with versions");
    check_refused("||1", "`` is no list of comparisons with versions");
    check_refused(" ", "`` is no list of comparisons with versions");
    check_refused("1.2.3\u{b}", "`1.2.3` is no list of comparisons with versions");
    check_refused("1.2 - 2 - 3", "`>= 1.2, <= 2 - 3` is no list of comparisons with versions");
    check_refused(">1.2 - 2.0", "`>>= 1.2, <= 2.0` is no list of comparisons with versions");
    check_refused("1 - 2||4 - 5", "`4 - 5` is no list of comparisons with versions");
    for version in ["1|2", "1x", "vx1", "**", "xx", "18446744073709551616", "1.2.3-01"] {
        check_refused(version, &format!("`{version}` is no version"));
        check_refused(&format!(">=1, ^{version}"), &format!("`{version}` is no version"));
    }
}

#[test]
fn length_and_groups_have_masterminds_bounds() {
    let bars = |groups: usize| ["1"].repeat(groups).join("||");
    assert!(Constraint::parse(&bars(32)).is_ok());
    check_refused(&bars(33), "it has more than 32 groups");
    assert!(Constraint::parse(&format!("{}1", " ".repeat(511))).is_ok());
    check_refused(&format!("{}1", " ".repeat(512)), "it is longer than 512 bytes");
    let long = format!("1.2.3-{}", "a".repeat(260));
    check_refused(&long, &format!("`{long}` is no version"));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(
        text in any::<String>(),
        near in "([ ,|v=!<>~^xX*0-9.+a-]| - |\\|\\|){0,24}",
    ) {
        for text in [text, near] {
            if let Ok(constraint) = Constraint::parse(&text) {
                constraint.matches(&Version::parse("1.2.3-rc.1").unwrap());
            }
        }
    }

    /// A constraint of no pre-release takes none, whatever else it says.
    #[test]
    fn prereleases_are_asked_for_by_name(
        constraint in "(=|!=|>|<|>=|<=|~|\\^)?[0-2x](\\.[0-2x]){0,2}(( \\|\\| |, )[<>]=?[0-2]){0,2}",
        version in "[0-2]\\.[0-2]\\.[0-2]-(0|rc\\.1)",
    ) {
        let constraint = Constraint::parse(&constraint).unwrap();
        prop_assert!(!constraint.matches(&Version::parse(&version).unwrap()));
    }

    #[test]
    fn opposite_comparisons_divide_the_releases(
        asked in "[0-2](\\.[0-2]){0,2}",
        version in "[0-3]\\.[0-3]\\.[0-3]",
    ) {
        let version = Version::parse(&version).unwrap();
        let takes =
            |operator| Constraint::parse(&format!("{operator}{asked}")).unwrap().matches(&version);
        prop_assert_ne!(takes(">"), takes("<="));
        prop_assert_ne!(takes("<"), takes(">="));
        prop_assert_ne!(takes("="), takes("!=") );
    }
}
