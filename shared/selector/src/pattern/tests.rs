//! Go's patterns: what is read as the engine reads it, what is written anew, what is refused.
//!
//! Every line was checked against Go 1.26.

use proptest::prelude::*;

use super::*;

/// One pattern, the texts it matches and the texts it does not.
#[track_caller]
fn check(pattern: &str, matched: &[&str], others: &[&str]) {
    let compiled = Pattern::compile(pattern).unwrap();
    for text in matched {
        assert!(compiled.is_match(text), "`{pattern}` matches {text:?}");
    }
    for text in others {
        assert!(!compiled.is_match(text), "`{pattern}` does not match {text:?}");
    }
}

#[track_caller]
fn check_refused(pattern: &str, error: &str) {
    assert_eq!(Pattern::compile(pattern).unwrap_err().to_string(), error, "`{pattern}`");
}

#[test]
fn what_both_read_alike_is_the_same() {
    check("", &["", "a"], &[]);
    check("a.c", &["abc", "xaéc"], &["a\nc", "ac"]);
    check(r"^v?\d+\.\d+\.\d+$", &["v1.2.3", "1.2.3"], &["1.2", "v1.2.3-rc", "1.2.3\n"]);
    check("^(?:a|b)+$", &["ab", "bb"], &["", "abc"]);
    check("a{2,3}$", &["aa", "xaaa"], &["a"]);
    check("^a{0}$", &[""], &["a"]);
    check("^(a|ab)(c|bcd)$", &["abcd", "abc", "ac"], &["ab"]);
    check("(?i)^rc$", &["rc", "RC", "Rc"], &["r"]);
    check("(?s)^a.b$", &["a\nb"], &["ab"]);
    check("(?m)^b$", &["a\nb\nc", "b"], &["ab"]);
    check("(?U)^a+$", &["aaa"], &["b"]);
    check("^(?i:a)b$", &["Ab", "ab"], &["aB"]);
    check("(?i)a(?-i)b", &["Ab"], &["aB"]);
    check("^(?P<x>a)(?<y>b)$", &["ab"], &["a"]);
    check("^[[:alpha:]]$", &["a", "Z"], &["é", "1"]);
    check("^[[:^alpha:]]$", &["é", "1"], &["a"]);
    check("^[[:word:]-]$", &["_", "-", "9"], &["é", "."]);
    check(r"^\pL$", &["a", "é", "α"], &["1"]);
    check(r"^\p{Greek}$", &["α", "Σ"], &["a"]);
    check(r"^\P{Lu}$", &["a", "1"], &["A"]);
    check(r"\Aa\z", &["a"], &["a\n", "ba"]);
    check(r"^\x41\x{3b1}\n\t\.\-$", &["Aα\n\t.-"], &["A"]);
    check("^[^a-c]$", &["d", "\n", "é"], &["a", "b"]);
    check("^[]a]$", &["]", "a"], &["["]);
    check("^[^]a]$", &["b"], &["]", "a"]);
    check("^[a-]$", &["a", "-"], &["b"]);
    check("^a|b$", &["ax", "xb"], &["xa"]);
}

#[test]
fn what_only_go_reads_is_written_anew() {
    check(r"^\Qa.b*\E$", &["a.b*"], &["axb"]);
    check(r"^\Qa.b", &["a.b"], &["axb"]);
    check(r"^\Qab\E*$", &["a", "ab", "abb"], &["abab"]);
    check(r"^a\Q\E*$", &["", "aa"], &["b"]);
    check(r"^\101\07\0$", &["A\u{7}\0"], &["101"]);
    check(r"^\777$", &["ǿ"], &["777"]);
    check(r"^\p{^Greek}$", &["a"], &["α"]);
    check(r"^\P{^Greek}$", &["α"], &["a"]);
    check(r"^\p{ lower-case_letter}$", &["a"], &["A"]);
    check("^{$", &["{"], &["a"]);
    check("^a{,3}$", &["a{,3}"], &["aaa", ""]);
    check("^a{1$", &["a{1"], &["a"]);
    check("^a{b}$", &["a{b}"], &["a"]);
    check("^a{01}$", &["a{01}"], &["a"]);
    check("^[[a]$", &["[", "a"], &["b", "]"]);
    check("^[[:a]$", &["[", ":", "a"], &["]"]);
    check("^(?)a$", &["a"], &["A"]);
    check("^(?ii)a$", &["A"], &["b"]);
    check("^(?i-i)a$", &["a"], &["A"]);
    check("^a(?i)*b$", &["aaB", "B"], &["AB"]);
    check("^a*(?i)*b$", &["aaB", "B"], &["AB"]);
    check("(?P<n>a)(?P<n>b)", &["ab"], &["a"]);
    check("(?P<0>a)", &["a"], &["b"]);
}

