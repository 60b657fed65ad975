//! The table of cases: a config on the left, what is read on the right.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::document::Document;

/// The environment of all cases.
fn environment(name: &str) -> Option<String> {
    let value = match name {
        "A" => "alpha",
        "B" => "Beta",
        "N" => "42",
        "YES" => "yes",
        "EMPTY" => "",
        "COLON" => "a: b",
        "HASH" => "a #b",
        "BRACE" => "}",
        "LIST" => "[x, y]",
        "LINES" => "one\ntwo\n",
        "QUOTE" => "\"it's\"",
        "DASH" => "- x",
        "ALIAS" => "*x",
        "TAG" => "!!int 5",
        "MERGE" => "<<",
        "NULL" => "null",
        "MARK" => "---",
        "DOLLAR" => "${A} $$",
        "PATH" => "a/b/c",
        "E" => "éàü",
        "PRIVATE" => "\u{E000}\u{E100}\u{E100}",
        "NEL" => "a\u{85}\u{2028}\u{FEFF}\u{1}b\\",
        "KEY" => "key",
        "digit9" => "nine",
        _ => return None,
    };
    Some(value.to_owned())
}

fn read(text: &str) -> Result<Value, String> {
    let faults = match Document::read(text, Some(&environment)) {
        Ok(document) => match document.decode::<BTreeMap<String, Value>>() {
            Ok(map) => return Ok(json!(map)),
            Err(fault) => vec![fault],
        },
        Err(faults) => faults,
    };
    let lines: Vec<String> = faults
        .into_iter()
        .map(|fault| {
            format!("{}:{}: {}", fault.position.line, fault.position.column, fault.message)
        })
        .collect();
    Err(lines.join("\n"))
}

/// `v: <scalar>` reads as `expected`.
#[track_caller]
fn check(scalar: &str, expected: impl Into<Value>) {
    assert_eq!(read(&format!("v: {scalar}")), Ok(json!({"v": expected.into()})), "{scalar}");
}

#[track_caller]
fn check_document(text: &str, expected: Value) {
    assert_eq!(read(text), Ok(expected), "{text}");
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    assert_eq!(read(text), Err(expected.to_owned()), "{text}");
}

#[test]
fn names() {
    check("${A}", "alpha");
    check("x${A}y${B}z", "xalphayBetaz");
    check("${digit9}", "nine");
    check("'${A}'", "alpha");
    check("\"${A}\"", "alpha");
    check("|\n  ${A}\n  ${B}\n", "alpha\nBeta\n");
    check(">\n  ${A}\n  ${B}\n", "alpha Beta\n");
    check("${A}\n  ${B}", "alpha Beta");
    check("\"${A}\\n${B}\"", "alpha\nBeta");
}

#[test]
fn dollars() {
    check("$A", "$A");
    check("$", "$");
    check("a$", "a$");
    check("$$", "$");
    check("$$A", "$A");
    check("$${A}", "${A}");
    check("$$${A}", "$alpha");
    check("$$$${A}", "$${A}");
    check("'$1-${A}'", "$1-alpha");
    check("${NOPE:-$$}", "$");
    check("${NOPE:-$${}x", "${x");
    check("${DOLLAR}", "${A} $$");
    check("$ {A}", "$ {A}");
    check("\"\\x24{A}\"", "${A}");
}

#[test]
fn types() {
    check("${N}", 42);
    check("-${N}", -42);
    check("${N}.5", 42.5);
    check("'${N}'", "42");
    check("\"${N}\"", "42");
    check("|\n  ${N}", "42\n");
    check("!!str ${N}", "42");
    check("${YES}", true);
    check("'${YES}'", "yes");
    check("${EMPTY}", Value::Null);
    check("'${EMPTY}'", "");
    check("${NULL}", Value::Null);
    check("\"${NULL}\"", "null");
    check("${NOPE:-7}", 7);
    check("${NOPE:-'7'}", "7");
    check("${#A}", 5);
    check_document("{v: ${N}}", json!({"v": 42}));
    check_document("{v: ${N}, w: [${N}, '${N}']}", json!({"v": 42, "w": [42, "42"]}));
    check_document("{\"v\":${N}}", json!({"v": 42}));
}

