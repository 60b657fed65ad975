//! What a template makes of a match, as `Regexp.Expand` makes it, and what is refused.

use proptest::prelude::*;

use super::*;

/// One match, of `app-1.2-amd64`, and what the template makes of it.
#[track_caller]
fn check(template: &str, expected: &str) {
    let pattern = Pattern::compile(r"(?P<app>[a-z]+)-(?<v>[\d.]+)(-(?P<x1>arm)|-(?P<x1>amd64))?");
    let (pattern, text) = (pattern.unwrap(), "app-1.2-amd64");
    let expanded = match Template::parse(template, &pattern) {
        Ok(template) => template.expand(text, &pattern.find_groups(text).unwrap()),
        Err(error) => error.to_string(),
    };
    assert_eq!(expanded, expected, "`{template}`");
}

#[test]
fn groups_are_put_into_their_places() {
    check("", "");
    check("v", "v");
    check("$v", "1.2");
    check("${v}", "1.2");
    check("${v}x", "1.2x");
    check("$v-$app", "1.2-app");
    check("$v$app", "1.2app");
    check("$2.$1", "1.2.app");
    check("$0", "app-1.2-amd64");
    check("${0}", "app-1.2-amd64");
    check("a $v b", "a 1.2 b");
    check("$v.", "1.2.");
}

#[test]
fn a_group_that_took_no_part_is_empty_and_of_two_with_one_name_the_first_that_did_counts() {
    check("[$4]", "[]");
    check("[$5]", "[amd64]");
    check("[$x1]", "[amd64]");
}

#[test]
fn two_dollars_are_one_and_a_dollar_without_a_name_is_itself() {
    check("$$", "$");
    check("$$v", "$v");
    check("$$$v", "$1.2");
    check("$", "$");
    check("$-$", "$-$");
    check("$.v", "$.v");
    check("$}", "$}");
}

#[test]
fn a_name_that_the_pattern_lacks_is_refused_and_the_longest_name_counts() {
    check("$6", "the pattern has no group `6`");
    check("$1x", "the pattern has no group `1x`");
    check("$vx", "the pattern has no group `vx`");
    check("$v_", "the pattern has no group `v_`");
    check("$V", "the pattern has no group `V`");
    check("$01", "the pattern has no group `01`");
    check("$vé", "the pattern has no group `vé`");
    check("$99999999999999999999", "the pattern has no group `99999999999999999999`");
    check("a${no pe}b", "`${no pe}b` names no group");
    check("${", "`${` names no group");
    check("${}", "`${}` names no group");
    check("${v", "`${v` names no group");
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), near in "[${}0-2a-]{0,8}") {
        let pattern = Pattern::compile("(?<a>.)(.)?").unwrap();
        for template in [text, near] {
            if let Ok(template) = Template::parse(&template, &pattern) {
                template.expand("é", &pattern.find_groups("é").unwrap());
            }
        }
    }
}