#[test]
fn what_the_engine_would_read_otherwise_means_what_it_means_in_go() {
    check(r"^\d$", &["1"], &["٣"]);
    check(r"^\D$", &["٣", "a"], &["1"]);
    check(r"^\w$", &["a", "_", "0"], &["é", "-"]);
    check(r"^\W$", &["é", "-"], &["a"]);
    check(r"^\s$", &[" ", "\t", "\n", "\r", "\u{c}"], &["\u{b}", "\u{a0}", "a"]);
    check(r"^\S$", &["\u{b}", "\u{a0}", "a"], &[" "]);
    check(r"^[\d\-.]$", &["1", "-", "."], &["٣"]);
    check(r"^[\D]$", &["٣"], &["1"]);
    check(r"^[^\d]$", &["٣"], &["1"]);
    check(r"^[^\W\d]$", &["a", "_"], &["1", "é", "-"]);
    check(r"^[\s\S]$", &["\u{b}", "é", "\n"], &[]);
    check(r"é\b", &[], &["é", "é "]);
    check(r"é\ba", &["éa"], &["é"]);
    check(r"é\B", &["é", "é "], &["éa"]);
    check(r"^\B$", &[""], &[]);
    check(r"\bé", &["aé"], &["é", " é"]);
    check(r"^\<a\>$", &["<a>"], &["a"]);
    check(r"a\b{start}", &["a{start}"], &["a"]);
    check(r"a\b{end}", &["a{end}"], &["a", "a b"]);
    check("^[a&&b]$", &["a", "&", "b"], &["c"]);
    check("^[+--b]$", &["+", ",", "-", "b"], &[".", "a"]);
    check("^[x~~y]$", &["x", "~", "y"], &["z"]);
    check("^[a[b]$", &["a", "[", "b"], &["]"]);
    check("^[a[b]]$", &["a]", "[]", "b]"], &["a", "b"]);
    check("^[a-z&&[^b]]$", &["b]", "^]"], &["a"]);
    check("^#a b$", &["#a b"], &["ab"]);
}

#[test]
fn letters_fold_by_unicode_and_sets_before_they_are_negated() {
    check("(?i)^k$", &["k", "K", "\u{212a}"], &["c"]);
    check("(?i)^s$", &["s", "S", "ſ"], &["z"]);
    check("(?i)^σ$", &["σ", "Σ", "ς"], &["s"]);
    check(r"(?i)^\w$", &["a", "ſ", "\u{212a}"], &["é"]);
    check(r"(?i)^\W$", &["é"], &["ſ", "\u{212a}"]);
    check(r"(?i)^[\W]$", &["é"], &["ſ", "k"]);
    check("(?i)^[^k]$", &["a"], &["k", "K", "\u{212a}"]);
    check("(?i)^[[:upper:]]$", &["a", "A", "ſ"], &["é"]);
    check("(?i)^[[:^upper:]]$", &["é", "1"], &["a", "A"]);
    check(r"(?i)^\p{Lu}$", &["a", "é"], &["1"]);
    check(r"(?i)^\P{Lu}$", &["1"], &["a"]);
    check(r"(?i)^\Qa.\E$", &["A."], &["Ab"]);
    check("(?i)^é$", &["É"], &["e"]);
    check("(?i)^ⓐ$", &["Ⓐ"], &["a"]);
    check("^[a-c]$", &["b"], &["B"]);
    check("^ß$", &["ß"], &["ss", "ẞ"]);
}

