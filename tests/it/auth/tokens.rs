//! Tokens: how many are fetched, how, and what becomes of one that is good no more.

use std::collections::BTreeSet;
use std::time::Duration;

use mirror_tests::sample::{image, two_platforms};
use mirror_tests::scripted::{
    Answer, Auth, Fault, Gate, Kind, Rule, ScriptedRegistry, Stop, TokenAuth, User,
};

use super::{
    ROBOT, ROBOT_BASIC, challenges, mirror, token_registry, tokens_elsewhere, with_tokens,
};

/// Puts `count` tags of small images into `repository`.
fn seed(registry: &ScriptedRegistry, repository: &str, count: usize) {
    for number in 0..count {
        let name = format!("{repository}-{number}");
        registry.store().push(repository, &format!("v{number}"), &image(&name));
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_per_host_and_set_of_scopes_however_many_jobs_wait() {
    let public = TokenAuth { anonymous: Some(String::new()), ..TokenAuth::default() };
    let (source, destination) = (with_tokens(public), token_registry());
    seed(&source, "app", 6);
    seed(&source, "tool", 6);
    let (from, to) = (source.host(), destination.host());
    let mirror = mirror()
        .host(&to, ROBOT)
        .artifact(&format!("{from}/app"), &format!("{to}/app"))
        .artifact(&format!("{from}/tool"), &format!("{to}/tool"));
    mirror.sync(&[]).run().await.assert_code(0);

    for registry in [&source, &destination] {
        let log = registry.log();
        assert_eq!(log.kind(Kind::Ping).count(), 0, "{log}");
        assert_eq!(challenges(&log), 1, "one 401 tells all: {log}");
    }
    // Anonymous: a set of scopes per repository, and nothing shown for it.
    assert_eq!(source.log().kind(Kind::Token).count(), 2, "{}", source.log());
    source.log().kind(Kind::Token).assert_anonymous();
    let tokens = destination.log().kind(Kind::Token);
    assert_eq!(tokens.count(), 2, "{}", destination.log());
    assert!(tokens.entries().iter().all(|entry| scopes_of(entry).ends_with(":pull,push")));
    destination.store().assert_whole();
}

#[tokio::test]
async fn a_mount_asks_for_both_repositories_in_one_token() {
    let (source, destination) = (ScriptedRegistry::plain(), token_registry());
    source.store().push("app", "v1", &image("one"));
    source.store().push("tool", "v1", &image("one"));
    let (from, to) = (source.host(), destination.host());
    let mirror = mirror()
        .host(&to, ROBOT)
        .artifact(&format!("{from}/app"), &format!("{to}/app"))
        .artifact(&format!("{from}/tool"), &format!("{to}/tool"));
    mirror.sync(&["--concurrency", "1"]).run().await.assert_code(0);

    let log = destination.log();
    assert_eq!(log.kind(Kind::MountPost).admitted().count(), 3, "{log}");
    assert_eq!(log.kind(Kind::UploadPost).admitted().count(), 3, "{log}");
    assert_eq!(log.kind(Kind::Token).count(), 3, "{log}");
    let scopes: Vec<String> = log.kind(Kind::Token).entries().iter().map(scopes_of).collect();
    let both = scopes.iter().find(|scopes| scopes.contains(' ')).expect("a token for two");
    let mut both: Vec<&str> = both.split(' ').collect();
    both.sort_unstable();
    let into_tool = ["repository:app:pull", "repository:tool:pull,push"];
    let into_app = ["repository:app:pull,push", "repository:tool:pull"];
    assert!(both == into_tool || both == into_app, "{both:?}");
}

/// The scopes that a request for a token names.
fn scopes_of(entry: &mirror_tests::scripted::Entry) -> String {
    let query = entry.target.split_once('?').map_or("", |(_, query)| query);
    let scopes = query.split('&').filter_map(|pair| pair.strip_prefix("scope="));
    let decoded = scopes.map(|scope| scope.replace("%3A", ":").replace("%2C", ","));
    decoded.map(|scope| scope.replace("%2F", "/")).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_password_goes_to_the_realm_and_the_token_to_the_registry() {
    let source = tokens_elsewhere();
    let destination = ScriptedRegistry::plain();
    seed(&source, "app", 1);
    let mirror = mirror()
        .host(&source.host(), ROBOT)
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    let done = mirror.sync(&["--verbose"]).run().await;
    done.assert_code(0);

    for entry in source.log().entries() {
        let shown = entry.authorization.as_deref();
        if entry.kind == Kind::Token {
            assert_eq!(shown, Some(ROBOT_BASIC));
        } else if entry.status == Some(401) {
            assert_eq!(shown, None);
        } else {
            assert!(shown.is_some_and(|shown| shown.starts_with("Bearer ")));
        }
    }
    assert!(done.stderr.contains(&source.other_url()), "a realm elsewhere is named: {done}");
    destination.log().assert_anonymous();
}

#[tokio::test]
async fn an_identity_token_is_posted_and_never_in_a_url() {
    let robot = User { refresh_token: Some("identity-7".to_owned()), ..User::new("x", "y") };
    let source = with_tokens(TokenAuth { users: vec![robot], ..TokenAuth::default() });
    let destination = ScriptedRegistry::plain();
    seed(&source, "app", 2);
    let mirror = mirror()
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    mirror.binary.write_docker_config(&serde_json::json!({"auths": {
        source.host(): {"auth": "MDAwMDAwMDA6", "identitytoken": "identity-7"}
    }}));
    mirror.sync(&[]).run().await.assert_code(0);

    let log = source.log();
    let tokens = log.kind(Kind::Token);
    assert_eq!(tokens.count(), 1, "{log}");
    let [entry] = tokens.entries() else { unreachable!("counted above") };
    assert_eq!((entry.method.as_str(), entry.target.as_str()), ("POST", "/token"));
    assert_eq!(entry.authorization, None);
    let form = String::from_utf8_lossy(&entry.body);
    for part in [
        "grant_type=refresh_token",
        "service=scripted",
        "scope=repository%3Aapp%3Apull",
        "refresh_token=identity-7",
        "client_id=",
    ] {
        assert!(form.contains(part), "{part} in {form}");
    }
    assert!(log.entries().iter().all(|entry| !entry.target.contains("identity-7")), "{log}");
}

#[tokio::test]
async fn a_token_is_not_used_after_its_end() {
    let users = vec![User::new("robot", "hunter2")];
    let auth = TokenAuth { users, ..TokenAuth::default() };
    let lifetime = Duration::from_secs(1);
    let short = TokenAuth { lifetime, expires_in: Some(1), ..auth.clone() };
    let (source, destination) = (with_tokens(short), ScriptedRegistry::plain());
    seed(&source, "app", 1);
    // The token is good for less than a second; what comes after the list needs another.
    let late = Fault::none().delay(Duration::from_millis(1100));
    source.script(Rule::on(Kind::Tags).with_header("authorization", "Bearer"), late);
    let mirror = mirror()
        .host(&source.host(), ROBOT)
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    mirror.sync(&[]).run().await.assert_code(1);
    // The list itself came too late for its token: each of its tries shows a fresh one.
    source.clear_script();
    source.clear_log();
    destination.clear_log();
    // Of a token that the registry itself would take for longer, the end is what was told of it. With
    // seconds for what comes before the wait, and for what comes after it.
    source.set(|options| {
        options.auth = Auth::Token(TokenAuth { expires_in: Some(5), ..auth });
    });
    let late = Fault::none().delay(Duration::from_secs(6));
    destination.script(Rule::on(Kind::ManifestHead), late);
    mirror.sync(&[]).run().await.assert_code(0);
    let log = source.log();
    assert_eq!(challenges(&log), 1, "only the first request met a 401: {log}");
    assert_eq!(log.kind(Kind::Token).count(), 2, "{log}");
    let looks = destination.log().kind(Kind::ManifestHead);
    let looked = looks.entries()[0].answering.expect("it was answered");
    let shown = |is_late: bool| -> BTreeSet<String> {
        let asked =
            log.only(|entry| entry.kind != Kind::Token && (entry.start > looked) == is_late);
        asked.entries().iter().filter_map(|entry| entry.authorization.clone()).collect()
    };
    assert!(shown(false).is_disjoint(&shown(true)) && !shown(true).is_empty(), "{log}");
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_for_all() {
    let (source, destination) = (ScriptedRegistry::plain(), token_registry());
    seed(&source, "app", 40);
    seed(&destination, "app", 40);
    // The first look goes alone. Then as many as are sent at once at first: each of them meets a 401 and waits for one renewal.
    let gate = Gate::closed();
    let revoke = destination.revoker();
    destination.script(Rule::on(Kind::ManifestHead).after(2), Fault::none().hold(&gate));
    let mirror = mirror()
        .host(&destination.host(), ROBOT)
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    let running = mirror.sync(&[]).spawn();
    gate.reached(16).await;
    revoke();
    gate.resume();
    running.wait().await.assert_code(0);
    let log = destination.log();
    assert_eq!(log.kind(Kind::Token).count(), 2, "{log}");
    assert!(challenges(&log) >= 17, "{log}");
    assert_eq!(log.kind(Kind::ManifestHead).admitted().count(), 40, "{log}");
}

#[tokio::test]
async fn who_reads_for_anybody_may_still_want_tokens_of_writers() {
    let (source, destination) = (ScriptedRegistry::plain(), token_registry());
    seed(&source, "app", 1);
    destination.script(Rule::on(Kind::ManifestHead), Fault::status(404));
    destination.script(Rule::on(Kind::Tags), Fault::error(404, "NAME_UNKNOWN"));
    let mirror = mirror()
        .host(&destination.host(), ROBOT)
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    mirror.sync(&[]).run().await.assert_code(0);
    let log = destination.log();
    assert_eq!(log.kind(Kind::Token).count(), 1, "{log}");
    assert_eq!(log.kind(Kind::UploadPost).admitted().count(), 3, "{log}");
    log.only(|entry| matches!(entry.kind, Kind::ManifestHead | Kind::Tags)).assert_anonymous();
}

#[tokio::test]
async fn a_refusal_of_good_tokens_is_not_argued_with() {
    let (source, destination) = (ScriptedRegistry::plain(), token_registry());
    seed(&source, "app", 1);
    let refuse = |request: &mirror_tests::scripted::Request, _: &_| {
        let answer = Answer::error(401, "UNAUTHORIZED", "no");
        let realm = format!("Bearer realm=\"http://{}/token\"", request.header("host")?);
        Some(answer.with("WWW-Authenticate", realm))
    };
    let refused = destination.script(Rule::on(Kind::UploadPost), Fault::instead(refuse));
    let mirror = mirror()
        .host(&destination.host(), ROBOT)
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    let done = mirror.sync(&["--concurrency", "1"]).run().await;
    done.assert_code(1);
    // The first of the blobs: once, and once with a token that was renewed.
    assert_eq!(refused.fired(), 2, "{}", destination.log());
    assert_eq!(destination.log().kind(Kind::Token).count(), 2, "{}", destination.log());
    assert!(done.stdout.contains("refuses access to app@sha256:"), "{done}");
}

#[tokio::test]
async fn a_403_is_neither_renewed_nor_repeated() {
    let (source, destination) = (ScriptedRegistry::plain(), token_registry());
    seed(&source, "app", 1);
    for kind in [Kind::UploadPost, Kind::UploadPut, Kind::ManifestPut] {
        destination.clear_log();
        destination.clear_script();
        let denied = destination.script(Rule::on(kind), Fault::error(403, "DENIED"));
        let mirror = mirror()
            .host(&destination.host(), ROBOT)
            .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
        let done = mirror.sync(&["--concurrency", "1"]).run().await;
        done.assert_code(1);
        assert_eq!(denied.fired(), 1, "{kind:?}: {}", destination.log());
        assert_eq!(destination.log().kind(Kind::Token).count(), 1, "{}", destination.log());
        assert_eq!(destination.log().kind(Kind::UploadStatus).count(), 0, "{}", destination.log());
        assert!(done.stdout.contains("denies access to app"), "{done}");
    }
}

#[tokio::test]
async fn a_token_server_that_refuses_is_asked_once_and_named() {
    let (source, destination) = (token_registry(), ScriptedRegistry::plain());
    seed(&source, "app", 1);
    let mirror = mirror()
        .host(&source.host(), "username: robot, credential: {value: wrong}")
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    let done = mirror.sync(&[]).run().await;
    done.assert_code(1);
    assert_eq!(source.log().kind(Kind::Token).count(), 1, "{}", source.log());
    let text = format!("plan failed: no token for {} from {}", source.host(), source.url());
    assert!(done.stdout.contains(&text), "{done}");
}

#[tokio::test]
async fn a_first_request_that_breaks_lets_all_others_go() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    let mut mirror = mirror();
    for name in ["a", "b", "c", "d", "e"] {
        source.store().push(name, "v1", &two_platforms(name));
        let (from, to) = (source.host(), destination.host());
        mirror = mirror.artifact(&format!("{from}/{name}"), &format!("{to}/{name}"));
    }
    let (first, others) = (Gate::closed(), Gate::closed());
    source.script(Rule::on(Kind::Tags).nth(1), Fault::close(Stop::Reset).hold(&first));
    source.script(Rule::on(Kind::Tags).after(1), Fault::none().hold(&others));
    let running = mirror.sync(&[]).spawn();
    // One by one, each would wait for the one before it.
    others.reached(4).await;
    others.resume();
    running.wait().await.assert_code(0);
    destination.store().assert_whole();
}

#[tokio::test]
async fn the_scope_of_one_repository_is_not_asked_for_another() {
    let (source, destination) = (token_registry(), ScriptedRegistry::plain());
    seed(&source, "app2", 1);
    seed(&source, "app", 1);
    let (from, to) = (source.host(), destination.host());
    let mirror = mirror()
        .host(&from, ROBOT)
        .artifact(&format!("{from}/app2"), &format!("{to}/app2"))
        .artifact(&format!("{from}/app"), &format!("{to}/app"));
    mirror.sync(&[]).run().await.assert_code(0);
    let mut scopes: Vec<String> =
        source.log().kind(Kind::Token).entries().iter().map(scopes_of).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, ["repository:app2:pull", "repository:app:pull"]);
}

#[tokio::test]
async fn a_registry_that_calls_a_repository_by_another_name_gets_a_token_for_that_too() {
    let (source, destination) = (token_registry(), ScriptedRegistry::plain());
    seed(&source, "app", 1);
    // An Artifactory knows `app` as `remote-cache/app`, and its tokens say so.
    let renamed = Fault::none().edit(|_, answer| {
        if let Some(text) = answer.header("www-authenticate") {
            let text = text.replace("repository:app:", "repository:remote-cache/app:");
            answer.set("WWW-Authenticate", text);
        }
    });
    source.script(Rule::any(), renamed);
    let mirror = mirror()
        .host(&source.host(), ROBOT)
        .artifact(&format!("{}/app", source.host()), &format!("{}/app", destination.host()));
    mirror.sync(&[]).run().await.assert_code(0);
    let tokens = source.log().kind(Kind::Token);
    assert_eq!(tokens.count(), 1, "{tokens}");
    let scopes = scopes_of(&tokens.entries()[0]);
    assert_eq!(scopes, "repository:app:pull repository:remote-cache/app:pull");
}
