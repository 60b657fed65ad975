//! Every reason why a text is no document: of its form, its bounds, its variables.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Sample {
    text: Option<String>,
    number: Option<i64>,
    flag: Option<bool>,
    list: Option<Vec<String>>,
    inner: Option<Box<Sample>>,
    map: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct Any {
    #[expect(dead_code, reason = "only read")]
    list: serde_json::Value,
}

fn environment(name: &str) -> Option<String> {
    (name == "SECRET").then(|| "hunter2".to_owned())
}

fn decode(text: &str) -> Result<Sample, Fault> {
    match Document::read(text, Some(&environment)) {
        Ok(document) => document.decode(),
        Err(mut faults) => Err(faults.remove(0)),
    }
}

#[track_caller]
fn check(text: &str, expected: Sample) {
    assert_eq!(decode(text), Ok(expected), "{text}");
}

#[track_caller]
fn check_fault(text: &str, line: usize, column: usize, message: &str) {
    let expected = Fault::new(Position { line, column }, message);
    assert_eq!(decode(text), Err(expected), "{text}");
}

fn text(text: &str) -> Sample {
    Sample { text: Some(text.to_owned()), ..Sample::default() }
}

#[test]
fn scalars_are_typed() {
    let flag = |flag| Sample { flag: Some(flag), ..Sample::default() };
    for yes in ["true", "True", "yes", "on", "Yes", "ON"] {
        check(&format!("flag: {yes}"), flag(true));
    }
    for no in ["false", "no", "off", "No"] {
        check(&format!("flag: {no}"), flag(false));
    }
    let number = |number| Sample { number: Some(number), ..Sample::default() };
    check("number: 5", number(5));
    check("number: -5", number(-5));
    check("number: 0x10", number(16));
    for nothing in ["number:", "number: ~", "number: null", "text:", "list: ~", "inner: "] {
        check(nothing, Sample::default());
    }
    for plain in
        ["5", "1.10", "0x10", "yes", "1e3", "2026-01-01", "12:30:45", "-x", "a b", "..x", "é"]
    {
        check(&format!("text: {plain}"), text(plain));
    }
    check("text: ''", text(""));
    check("text: \"a\\tb\\u00e9\\\"\\\\\"", text("a\tb\u{e9}\"\\"));
    check("text: !!str 5", text("5"));
    check("text: ! 5", text("5"));
    check("text: |+\n  a\n\n", text("a\n\n"));
    check("%YAML 1.2\n---\ntext: a\n...\n", text("a"));
}

#[test]
fn collections_and_aliases() {
    let inner = |inner| Sample { inner: Some(Box::new(inner)), ..Sample::default() };
    check("inner: {text: a}", inner(text("a")));
    check("{\"inner\": {\"text\": \"a\"}}", inner(text("a")));
    check("? inner\n: ? text\n  : a\n", inner(text("a")));
    let list = |items: &[&str]| Sample {
        list: Some(items.iter().map(ToString::to_string).collect()),
        ..Sample::default()
    };
    check("list: [a, 5, 'b']", list(&["a", "5", "b"]));
    check("list: []", list(&[]));
    check("list:\n- &a x\n- *a\n", list(&["x", "x"]));
    check(
        "text: t\ninner: &a {text: a, number: 1}\nmap: {}\n",
        Sample {
            text: Some("t".to_owned()),
            inner: Some(Box::new(Sample { number: Some(1), ..text("a") })),
            map: Some(BTreeMap::new()),
            ..Sample::default()
        },
    );
    check("inner: {<<: {text: a}, number: 1}", inner(Sample { number: Some(1), ..text("a") }));
    check("inner: {<<: [{text: a}, {text: b}]}", inner(text("a")));
    check("inner: {text: b, <<: {text: a}}", inner(text("b")));
}

#[test]
fn what_does_not_fit_is_named_with_its_place() {
    let fields = "`text`, `number`, `flag`, `list`, `inner`, `map`";
    check_fault("text: a\nnumber: abc\n", 2, 9, "expected a whole number, found a string");
    check_fault("number: '5'", 1, 9, "expected a whole number, found a string");
    check_fault("number: 1.5", 1, 9, "expected a whole number, found a number");
    check_fault("number: 99999999999999999999", 1, 9, "expected a whole number, found a number");
    check_fault("flag: maybe", 1, 7, "expected true or false, found a string");
    check_fault("flag: 'true'", 1, 7, "expected true or false, found a string");
    check_fault("flag: 1", 1, 7, "expected true or false, found a number");
    check_fault("flag: [a]", 1, 7, "expected a single value, found a list");
    check_fault("text: {a: b}", 1, 7, "expected a single value, found a mapping");
    check_fault("text: [a]", 1, 7, "expected a single value, found a list");
    check_fault("list: a", 1, 7, "expected a list, found a string");
    check_fault("list: {a: b}", 1, 7, "expected a list, found a mapping");
    check_fault("list: [x,\n [a]]", 2, 2, "expected a single value, found a list");
    check_fault("list: [~]", 1, 8, "expected a string, found nothing");
    check_fault("inner: a", 1, 8, "expected a mapping, found a string");
    check_fault("inner: [a]", 1, 8, "expected a mapping, found a list");
    check_fault(
        "inner:\n  other: b",
        2,
        3,
        &format!("unknown field `other`, expected one of {fields}"),
    );
    check_fault("1: b", 1, 1, &format!("unknown field `1`, expected one of {fields}"));
    check_fault("text: a\ntext: b\n", 2, 1, "`text` stands here twice");
    check_fault("map: {a: b, 'a': c}", 1, 13, "`a` stands here twice");
    check_fault("? [a]\n: b", 1, 3, "expected a single value, found a list");
    let twice = "inner:\n  inner: &a {text: b}\n  map: {c: d}\n";
    check_fault(
        &twice.replace("map: {c: d}", "list: *a"),
        2,
        13,
        "expected a list, found a mapping, used at 3:9",
    );
    let merged = "map: &a {text: b, other: c}\ninner: {<<: *a}\n";
    check_fault(merged, 1, 19, &format!("unknown field `other`, expected one of {fields}"));
    check_fault("inner: {<<: a}", 1, 13, "`<<` takes a mapping, or a list of them");
}

