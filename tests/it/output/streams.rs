//! What goes to which stream, where neither is a terminal.

use mirror_tests::scripted::{Fault, Kind, Rule};

use super::World;

/// A world of which a registry warns with each answer, and in which `--insecure` warns too.
fn warned() -> World {
    let world = World::new();
    let warning = "299 - \"going \u{9b}31maway\"";
    world.source.script(Rule::on(Kind::Tags), Fault::none().header("Warning", warning));
    world
}

#[tokio::test]
async fn warnings_are_lines_on_stderr_in_every_mode() {
    for flags in [&[][..], &["-o", "json"], &["-o", "yaml"], &["--verbose"], &["--no-progress"]] {
        let world = warned();
        let arguments: Vec<&str> = flags.iter().copied().chain(["--insecure"]).collect();
        let done = world.sync(&arguments).await;
        done.assert_code(1);
        let host = world.source.host();
        let warnings: Vec<&str> =
            done.stderr.lines().filter(|line| line.starts_with("! ")).collect();
        let insecure =
            "! --insecure: certificates are not checked, and traffic may not be encrypted";
        let registry = format!("! {host} warns: going \\u{{9b}}31maway");
        assert_eq!(warnings, [insecure, &registry], "{flags:?} {done}");
        if flags != ["--verbose"] {
            assert_eq!(done.stderr.lines().count(), 2, "{flags:?} {done}");
        }
    }
}

#[tokio::test]
async fn text_goes_to_stdout_and_the_log_to_stderr_and_a_document_stands_alone() {
    let world = World::new();
    let text = world.sync(&[]).await;
    assert!(text.stdout.contains("Summary: ") && text.stderr.is_empty(), "{text}");
    let verbose = world.sync(&["--verbose"]).await;
    assert!(verbose.stdout.is_empty() && verbose.stderr.contains("sync complete"), "{verbose}");
    let json = world.sync(&["--verbose", "-o", "json"]).await;
    assert_eq!(json.json()["kind"], "Report");
    assert!(json.stderr.contains("sync complete"), "{json}");
    let yaml = world.sync(&["--verbose", "-o", "yaml"]).await;
    assert!(yaml.stdout.starts_with("apiVersion: "), "{yaml}");
    assert!(!yaml.stdout.contains("$schema"), "{yaml}");
}

#[tokio::test]
async fn no_control_character_of_a_registry_gets_out_and_no_escape_code_of_ours() {
    for flags in [&[][..], &["-o", "json"], &["-o", "yaml"], &["--verbose"]] {
        let done = warned().sync(flags).await;
        for text in [&done.stdout, &done.stderr] {
            let hostile = |one: char| (one.is_control() && one != '\n') || one == '\u{202e}';
            assert!(!text.contains(hostile), "{flags:?} {text:?}");
        }
        assert!(done.stdout.contains("way") || done.stderr.contains("way"), "{flags:?} {done}");
    }
}
