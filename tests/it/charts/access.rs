//! Helm's repositories.yaml, in one process and in a fleet's: each reads its own.

use mirror_tests::binary::Call;
use mirror_tests::chart::{chart, digest, index};
use mirror_tests::pki::Pki;
use mirror_tests::servers::{FileServer, FileServerOptions};

use super::*;
use crate::fleet::processes::Fleet;
use crate::requests::pair::{assert_rows, error_of};

/// `me:hunter2`.
const BASIC: &str = "Basic bWU6aHVudGVyMg==";

/// Asks for the user at everything below `/charts`.
fn asks(world: &World) {
    let is_nobody =
        |request: &mirror_tests::scripted::Request| request.header("authorization") != Some(BASIC);
    let rule = Rule::on(Kind::Other).target("/charts/*").matching(is_nobody);
    let challenge = Answer::status(401).with("WWW-Authenticate", "Basic realm=\"charts\"");
    world.repository.script(rule, Fault::answer(challenge));
}

/// Helm's file, with these fields of an entry for a repository.
fn helm_file(url: &str, fields: &str) -> String {
    format!("repositories:\n- {{name: private, url: '{url}', {fields}}}\n")
}

#[tokio::test]
async fn a_user_is_found_where_helm_keeps_it() {
    for (variable, file) in [
        (None, "home/.config/helm/repositories.yaml"),
        (Some(("XDG_CONFIG_HOME", "xdg")), "xdg/helm/repositories.yaml"),
        (Some(("HELM_CONFIG_HOME", "config")), "config/repositories.yaml"),
        (Some(("HELM_REPOSITORY_CONFIG", "own.yaml")), "own.yaml"),
    ] {
        let mut world = World::of(&["1.0.0"], "");
        asks(&world);
        let url = format!("{}/", world.url());
        world.mirror.write(file, helm_file(&url, "username: me, password: hunter2"));
        if let Some((name, value)) = variable {
            let value = world.mirror.folder().join(value);
            world.mirror.set_env(name, value);
        }
        let done = world.sync_well().await;
        assert_rows(&done, 0, &[("1.0.0", "copied")]);
        assert!(!format!("{done}").contains("hunter2"), "{done}");
        world.registry.log().assert_anonymous();
    }
}

#[tokio::test]
async fn the_log_says_where_a_user_comes_from() {
    let mut world = World::of(&["1.0.0"], "");
    let host = world.repository.host();
    let verbose = async |world: &World| {
        let done = world.mirror.call(["sync", "mirror.yaml", "--verbose"]).run().await;
        done.assert_code(0);
        let line = format!(" using credential host={host} source=");
        let said: Vec<&str> =
            done.stderr.lines().filter_map(|one| Some(one.split_once(&line)?.1)).collect();
        assert!(!format!("{done}").contains("hunter2"), "{done}");
        said.join("\n")
    };
    assert_eq!(verbose(&world).await, "\"none, anonymous\"");
    asks(&world);
    let file = helm_file(&world.url(), "username: me, password: hunter2");
    let path = world.mirror.write("own.yaml", file);
    world.mirror.set_env("HELM_REPOSITORY_CONFIG", &path);
    let expected = format!("\"repository `private` in {}\"", path.display());
    assert_eq!(verbose(&world).await, expected);
}

#[tokio::test]
async fn a_refusal_says_who_was_shown_or_where_it_looked() {
    let world = World::of(&["1.0.0"], "");
    asks(&world);
    let file = world.mirror.folder().join("home/.config/helm/repositories.yaml");
    let (file, url) = (file.display(), world.url());
    let refused = async || {
        let done = world.sync(&[]).await;
        done.assert_code(1);
        plan_error(&done, 0)
    };
    let expected = format!(
        "{url}/index.yaml answered 401: there is no {file} to find a user in; helm repo add makes it"
    );
    assert_eq!(refused().await, expected);
    let path = "home/.config/helm/repositories.yaml";
    world.mirror.write(path, helm_file("https://charts.example.org", "username: me"));
    let expected = format!(
        "{url}/index.yaml answered 401: no repository of {file} has the URL {url}; helm repo add \
         adds it"
    );
    assert_eq!(refused().await, expected);
    world.mirror.write(path, helm_file(&url, "username: me, password: wrong"));
    let said = refused().await;
    let expected =
        format!("{url}/index.yaml answered 401: the user of repository `private` was shown");
    assert!(said.starts_with(&expected) && !said.contains("wrong"), "{said}");
    // Not again and again: who is locked out after three tries is locked out by us.
    assert_eq!(world.asked().len(), 3);
}

#[tokio::test]
async fn a_file_that_is_broken_is_an_error_and_nobody_is_asked() {
    let world = World::of(&["1.0.0"], "");
    let path = "home/.config/helm/repositories.yaml";
    world.mirror.write(path, helm_file(&world.url(), "password: [hunter2]"));
    let done = world.sync(&[]).await;
    done.assert_code(1);
    let file = world.mirror.folder().join(path);
    let expected = format!("`repositories[0].password` of {} is a list, not text", file.display());
    assert_eq!(plan_error(&done, 0), expected);
    assert_eq!(world.repository.log().count(), 0);
}