#[test]
fn what_is_no_yaml_is_named_with_its_place() {
    check_fault("", 1, 1, "the config is empty");
    check_fault("# only\n", 1, 1, "the config is empty");
    check_fault("\n[a]", 2, 1, "a config is a mapping");
    check_fault("a", 1, 1, "a config is a mapping");
    check_fault("a: b\n---\nc: d", 2, 1, "a second document begins here, a config is one");
    check_fault("text: *a", 1, 7, "while parsing node, found unknown anchor");
    check_fault("text: 'a", 1, 7, "unclosed quote");
    check_fault("text: a: b", 1, 8, "mapping values are not allowed in this context");
    check_fault("text: !x a", 1, 10, "this tag means nothing in a config");
    check_fault("text: !!binary YQ==", 1, 16, "this tag means nothing in a config");
}

#[test]
fn a_value_is_never_shown() {
    let fields = "`text`, `number`, `flag`, `list`, `inner`, `map`";
    check_fault(
        "number: ${SECRET}",
        1,
        9,
        "expected a whole number, found a string (from ${SECRET})",
    );
    check_fault("inner: '${SECRET}'", 1, 8, "expected a mapping, found a string (from ${SECRET})");
    check_fault(
        "text: a\n${SECRET}: b",
        2,
        1,
        &format!("unknown field from ${{SECRET}}, expected one of {fields}"),
    );
    check_fault(
        "map: {a: b, hunter2: c, x: d, ${SECRET}: e}",
        1,
        31,
        "from ${SECRET} stands here twice",
    );
    check_fault("inner: {<<: '${SECRET}'}", 1, 13, "`<<` takes a mapping, or a list of them");
    // What is written in the config itself may be a secret too, but for the names of fields.
    for scalar in ["hunter2", "'hunter2'", "!!int hunter2", "[hunter2]", "{hunter2: hunter2}"] {
        for field in ["number", "flag", "inner", "list", "map", "text", "inner: {inner"] {
            let end = if field.contains('{') { "}" } else { "" };
            if let Err(fault) = decode(&format!("{field}: {scalar}{end}")) {
                let message = fault.message.replace("unknown field `hunter2`", "");
                assert!(!message.contains("hunter2"), "{field}: {scalar}: {message}");
            }
        }
    }
}

#[test]
fn bombs_end_at_once() {
    let fault = |text: &str| decode(text).unwrap_err().message;
    let deep = |count: usize| format!("text: {}{}", "[".repeat(count), "]".repeat(count));
    assert_eq!(fault(&deep(64)), "nested more than 64 deep");
    assert_eq!(fault(&deep(200)), "nested more than 64 deep");
    assert!(!fault(&deep(100_000)).is_empty());
    assert!(!fault(&"- ".repeat(100_000)).is_empty());
    assert!(!fault(&"a:\n ".repeat(10_000)).is_empty());
    let aliases = format!("text: &a x\nlist: [{}]", "*a,".repeat(100));
    assert_eq!(decode(&aliases).map(|sample| sample.list.map(|list| list.len())), Ok(Some(100)));
    let aliases = format!("text: &a x\nlist: [{}]", "*a,".repeat(101));
    assert_eq!(fault(&aliases), "more than 100 aliases");
    // Ten levels of nine: 100 aliases at most, and 9^9 scalars.
    let mut laughs = "list:\n- &l0 [lol]\n".to_owned();
    for level in 1..10 {
        let items = format!("*l{},", level - 1).repeat(9);
        laughs += &["- &l", &level.to_string(), " [", &items, "]\n"].concat();
    }
    assert!(!fault(&laughs).is_empty());
    let bomb = Document::read(&laughs, None).unwrap().decode::<Any>().unwrap_err();
    assert!(bomb.message.starts_with("aliases stand for more than 10000 nodes"));
    let recursive = decode("inner: &a\n  inner: *a\n").unwrap_err();
    assert_eq!(recursive.message, "an alias stands inside what it stands for");
    assert_eq!(recursive.position, Position { line: 2, column: 10 });
}

#[test]
fn a_path_leads_to_its_variables() {
    let text = "text: ${SECRET}\ninner:\n  list: [a, '${SECRET}']\n  text: b\nmap: &m {a: b}\n\
                other: *m\nlast: {x: [{y: z}]}\n";
    let document = Document::read(text, Some(&environment)).unwrap();
    let check = |path: &str, expected: Option<&str>| {
        assert_eq!(document.variables_at(path).as_deref(), expected, "{path}");
    };
    let all = Some("${SECRET}");
    check("text", all);
    check("inner", all);
    check("inner.text", None);
    check("inner.list[0]", None);
    check("inner.list[1]", all);
    check("map", None);
    check("last.x[0].y", None);
    check("inner.list[2]", all);
    check("nowhere", all);
    check("last.x[1]", all);
    check("last.x[0].z", all);
    check("other", all);
    assert_eq!(document.top_scalar("text").map(|(text, _)| text), Some("hunter2"));
    assert_eq!(document.top_scalar("b"), None);
    assert_eq!(document.top_scalar("inner"), None);
}
