//! The Docker config, Podman's, and credential helpers.

use mirror_tests::mirror::Mirror;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Kind, ScriptedRegistry};
use serde_json::{Value, json};

use super::{ROBOT_BASIC, basic_registry, mirror, token_registry};

/// Mirrors a small image from a new registry to `destination`.
fn into(destination: &ScriptedRegistry) -> (ScriptedRegistry, Mirror) {
    let source = ScriptedRegistry::plain();
    source.store().push("team/app", "v1", &image("app"));
    let (from, to) = (source.host(), destination.host());
    let mirror = mirror().artifact(&format!("{from}/team/app"), &format!("{to}/team/app"));
    (source, mirror)
}

/// Runs with this Docker config against a registry that wants `robot`, in both of its ways.
async fn check(config: impl Fn(&str) -> Value) {
    for destination in [basic_registry(), token_registry()] {
        let (_source, mirror) = into(&destination);
        mirror.binary.write_docker_config(&config(&destination.host()));
        mirror.sync(&[]).run().await.assert_code(0);
        destination.store().assert_holds("team/app", "v1", &image("app"));
    }
}

#[tokio::test]
async fn a_login_is_found_however_it_is_written() {
    check(|host| json!({"auths": {host: {"auth": "cm9ib3Q6aHVudGVyMg=="}}})).await;
    check(|host| json!({"auths": {host: {"username": "robot", "password": "hunter2"}}})).await;
    check(
        |host| json!({"auths": {format!("https://{host}/v2/"): {"auth": "cm9ib3Q6aHVudGVyMg=="}}}),
    )
    .await;
}

#[tokio::test]
async fn the_longest_prefix_of_a_repository_wins() {
    check(|host| {
        json!({"auths": {
            host: {"username": "robot", "password": "wrong"},
            format!("{host}/team"): {"username": "robot", "password": "hunter2"},
            format!("{host}/team/other"): {"username": "robot", "password": "wrong"},
        }})
    })
    .await;
}

#[tokio::test]
async fn podmans_login_is_found_too() {
    let destination = basic_registry();
    let (_source, mirror) = into(&destination);
    let auth = mirror.binary.write(
        "podman/auth.json",
        json!({"auths": {destination.host(): {"auth": "cm9ib3Q6aHVudGVyMg=="}}}).to_string(),
    );
    let mirror = mirror.env("REGISTRY_AUTH_FILE", auth);
    mirror.sync(&[]).run().await.assert_code(0);
}

#[tokio::test]
async fn a_registry_token_is_shown_from_the_first_request_on() {
    let destination = ScriptedRegistry::plain();
    let (source, mirror) = into(&destination);
    mirror.binary.write_docker_config(&json!({"auths": {
        destination.host(): {"registrytoken": "r3gistry"}
    }}));
    mirror.sync(&[]).run().await.assert_code(0);
    let log = destination.log();
    let is_shown = |entry: &mirror_tests::scripted::Entry| {
        entry.authorization.as_deref() == Some("Bearer r3gistry")
    };
    assert!(log.entries().iter().all(is_shown), "{log}");
    source.log().assert_anonymous();
}

/// A credential helper that counts its calls in `calls` and writes what it was asked into `asked`.
const HELPER: &str = r#"#!/bin/sh
[ "$1" = get ] || exit 1
read -r host
echo "$host" >> "$HOME/asked"
echo '{"ServerURL":"x","Username":"robot","Secret":"hunter2"}'
"#;

#[tokio::test]
async fn helpers_are_asked_for_the_host_alone() {
    for key in ["credHelpers", "credsStore"] {
        let destination = basic_registry();
        let (_source, mirror) = into(&destination);
        mirror.binary.write_program("docker-credential-scripted", HELPER);
        let host = destination.host();
        mirror.binary.write_docker_config(&match key {
            "credHelpers" => json!({"credHelpers": {&host: "scripted"}}),
            _ => json!({"credsStore": "scripted", "auths": {&host: {}}}),
        });
        mirror.sync(&[]).run().await.assert_code(0);
        let asked = std::fs::read_to_string(mirror.binary.folder().join("home/asked"));
        let asked = asked.expect("the helper was asked");
        assert!(asked.lines().any(|line| line == host), "{asked}");
        let shown = destination.log().admitted();
        let is_basic = |entry: &mirror_tests::scripted::Entry| {
            entry.authorization.as_deref() == Some(ROBOT_BASIC)
        };
        assert!(shown.entries().iter().all(is_basic), "{shown}");
    }
}

#[tokio::test]
async fn a_helper_is_asked_once_however_many_jobs_there_are() {
    let (source, destination) = (ScriptedRegistry::plain(), basic_registry());
    for number in 0..12 {
        source.store().push("app", &format!("v{number}"), &image(&format!("app{number}")));
    }
    let (from, to) = (source.host(), destination.host());
    let mirror = mirror().artifact(&format!("{from}/app"), &format!("{to}/app"));
    mirror.binary.write_program("docker-credential-scripted", HELPER);
    mirror.binary.write_docker_config(&json!({"credHelpers": {&to: "scripted"}}));
    mirror.sync(&[]).run().await.assert_code(0);
    let asked = std::fs::read_to_string(mirror.binary.folder().join("home/asked"));
    assert_eq!(asked.expect("the helper was asked").lines().count(), 1);
}

#[tokio::test]
async fn a_helper_that_fails_is_an_error_and_not_nobody() {
    let destination = ScriptedRegistry::plain();
    let (_source, mirror) = into(&destination);
    let script = "#!/bin/sh\necho 'cloud is down' >&2\nexit 1\n";
    mirror.binary.write_program("docker-credential-scripted", script);
    mirror.binary.write_docker_config(&json!({"credHelpers": {destination.host(): "scripted"}}));
    let done = mirror.sync(&["--retries", "0"]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains("no credential for"), "{done}");
    destination.log().assert(&[]);
}

#[tokio::test]
async fn nobody_known_is_anonymous() {
    let destination = token_registry();
    let (source, mirror) = into(&destination);
    let done = mirror.sync(&[]).run().await;
    done.assert_code(1);
    source.log().assert_anonymous();
    destination.log().kind(Kind::Token).assert_anonymous();
}