#[test]
fn a_value_is_one_scalar() {
    check("${COLON}", "a: b");
    check("${HASH}", "a #b");
    check("${BRACE}", "}");
    check("${LIST}", "[x, y]");
    check("${LINES}", "one\ntwo\n");
    check("${QUOTE}", "\"it's\"");
    check("'${QUOTE}'", "\"it's\"");
    check("\"${QUOTE}\"", "\"it's\"");
    check("${DASH}", "- x");
    check("${ALIAS}", "*x");
    check("${TAG}", "!!int 5");
    check("${MARK}", "---");
    check("${PRIVATE}", "\u{E000}\u{E100}\u{E100}");
    check("${NEL}", "a\u{85}\u{2028}\u{FEFF}\u{1}b\\");
    check("|\n  x ${LINES}", "x one\ntwo\n\n");
}

#[test]
fn keys() {
    check_document("${KEY}: v", json!({"key": "v"}));
    check_document("${KEY}-${N}: v", json!({"key-42": "v"}));
    check_document("'${COLON}': v", json!({"a: b": "v"}));
    check_document("${COLON}: v", json!({"a: b": "v"}));
    check_document("${MERGE}: {a: b}", json!({"<<": {"a": "b"}}));
    check_document(
        "x: &x {a: b}\nv: {<<: *x, c: d}",
        json!({"x": {"a": "b"}, "v": {"a": "b", "c": "d"}}),
    );
    check_document("x: &x ${A}\nv: *x", json!({"x": "alpha", "v": "alpha"}));
    check_error("key: a\n${KEY}: b", "2:1: from ${KEY} stands here twice");
}

#[test]
fn defaults() {
    check("${A:-d}", "alpha");
    check("${A:=d}", "alpha");
    check("${A=d}", "alpha");
    check("${EMPTY:-d}", "d");
    check("${EMPTY:=d}", "d");
    check("${EMPTY=d}", "d");
    check("${NOPE:-d}", "d");
    check("${NOPE:=d}", "d");
    check("${NOPE=d}", "d");
    check("${NOPE:-}", Value::Null);
    check("x${NOPE:-}", "x");
    check("${NOPE:-a: b}", "a: b");
    check("${NOPE:-a #b}", "a #b");
    check("${NOPE:-{x}", "{x");
    check("${NOPE:-[1, 2]}", "[1, 2]");
    check("${NOPE:-${A}}", "alpha");
    check("${NOPE:-x${A}y${B}z}", "xalphayBetaz");
    check("${NOPE:-${ALSO:-${THIRD:-deep}}}", "deep");
    check("${A:-${NOPE}}", "alpha");
    check("${NOPE:-${N}}", 42);
    check("${NOPE:--1}", -1);
    check("${NOPE:-:-}", ":-");
    check("${NOPE:- d }", " d ");
}

#[test]
fn defaults_in_quotes() {
    check("${NOPE:-\"x: y\"}", "x: y");
    check("${NOPE:-'x: y'}", "x: y");
    check("${NOPE:-\">=1.0.0\"}", ">=1.0.0");
    check("${NOPE:-\"7\"}", "7");
    check("${NOPE:-\"\"}", "");
    check("${NOPE:-\"}", "\"");
    check("${NOPE:-\"a\\\"b\\\\c\\d\"}", "a\"b\\c\\d");
    check("${NOPE:-'it''s'}", "it's");
    check("${NOPE:-\"${N}\"}", "42");
    check("${NOPE:-\"${QUOTE}-x\"}", "\"it's\"-x");
    check("${NOPE:-${ALSO:-\"x y\"}}", "x y");
    check("${A:-\"x: y\"}", "alpha");
    check("'${NOPE:-\"x\"}'", "\"x\"");
    check("a${NOPE:-\"x\"}", "a\"x\"");
}

#[test]
fn case() {
    check("${A^}", "Alpha");
    check("${A^^}", "ALPHA");
    check("${B,}", "beta");
    check("${B,,}", "beta");
    check("${B^^}", "BETA");
    check("${E^}", "Éàü");
    check("${E^^}", "ÉÀÜ");
    check("x${EMPTY^}", "x");
    check("x${EMPTY,}", "x");
}

