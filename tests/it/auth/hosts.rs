//! The credentials of the config's `hosts`.

use std::time::Duration;

use mirror_tests::proxy::Proxy;
use mirror_tests::sample::image;
use mirror_tests::scripted::{Answer, Fault, Gate, Kind, Listener, Rule, ScriptedRegistry, habits};

use super::{ROBOT, ROBOT_BASIC, basic_registry, challenges, mirror, token_registry};

/// Makes a registry take `Bearer token` alone.
fn want_bearer(registry: &ScriptedRegistry, token: &str) {
    let wanted = format!("Bearer {token}");
    let refuse = Fault::instead(move |request, _| {
        let is_main = request.listener == Listener::Main;
        let is_good = request.header("authorization") == Some(wanted.as_str());
        (is_main && !is_good).then(|| Answer::error(401, "UNAUTHORIZED", "a token is wanted"))
    });
    registry.script(Rule::any(), refuse);
}

#[tokio::test]
async fn a_credential_without_a_username_is_shown_from_the_first_request_on() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("app"));
    for registry in [&source, &destination] {
        want_bearer(registry, "s3cret");
    }
    let mirror = mirror()
        .host(&source.host(), "credential: {value: s3cret}")
        .host(&destination.host(), "credential: {value: \"${TOKEN}\"}")
        .env("TOKEN", "s3cret")
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    mirror.sync(&[]).run().await.assert_code(0);
    for registry in [&source, &destination] {
        assert_eq!(challenges(&registry.log()), 0, "{}", registry.log());
    }
    destination.store().assert_holds("app", "v1", &image("app"));
}

#[tokio::test]
async fn many_first_requests_with_a_credential_do_not_wait_for_each_other() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    want_bearer(&destination, "s3cret");
    // Far away, so that all have come before it is known how to speak to it.
    let far = Proxy::with_latency(&destination.host(), Duration::from_millis(200));
    let mut mirror = mirror().host(&far.host(), "credential: {value: s3cret}");
    for number in 0..40 {
        source.store().push(&format!("app{number}"), "v1", &image("app"));
        let (from, to) = (source.host(), far.host());
        mirror = mirror.artifact(&format!("{from}/app{number}"), &format!("{to}/app{number}"));
    }
    mirror.sync(&["--dry-run", "--timeout", "20s"]).run().await.assert_code(0);
    assert_eq!(destination.log().kind(Kind::ManifestHead).count(), 40, "{}", destination.log());
}

#[tokio::test]
async fn a_credential_goes_to_no_other_host() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("app"));
    source.store().push("app", "v2", &image("app2"));
    source.set(|options| {
        options.redirect_blobs = true;
        options.page = Some(1);
    });
    // The second page of tags, too, is somewhere else.
    let elsewhere = format!("{}/v2/app/tags/list?last=v1", source.other_url());
    let link = Fault::none().edit(move |_, answer| {
        if answer.header("link").is_some() {
            answer.set("Link", format!("<{elsewhere}>; rel=\"next\""));
        }
    });
    source.script(Rule::on(Kind::Tags), link);
    habits::uploads_elsewhere(&destination);
    for (registry, token) in [(&source, "reads"), (&destination, "writes")] {
        want_bearer(registry, token);
    }
    let mirror = mirror()
        .host(&source.host(), "credential: {value: reads}")
        .host(&destination.host(), "credential: {value: writes}")
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    mirror.sync(&[]).run().await.assert_code(0);
    for registry in [&source, &destination] {
        let other = registry.log().only(|entry| entry.listener == Listener::Other);
        assert!(other.count() >= 4, "{other}");
        other.assert_anonymous();
    }
    let log = source.log();
    assert_eq!(log.only(|entry| entry.listener == Listener::Other).kind(Kind::Tags).count(), 1);
    destination.store().assert_whole();
}

#[tokio::test]
async fn a_username_waits_for_the_challenge() {
    let (source, destination) = (basic_registry(), basic_registry());
    source.store().push("app", "v1", &image("app"));
    let mirror = mirror()
        .host(&source.host(), ROBOT)
        .host(&destination.host(), "username: robot, credential: {fromPath: password}")
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    mirror.binary.write("password", "\n hunter2 \r\n");
    mirror.sync(&[]).run().await.assert_code(0);
    for registry in [&source, &destination] {
        let log = registry.log();
        assert_eq!(challenges(&log), 1, "{log}");
        assert_eq!(log.entries()[0].authorization, None, "{log}");
        let shown = log.admitted();
        let is_basic = |entry: &mirror_tests::scripted::Entry| {
            entry.authorization.as_deref() == Some(ROBOT_BASIC)
        };
        assert!(shown.entries().iter().all(is_basic), "{log}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_shown_once() {
    let (source, destination) = (basic_registry(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("app"));
    let mirror = mirror()
        .host(&source.host(), "username: robot, credential: {value: wrong}")
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    let done = mirror.sync(&[]).run().await;
    done.assert_code(1);
    source.log().assert(&[(Kind::Tags, 2)]);
    assert!(done.stdout.contains("refuses access to app: UNAUTHORIZED"), "{done}");
}

#[tokio::test]
async fn a_file_that_changes_during_a_run_is_read_again() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("app"));
    let gate = Gate::closed();
    destination.script(Rule::on(Kind::UploadPut).nth(1), Fault::none().hold(&gate));
    let mirror = mirror()
        .host(&destination.host(), "credential: {fromPath: secrets/token}")
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    mirror.binary.write("secrets/token", "first");
    let running = mirror.sync(&[]).spawn();
    gate.reached(1).await;
    mirror.binary.write("secrets/token", "second");
    gate.resume();
    running.wait().await.assert_code(0);
    let log = destination.log();
    let of = |kind| log.kind(kind).entries().last().and_then(|entry| entry.authorization.clone());
    assert_eq!(of(Kind::ManifestHead).as_deref(), Some("Bearer first"));
    assert_eq!(of(Kind::ManifestPut).as_deref(), Some("Bearer second"));
}

#[tokio::test]
async fn a_401_reads_the_file_once_more() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("app"));
    let mirror = mirror()
        .host(&destination.host(), "credential: {fromPath: token}")
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    let path = mirror.binary.write("token", "first");
    // The rotation happens between the request and its answer.
    let rotate = Fault::none().before(move |_, _| {
        std::fs::write(&path, "second").expect("the file can be written to");
    });
    destination.script(Rule::on(Kind::ManifestHead).nth(1), rotate);
    want_bearer(&destination, "second");
    mirror.sync(&[]).run().await.assert_code(0);
    let log = destination.log();
    assert_eq!(challenges(&log), 1, "{log}");
    assert_eq!(log.kind(Kind::ManifestHead).count(), 2, "{log}");
}

#[tokio::test]
async fn a_host_of_the_config_wins_over_the_docker_config() {
    let (source, destination) = (token_registry(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("app"));
    let mirror = mirror()
        .host(&source.host(), ROBOT)
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    mirror.binary.write_docker_config(&serde_json::json!({"auths": {
        source.host(): {"username": "robot", "password": "wrong"}
    }}));
    mirror.sync(&[]).run().await.assert_code(0);
}