#[tokio::test]
async fn a_user_goes_elsewhere_only_where_helm_says_so() {
    let archive = chart("app", "1.0.0");
    for (fields, shown) in [
        ("username: me, password: hunter2", None),
        ("username: me, password: hunter2, pass_credentials_all: true", Some(BASIC)),
    ] {
        let world = World::of(&[], "");
        let elsewhere = ScriptedRegistry::plain();
        let rule = Rule::on(Kind::Other).target("/app.tgz");
        elsewhere.script(rule, Fault::answer(Answer::status(200).body(archive.clone())));
        let url = format!("{}/app.tgz", elsewhere.url());
        world.serve_bytes("index.yaml", index("app", &[("1.0.0", &url, &digest(&archive))]));
        let path = "home/.config/helm/repositories.yaml";
        world.mirror.write(path, helm_file(&world.url(), fields));
        assert_rows(&world.sync_well().await, 0, &[("1.0.0", "copied")]);
        let log = world.repository.log();
        assert_eq!(log.entries()[0].authorization.as_deref(), Some(BASIC));
        let log = elsewhere.log();
        assert_eq!(log.entries()[0].authorization.as_deref(), shown, "{fields}");
    }
}

/// Real TLS: an authority of our own, a certificate that is asked for, and a user.
#[tokio::test]
async fn a_repository_behind_certificates_is_mirrored() {
    let pki = Pki::new();
    let mut world = World::new();
    let folder = world.mirror.folder().join("repository");
    let archive = chart("app", "1.0.0");
    world.mirror.write("repository/app.tgz", &archive);
    let listed = index("app", &[("1.0.0", "app.tgz", &digest(&archive))]);
    world.mirror.write("repository/index.yaml", listed);
    let options = FileServerOptions {
        basic: Some(("me".to_owned(), "hunter2".to_owned())),
        tls: Some(pki.clone()),
        client_certificates: true,
    };
    let server = FileServer::start(&folder, options).await;
    let url = format!("https://{}", server.host());
    world.config_of(&url, &format!("oci://{}/mirrored", world.registry.host()), &[("app", "")]);
    let path = world.mirror.folder().join("repositories.yaml");
    world.mirror.set_env("HELM_REPOSITORY_CONFIG", &path);

    let (certificate, key) = pki.client();
    let ca = format!("caFile: '{}'", pki.ca().display());
    let client = format!("certFile: '{}', keyFile: '{}'", certificate.display(), key.display());
    let user = "username: me, password: hunter2";
    for (fields, held) in [
        (user.to_owned(), "the system's authorities alone, since repository `private` in "),
        (format!("{user}, {ca}"), "caFile of repository `private` in "),
        (format!("{user}, {client}"), "certFile of repository `private` in "),
    ] {
        world.mirror.write("repositories.yaml", helm_file(&url, &fields));
        let done = world.sync(&["--retries=0"]).await;
        done.assert_code(1);
        let said = plan_error(&done, 0);
        let expected = format!("{url}/index.yaml was asked for by {held}");
        assert!(said.starts_with(&expected), "{said}");
        assert!(said.contains(&format!(": no TLS session with {}: ", server.host())), "{said}");
    }
    assert_eq!(server.requests(), []);
    world.mirror.write("repositories.yaml", helm_file(&url, &format!("{ca}, {client}")));
    let done = world.sync(&[]).await;
    assert!(plan_error(&done, 0).contains("answered 401: repository `private`"), "{done}");
    world.mirror.write("repositories.yaml", helm_file(&url, &format!("{user}, {ca}, {client}")));
    assert_rows(&world.sync_well().await, 0, &[("1.0.0", "copied")]);
    world.assert_holds("1.0.0", &archive);
    let skips = format!("{user}, {client}, insecure_skip_tls_verify: true");
    world.mirror.write("repositories.yaml", helm_file(&url, &skips));
    assert_rows(&world.sync_well().await, 0, &[("1.0.0", "skipped")]);
    assert!(server.requests().iter().all(|served| served.client.is_some()));
}

/// Neither the caller's file nor what is in it gets into a fleet: coordinator and workers read their own.
#[tokio::test]
async fn a_fleet_reads_the_files_of_its_own_processes() {
    let world = World::of(&["1.0.0"], "");
    asks(&world);
    let mut fleet = Fleet::new(1).await;
    let known = helm_file(&world.url(), "username: me, password: hunter2");
    let known = fleet.binary.write("known.yaml", known);
    let unknown = fleet.binary.folder().join("unknown.yaml");
    let config = std::fs::read_to_string(world.mirror.folder().join("mirror.yaml")).unwrap();
    fleet.binary.write("mirror.yaml", config);
    let variable = "HELM_REPOSITORY_CONFIG";
    fleet.binary.set_env(variable, &known);
    fleet.coordinator(0, &[]);
    fleet.binary.set_env(variable, &unknown);
    fleet.worker(0, &[]);

    let report = ["-o", "json", "--retries=0"];
    let sync = || report.iter().fold(fleet.sync("mirror.yaml"), Call::arg);
    let done = sync().run().await;
    done.assert_code(1);
    let expected = format!(
        "{}/app-1.0.0.tgz answered 401: there is no {} to find a user in; helm repo add makes it",
        world.url(),
        unknown.display()
    );
    assert_eq!(error_of(&done, 0, "1.0.0"), expected);

    // The worker's file is there now; the caller has none.
    std::fs::copy(&known, &unknown).unwrap();
    let done = sync().env(variable, "/nowhere.yaml").run().await;
    done.assert_code(0);
    assert_rows(&done, 0, &[("1.0.0", "copied")]);
    world.assert_holds("1.0.0", &chart("app", "1.0.0"));
    assert!(fleet.logs().iter().all(|log| !log.contains("hunter2")));
}
