//! Text from a registry acts on no terminal and forges no line (threats S15, S16).

use mirror_tests::binary::Finished;
use mirror_tests::mode::is_fleet;
use mirror_tests::scripted::{Answer, Auth, Fault, Kind, Rule, ScriptedRegistry, TokenAuth};
use serde_json::json;

use super::{mirror, registry};

/// Clears the screen, sets a title, turns the text around, begins a line.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}gnp\u{200b}\u{7f}\r\n2026/01/01 00:00:00 sync complete failed=0\n✓ forged:v1 (copied)";

const OUTPUTS: [&[&str]; 4] = [&[], &["--verbose"], &["-o", "json"], &["-o", "yaml"]];

/// Asserts that nothing in what was printed acts on a terminal.
#[track_caller]
fn assert_harmless(done: &Finished) {
    for text in [&done.stdout, &done.stderr] {
        let acts = |character: char| {
            (character.is_control() && character != '\n')
                || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        let found = text.chars().find(|character| acts(*character));
        assert_eq!(found, None, "printed raw:\n{}", done.to_string().escape_debug());
        for line in text.lines() {
            assert!(!line.starts_with("✓ forged"), "{done}");
            assert!(!line.starts_with("2026/01/01"), "{done}");
        }
    }
}

both_modes!(errors_of_registries_are_printed_safely);
async fn errors_of_registries_are_printed_safely() {
    let evil = || json!({"errors": [{"code": "DENIED", "message": EVIL}]});
    for (kind, status) in [
        (Kind::Tags, 403),
        (Kind::ManifestGet, 403),
        (Kind::BlobGet, 404),
        (Kind::UploadPost, 403),
        (Kind::ManifestPut, 400),
    ] {
        for output in OUTPUTS {
            let (source, destination) = (registry(), ScriptedRegistry::plain());
            for registry in [&source, &destination] {
                registry.script(Rule::on(kind), Fault::answer(Answer::json(status, &evil())));
            }
            // One blob after the other: which fails first is known.
            let flags = [output, &["--concurrency", "1"]].concat();
            let done = mirror(&source, &destination).sync(&flags).run().await;
            done.assert_code(1);
            assert!(done.to_string().contains("owned"), "the message is shown: {done}");
            assert_harmless(&done);
        }
    }
}

both_modes!(plain_text_codes_and_oauth_errors_are_printed_safely);
async fn plain_text_codes_and_oauth_errors_are_printed_safely() {
    let bodies = [
        EVIL.to_owned(),
        json!({"errors": [{"code": EVIL, "message": "x"}]}).to_string(),
        json!({"error": EVIL, "error_description": EVIL}).to_string(),
    ];
    for body in bodies {
        for output in OUTPUTS {
            let (source, destination) = (registry(), ScriptedRegistry::plain());
            source.set(|options| options.auth = Auth::Token(TokenAuth::default()));
            source.script(Rule::on(Kind::Token), Fault::status(403).body(body.clone()));
            let done = mirror(&source, &destination).sync(output).run().await;
            done.assert_code(1);
            assert_harmless(&done);
        }
    }
}

both_modes!(tags_that_are_none_are_passed_over);
async fn tags_that_are_none_are_passed_over() {
    for output in OUTPUTS {
        let (source, destination) = (registry(), ScriptedRegistry::plain());
        let evil = json!({"name": "app", "tags": [EVIL, "v1", "../v1", "v1/x", "", ".v1", "a b"]});
        source.script(Rule::on(Kind::Tags), Fault::answer(Answer::json(200, &evil)));
        let done = mirror(&source, &destination).sync(output).run().await;
        done.assert_code(0);
        assert_harmless(&done);
        assert!(!done.to_string().contains("owned"), "{done}");
        assert_eq!(source.log().kind(Kind::ManifestHead).count(), 1, "{}", source.log());
        assert_eq!(destination.store().tags("app"), ["v1"]);
    }
}

both_modes!(warnings_are_printed_safely_and_only_where_asked_for);
async fn warnings_are_printed_safely_and_only_where_asked_for() {
    for (warning, shown) in [
        ("299 - \"old \u{1b}[31m registry\"", false),
        ("299 - \"old ünd \u{202e} registry\"", false),
        ("299 - \"this one is \\\"old\\\"\"", true),
        ("199 - \"not of the specification\"", false),
    ] {
        for output in OUTPUTS {
            let (source, destination) = (registry(), ScriptedRegistry::plain());
            source.script(Rule::on(Kind::Tags), Fault::none().header("Warning", warning));
            let done = mirror(&source, &destination).sync(output).run().await;
            // A header with control characters may be no answer at all.
            assert_harmless(&done);
            if shown {
                done.assert_code(0);
                let is_said = done.stderr.contains("registry warning");
                // In a fleet, whoever was warned says so in his own log.
                assert_eq!(is_said, output == ["--verbose"] && !is_fleet(), "{done}");
            }
        }
    }
}

both_modes!(media_types_and_realms_are_printed_safely);
async fn media_types_and_realms_are_printed_safely() {
    for output in OUTPUTS {
        let (source, destination) = (registry(), ScriptedRegistry::plain());
        let text = json!({"schemaVersion": 2, "mediaType": EVIL, "layers": []}).to_string();
        let sample = mirror_tests::sample::Sample::raw(mirror_tests::sample::IMAGE, text);
        source.store().push("app", "v1", &sample);
        let done = mirror(&source, &destination).sync(output).run().await;
        done.assert_code(1);
        assert_harmless(&done);

        let realm = "Bearer realm=\"https://x.test/\\u{1b}[31m\u{202e}\"";
        let fault = Fault::status(401).header("WWW-Authenticate", realm);
        source.script(Rule::on(Kind::Tags), fault);
        let done = mirror(&source, &destination).sync(output).run().await;
        done.assert_code(1);
        assert_harmless(&done);
    }
}

both_modes!(a_flood_of_text_is_cut);
async fn a_flood_of_text_is_cut() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let flood = json!({"errors": [{"code": "DENIED", "message": "x".repeat(60_000)}]});
    source.script(Rule::on(Kind::Tags), Fault::answer(Answer::json(403, &flood)));
    let done = mirror(&source, &destination).sync(&["--verbose"]).run().await;
    done.assert_code(1);
    assert!(done.stderr.len() < 4000, "{} bytes", done.stderr.len());
}
