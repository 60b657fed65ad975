//! What the program says of itself: help, version, completion.

use std::process::Command;

use insta::assert_snapshot;

use super::binary;

async fn says(arguments: &[&str]) -> String {
    let done = binary().call(arguments).run().await;
    done.assert_code(0);
    assert_eq!(done.stderr, "");
    done.stdout
}

#[tokio::test]
async fn help_explains_every_command() {
    assert_snapshot!("help", says(&["--help"]).await);
    assert_eq!(says(&["-h"]).await, says(&["--help"]).await);
}

#[tokio::test]
async fn help_of_sync_explains_every_flag_with_its_default_and_the_environment() {
    assert_snapshot!("sync_help", says(&["sync", "--help"]).await);
    assert_eq!(says(&["sync", "-h"]).await, says(&["sync", "--help"]).await);
}

#[tokio::test]
async fn help_of_a_fleet_explains_every_flag_with_its_default_and_its_variable() {
    assert_snapshot!("coordinator_help", says(&["coordinator", "--help"]).await);
    assert_snapshot!("worker_help", says(&["worker", "--help"]).await);
    assert_snapshot!("runs_help", says(&["runs", "--help"]).await);
    assert_snapshot!("runs_watch_help", says(&["runs", "watch", "--help"]).await);
}

#[tokio::test]
async fn help_of_what_hands_credentials_on_explains_every_flag() {
    assert_snapshot!("login_help", says(&["login", "--help"]).await);
    assert_snapshot!("secret_help", says(&["secret", "--help"]).await);
    assert_snapshot!("keygen_help", says(&["keygen", "--help"]).await);
}

#[tokio::test]
async fn help_never_shows_what_the_environment_holds() {
    let call = binary().call(["sync", "--help"]).env("FLUX_MIRROR_CONFIG", "/hunter2/place");
    let done = call.run().await;
    done.assert_code(0);
    assert!(!done.stdout.contains("hunter2"), "{done}");
}

#[tokio::test]
async fn the_version_is_told_in_each_form() {
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("flux-mirror {version}\n");
    for arguments in [
        &["version"][..],
        &["version", "-o", "text"],
        &["version", "--output=text"],
        &["--version"],
    ] {
        assert_eq!(says(arguments).await, text);
    }
    let json = format!("{{\n  \"version\": \"{version}\"\n}}\n");
    assert_eq!(says(&["version", "-o", "json"]).await, json);
    assert_eq!(says(&["version", "-o", "yaml"]).await, format!("version: \"{version}\"\n"));
    binary().call(["version", "-o", "toml"]).run().await.assert_code(1);
}

#[tokio::test]
async fn every_shell_gets_a_completion_that_knows_the_flags() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = says(&["completion", shell]).await;
        for word in [
            "drift-exit-code",
            "no-envsubst",
            "completion",
            "version",
            "schedule-timeout",
            "drain-timeout",
            "cancel",
            "idempotency-key",
            "docker-config",
            "output-dir",
            "kubeconfig",
        ] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
        // Only bash is on every machine; the others are checked where they are.
        let check = match shell {
            "bash" | "zsh" => "-n",
            "fish" => "--no-execute",
            _ => continue,
        };
        let mirror = binary();
        let file = mirror.write("script", &script);
        match Command::new(shell).arg(check).arg(file).output() {
            Ok(done) => {
                let said = String::from_utf8_lossy(&done.stderr);
                assert!(done.status.success() && said.is_empty(), "{shell}: {said}");
            }
            Err(_) if shell != "bash" => {}
            Err(error) => panic!("bash does not run: {error}"),
        }
    }
}

#[tokio::test]
async fn bash_completes_a_flag() {
    let mirror = binary();
    mirror.write("script", says(&["completion", "bash"]).await);
    let completed = Command::new("bash")
        .args(["--norc", "-c"])
        .arg(
            "source ./script; COMP_WORDS=(flux-mirror sync --dr); COMP_CWORD=2; \
             _flux__mirror flux-mirror --dr sync; echo ${COMPREPLY[@]}",
        )
        .current_dir(mirror.folder())
        .output()
        .expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&completed.stdout), "--drift-exit-code --dry-run\n");
}

#[tokio::test]
async fn bash_completes_a_command_of_a_command() {
    let mirror = binary();
    mirror.write("script", says(&["completion", "bash"]).await);
    let completed = Command::new("bash")
        .args(["--norc", "-c"])
        .arg(
            "source ./script; COMP_WORDS=(flux-mirror runs wa); COMP_CWORD=2; \
             _flux__mirror flux-mirror wa runs; echo ${COMPREPLY[@]}; \
             COMP_WORDS=(flux-mirror runs watch --drift); COMP_CWORD=3; \
             _flux__mirror flux-mirror --drift watch; echo ${COMPREPLY[@]}",
        )
        .current_dir(mirror.folder())
        .output()
        .expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&completed.stdout), "watch\n--drift-exit-code\n");
}

#[tokio::test]
async fn a_shell_that_is_not_known_is_refused() {
    for (arguments, expected) in [
        (
            &["completion", "tcsh"][..],
            "✗ invalid value 'tcsh' for '<SHELL>' [possible values: bash, elvish, fish, \
             powershell, zsh]\n",
        ),
        (&["completion"], "✗ the following required arguments were not provided: <SHELL>\n"),
    ] {
        let done = binary().call(arguments).run().await;
        done.assert_code(1);
        assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", expected));
    }
}