#[test]
fn length_and_slices() {
    check("'${#A}'", "5");
    check("'${#E}'", "3");
    check("'${#EMPTY}'", "0");
    check("${A:0}", "alpha");
    check("${A:2}", "pha");
    check("${A:1:2}", "lp");
    check("${A:1:99}", "lpha");
    check("x${A:5}", "x");
    check("x${A:9}", "x");
    check("${A: -3}", "pha");
    check("${A: -3:2}", "ph");
    check("${A: -99}", "alpha");
    check("${A:1:-1}", "lph");
    check("x${A:3:-4}", "x");
    check("${E:1:1}", "à");
    check("${A:${NOPE:-2}}", "pha");
    check("${A:1:${NOPE:-2}}", "lp");
}

#[test]
fn trimming() {
    check("${PATH#*/}", "b/c");
    check("${PATH##*/}", "c");
    check("${PATH%/*}", "a/b");
    check("${PATH%%/*}", "a");
    check("${PATH#x}", "a/b/c");
    check("${PATH%[a-c]}", "a/b/");
    check("${A#${NOPE:-al}}", "pha");
    check("${A%?}", "alph");
}

#[test]
fn replacing() {
    check("${PATH/\\//-}", "a-b/c");
    check("${PATH//\\//-}", "a-b-c");
    check("${A/a/o}", "olpha");
    check("${A//a/o}", "olpho");
    check("${A//a/}", "lph");
    check("${A//a}", "lph");
    check("${A/#al/AL}", "ALpha");
    check("${A/#ph/X}", "alpha");
    check("${A/%ha/X}", "alpX");
    check("${A/%al/X}", "alpha");
    check("${A/#/x}", "xalpha");
    check("${A///x}", "alpha");
    check("${A/p/${B}}", "alBetaha");
    check("${A/${NOPE:-p}/x}", "alxha");
    check("${A/p/\\\\}", "al\\ha");
    check("${A/*/x}", "alpha");
}

#[test]
fn comments_are_not_read() {
    check_document("# ${NOPE} ${\nv: x # ${NOPE:?\n", json!({"v": "x"}));
    check_document("v: 'x' #${}", json!({"v": "x"}));
}

#[test]
fn line_breaks_of_all_kinds() {
    check_document("v: ${A}\r\nw: |\r\n  ${B}\r\n", json!({"v": "alpha", "w": "Beta\n"}));
    check_document("v: ${A}\rw: \"x\r  ${B}\"\r", json!({"v": "alpha", "w": "x Beta"}));
}