#[test]
fn what_go_refuses_is_refused_with_a_reason() {
    check_refused("a**", "repetition of a repetition: `*` at byte 2");
    check_refused("a*+", "repetition of a repetition: `+` at byte 2");
    check_refused("a{2}{3}", "repetition of a repetition: `{3}` at byte 4");
    check_refused("a???", "repetition of a repetition: `?` at byte 3");
    check_refused("*a", "nothing to repeat: `*` at byte 0");
    check_refused("a|+", "nothing to repeat: `+` at byte 2");
    check_refused("(?i)*", "nothing to repeat: `*` at byte 4");
    check_refused("(*)", "nothing to repeat: `*` at byte 1");
    check_refused("a{1001}", "repeat count over 1000 or out of order: `{1001}` at byte 1");
    check_refused("a{2,1}", "repeat count over 1000 or out of order: `{2,1}` at byte 1");
    check_refused("(a{100}){11}", "repeat count over 1000 or out of order: `{11}` at byte 8");
    check_refused(
        "a{99999999999}",
        "repeat count over 1000 or out of order: `{99999999999}` at byte 1",
    );
    check_refused("(?x)a b", "unknown group or flag: `(?x` at byte 0");
    check_refused("(?R)a", "unknown group or flag: `(?R` at byte 0");
    check_refused("(?u)a", "unknown group or flag: `(?u` at byte 0");
    check_refused("(?-u:a)", "unknown group or flag: `(?-u` at byte 0");
    check_refused("a(?=b)", "unknown group or flag: `(?=` at byte 1");
    check_refused("a(?!b)", "unknown group or flag: `(?!` at byte 1");
    check_refused("(?i-)a", "unknown group or flag: `(?i-)` at byte 0");
    check_refused("(?#a)", "unknown group or flag: `(?#` at byte 0");
    check_refused("(?P=n)", "unknown group or flag: `(?P` at byte 0");
    check_refused("(?", "unknown group or flag: `(?` at byte 0");
    check_refused("(?<=a)b>", "invalid group name: `(?<=a)b>` at byte 0");
    check_refused("(?<!a)b", "invalid group name: `(?<` at byte 0");
    check_refused("(?P<a-b>c)", "invalid group name: `(?P<a-b>` at byte 0");
    check_refused("(?P<é>c)", "invalid group name: `(?P<é>` at byte 0");
    check_refused("(?P<>c)", "invalid group name: `(?P<>` at byte 0");
    check_refused("x(a", "missing closing ): `(a` at byte 1");
    check_refused("a)b", "unexpected ): `)` at byte 1");
    check_refused("x[a", "missing closing ]: `[a` at byte 1");
    check_refused("[]", "missing closing ]: `[]` at byte 0");
    check_refused("[[:foo:]]", "unknown character class: `[:foo:]` at byte 1");
    check_refused(r"\p{Foo}", r"unknown character class: `\p{Foo}` at byte 0");
    check_refused(r"\p{White_Space}", r"unknown character class: `\p{White_Space}` at byte 0");
    check_refused(r"\p{sc=Greek}", r"unknown character class: `\p{sc=Greek}` at byte 0");
    check_refused(r"\pé", r"unknown character class: `\pé` at byte 0");
    check_refused(r"\p\PL", r"unknown character class: `\p\` at byte 0");
    check_refused("[z-a]", "character range out of order: `z-a` at byte 1");
    check_refused(r"[a-\d]", r"unknown escape: `\d` at byte 3");
    check_refused(r"(a)\1", r"unknown escape: `\1` at byte 3");
    check_refused(r"\8", r"unknown escape: `\8` at byte 0");
    check_refused(r"\C", r"unknown escape: `\C` at byte 0");
    check_refused(r"\Z", r"unknown escape: `\Z` at byte 0");
    check_refused(r"\u0041", r"unknown escape: `\u` at byte 0");
    check_refused(r"[\b]", r"unknown escape: `\b` at byte 1");
    check_refused(r"\é", r"unknown escape: `\é` at byte 0");
    check_refused(r"\x{110000}", r"unknown escape: `\x{110000` at byte 0");
    check_refused(r"\x4", r"unknown escape: `\x4` at byte 0");
    check_refused(r"a\", r"unknown escape: `\` at byte 1");
}

#[test]
fn what_go_takes_and_the_engine_cannot_run_is_refused_too() {
    check_refused(r"\x{D800}", r"a surrogate is no character: `\x{D800}` at byte 0");
    check_refused(r"(\pL{100}){10}", "it takes too much memory");
    check_refused(&"a".repeat(MAX_PATTERN_BYTES + 1), "it is longer than 65536 bytes");
}

#[test]
fn the_bound_on_nesting_keeps_below_the_engines() {
    let check_depth = |pattern: fn(usize) -> String, deepest: usize| {
        check(&pattern(deepest), &["x"], &[]);
        let refused = Pattern::compile(&pattern(deepest + 1)).unwrap_err();
        assert!(matches!(refused, PatternError::Syntax { fault: Fault::Nesting, .. }), "{refused}");
    };
    check_depth(|depth| format!("{}x{}", "(".repeat(depth), ")".repeat(depth)), 80);
    check_depth(|depth| format!("{}x{}", "(".repeat(depth), ")*".repeat(depth)), 40);
    check_depth(|depth| format!("x{}", "*(?i)".repeat(depth)), 80);
    check_depth(
        |depth| format!("(?i){}[^a]{}", "(bc|cd".repeat(depth), "|ef)*?".repeat(depth)),
        40,
    );
    check_depth(|depth| format!("(?i){}[^a]{}", "(bc|c?".repeat(depth), "|ef)".repeat(depth)), 79);
    check_refused(&"(".repeat(10_000), "nests too deeply: `(` at byte 80");
}

proptest! {
    #[test]
    fn no_text_makes_the_compiler_panic(
        text in any::<String>(),
        near in r"([a-c.*+?{}0-2,|()\[\]^$\\:&~-]|\(\?|\\[pPQEdDxb]|\[:|alpha:\]){0,20}",
    ) {
        for pattern in [text, near] {
            if let Ok(pattern) = Pattern::compile(&pattern) {
                pattern.find_groups("abc");
            }
        }
    }

    /// Whatever the translation writes, the engine can read.
    #[test]
    fn only_memory_is_left_to_the_engine_to_refuse(
        pattern in r"([a-cé<{}\]&#]|\\[dDwWsSbBAz]|\[\^?[a-c&~\[-]{1,3}\]|\(\?[imsU]\)|\(a?|[)|*+?.^$]|\{2\}){0,12}",
    ) {
        if let Err(PatternError::Engine { source }) = Pattern::compile(&pattern) {
            prop_assert!(matches!(source, regex::Error::CompiledTooBig(_)), "{}", source);
        }
    }

    #[test]
    fn a_quoted_text_matches_itself(text in "[^\\\\]{0,12}") {
        let pattern = Pattern::compile(&format!(r"^\Q{text}\E$")).unwrap();
        prop_assert!(pattern.is_match(&text));
    }
}