#[test]
fn faults_name_their_places() {
    let unset =
        |name: &str| format!("variable `{name}` is not set (`${{{name}:-…}}` has a default)");
    check_error("v: ${NOPE}", &format!("1:4: {}", unset("NOPE")));
    check_error(
        "a: ${NOPE} é${ALSO}\n${THIRD}: [x, '${NOPE}']\n",
        &format!(
            "1:4: {}\n1:13: {}\n2:1: {}\n2:16: {}",
            unset("NOPE"),
            unset("ALSO"),
            unset("THIRD"),
            unset("NOPE")
        ),
    );
    check_error("v: |\n\n  x\n  yy ${NOPE}\n", &format!("4:6: {}", unset("NOPE")));
    check_error("v: ${NOPE^^}", &format!("1:4: {}", unset("NOPE")));
    check_error("v: ${#NOPE}", &format!("1:4: {}", unset("NOPE")));
    check_error("v: ${ALSO:-${NOPE}}", &format!("1:12: {}", unset("NOPE")));
    check_error("v: ${A", "1:4: `${` is not closed on its line (`$$` is a literal `$`)");
    check_error("v: ${A\n  }", "1:4: `${` is not closed on its line (`$$` is a literal `$`)");
    check_error(
        "w: 1\nv: \"x ${A:-${B}\"",
        "2:7: `${` is not closed on its line (`$$` is a literal `$`)",
    );
    let name = "a variable's name is expected here (`$$` is a literal `$`)";
    check_error("v: ${}", &format!("1:6: {name}"));
    check_error("v: ${ A}", &format!("1:6: {name}"));
    check_error("v: ${{ secrets.A }}", &format!("1:6: {name}"));
    check_error("v: x${#}", &format!("1:8: {name}"));
    let operators = ":- := = ^ ^^ , ,, :offset :offset:length # ## % %% / // are";
    check_error("v: ${A:?x}", &format!("1:7: `:?` after `${{A` is no operator: {operators}"));
    check_error("v: ${A:+x}", &format!("1:7: `:+` after `${{A` is no operator: {operators}"));
    check_error("v: ${A-x}", &format!("1:7: `-x` after `${{A` is no operator: {operators}"));
    check_error("v: ${A!}", &format!("1:7: `!` after `${{A` is no operator: {operators}"));
    check_error("v: ${A^^^}", &format!("1:9: `^` after `${{A` is no operator: {operators}"));
    check_error("v: ${#A-}", &format!("1:8: `-` after `${{A` is no operator: {operators}"));
    let numbers = "1:4: offset and length of `${V:offset:length}` are whole numbers";
    check_error("v: ${A:x}", numbers);
    check_error("v: ${A:}", numbers);
    check_error("v: ${A:1:}", numbers);
    check_error("v: ${A:1:x}", numbers);
    let long = format!("v: ${{A#{}}}", "x".repeat(1025));
    check_error(&long, "1:4: the pattern has over 1024 characters");
    let deep = format!("v: {}{}", "${X:-".repeat(17), "}".repeat(17));
    check_error(&deep, "1:84: `${` nests more than 16 deep");
    check_error("v: \u{E000}", "1:4: private-use character U+E000 is not allowed");
    check_error("v: \"\\uE000\"", "1:4: private-use characters are not allowed");
    check_error(
        "v: ${A}\nw: \"\\uE000\\uE100\\uE100\"",
        "2:4: private-use characters are not allowed",
    );
}

#[test]
fn a_bomb_of_variables_is_refused() {
    let long = |name: &str| (name == "LONG").then(|| "x".repeat(1 << 20));
    let text = "- ${LONG}\n".repeat(11);
    let text = format!("v:\n{text}");
    let faults = Document::read(&text, Some(&long)).unwrap_err();
    assert!(faults[0].message.contains("grow beyond 10485760 bytes"), "{}", faults[0].message);
    let text = format!("v: ${{LONG//x/{}}}", "y".repeat(100));
    let faults = Document::read(&text, Some(&long)).unwrap_err();
    assert!(faults[0].message.contains("grow beyond 10485760 bytes"), "{}", faults[0].message);
}

#[test]
fn without_an_environment_all_stands_as_it_is() {
    let document = Document::read("v: ${A} $$ \u{E000}\nw: '${'", None).unwrap();
    let map: BTreeMap<String, String> = document.decode().unwrap();
    assert_eq!(json!(map), json!({"v": "${A} $$ \u{E000}", "w": "${"}));
}

proptest::proptest! {
    /// Whatever a variable holds, the scalar is that, and nothing else changes.
    #[test]
    fn a_value_never_changes_the_structure(value in "\\PC*|[\\x00-\\x7f]*") {
        let environment = |_: &str| Some(value.clone());
        for text in ["v: '${X}'\nw: [a]", "v: \"${X}\"\nw: [a]", "{v: '${X}', w: [a]}", "w: [a]\nv: x${X}"] {
            let document = Document::read(text, Some(&environment)).unwrap();
            let map: BTreeMap<String, Value> = document.decode().unwrap();
            let expected = if text.ends_with("x${X}") { format!("x{value}") } else { value.clone() };
            // `xF` and the like are strings too: nothing that begins with x is a number.
            proptest::prop_assert_eq!(json!(map), json!({"v": expected, "w": ["a"]}));
        }
    }

    /// No text makes the reader panic.
    #[test]
    fn reading_never_panics(text in "([a-z:{}\\[\\]\"'#&*!|>%@,?$ \\n\\t-]|\\$\\{|\\$\\{[A-Z]+[:=^,/#%-]*){0,40}") {
        let _ = read(&text);
    }
}
