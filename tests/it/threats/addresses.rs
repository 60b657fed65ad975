//! Realms, redirects and Locations to where no registry may send us (threats S1, S2, S3).

use mirror_tests::forward_proxy::ForwardProxy;
use mirror_tests::mirror::Mirror;
use mirror_tests::scripted::{
    Answer, Auth, Fault, Kind, Listener, Realm, Rule, ScriptedRegistry, TokenAuth, User,
};

use super::{mirror, over_tls, registry};

/// Nobody may ever send us here: metadata services, link-local, unspecified; spelt in every way.
const NEVER: [&str; 14] = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.254.43518",
    "0251.0376.0251.0376",
    "[fe80::1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[2002:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "0.0.0.0",
    "0",
    "[::]",
];

/// A public registry may not send us here either.
const PRIVATE: [&str; 13] = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "[::1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:7f00:1]",
    "[fd12::1]",
];

/// How a registry sends somebody on.
#[derive(Clone, Copy, Debug)]
enum Way {
    Realm,
    Redirect,
    Location,
    Link,
}

/// Every spelling where credentials would go; they are read in one place, so a few do elsewhere.
fn some<'h>(hosts: &'h [&'h str], way: Way) -> impl Iterator<Item = &'h &'h str> {
    let step = if matches!(way, Way::Realm) { 1 } else { 5 };
    hosts.iter().step_by(step)
}

const WAYS: [Way; 4] = [Way::Realm, Way::Redirect, Way::Location, Way::Link];

/// Makes `source` (`destination` for uploads) send us to `url`.
fn lead(way: Way, source: &ScriptedRegistry, destination: &ScriptedRegistry, url: &str) {
    for registry in [source, destination] {
        registry.clear_script();
    }
    match way {
        Way::Realm => {
            let realm = Realm::Url(url.to_owned());
            source.set(|options| {
                options.auth = Auth::Token(TokenAuth { realm, ..TokenAuth::default() });
            });
        }
        Way::Redirect => {
            source.script(Rule::on(Kind::BlobGet), Fault::redirect(307, url));
        }
        Way::Location => {
            let answer = Answer::status(202).with("Location", url);
            destination.script(Rule::on(Kind::UploadPost), Fault::answer(answer));
        }
        Way::Link => {
            let link = format!("<{url}>; rel=\"next\"");
            source.script(Rule::on(Kind::Tags), Fault::none().header("Link", &link));
        }
    }
}

#[tokio::test]
async fn no_registry_leads_to_a_metadata_service() {
    for way in WAYS {
        let (source, destination) = (registry(), ScriptedRegistry::plain());
        for host in some(&NEVER, way) {
            lead(way, &source, &destination, &format!("http://{host}/latest"));
            let done = mirror(&source, &destination).sync(&["--timeout", "5s"]).run().await;
            done.assert_code(1);
            assert!(done.stdout.contains("refused to follow"), "{way:?} {host}: {done}");
            assert!(done.stdout.contains("the address is link-local"), "{way:?} {host}: {done}");
        }
    }
}

#[tokio::test]
async fn a_public_registry_leads_to_no_private_address() {
    for way in WAYS {
        let (source, destination) = (registry(), ScriptedRegistry::plain());
        // Names that only a proxy knows are public as far as anybody can tell.
        let places = [("source.test:80", &*source.host()), ("dest.test:80", &*destination.host())];
        let proxy = ForwardProxy::start(&places);
        for host in some(&PRIVATE, way) {
            lead(way, &source, &destination, &format!("http://{host}:8080/x"));
            let mirror = Mirror::new(env!("CARGO_BIN_EXE_flux-mirror"))
                .env("HTTP_PROXY", proxy.url())
                .env("HTTPS_PROXY", proxy.url())
                .artifact("source.test:80/app", "dest.test:80/app");
            let done = mirror.sync(&["--insecure", "--timeout", "5s"]).run().await;
            done.assert_code(1);
            assert!(done.stdout.contains("more private than the registry's own"), "{host}: {done}");
        }
        let asked = proxy.asked();
        assert!(
            asked.iter().all(|asked| asked.contains("source.test") || asked.contains("dest.test")),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn a_realm_without_encryption_gets_no_credentials_of_an_encrypted_registry() {
    let pki = mirror_tests::pki::Pki::new();
    let (source, destination) = (over_tls(&pki), ScriptedRegistry::plain());
    let thief = ScriptedRegistry::plain();
    let realms = [
        (format!("http://{}/token", thief.host()), "the realm is not encrypted"),
        (format!("http://{}/token", source.host()), "the realm is not encrypted"),
        (format!("https://user:word@{}/token", thief.host()), "the realm has a user in it"),
        ("ftp://example.com/token".to_owned(), "the realm is neither https nor http"),
        ("not a url".to_owned(), "the realm is no URL"),
        ("https://[fe80::1%25eth0]/token".to_owned(), "the realm is no URL"),
    ];
    for (realm, reason) in realms {
        let users = vec![User::new("robot", "hunter2")];
        let auth = TokenAuth { realm: Realm::Url(realm), users, ..TokenAuth::default() };
        source.set(|options| options.auth = Auth::Token(auth));
        let mirror = mirror(&source, &destination)
            .env("SSL_CERT_FILE", pki.ca())
            .host(&source.host(), "username: robot, credential: {value: hunter2}");
        let done = mirror.sync(&["--retries", "0"]).run().await;
        done.assert_code(1);
        assert!(done.stdout.contains(reason), "{reason}: {done}");
        assert!(!done.to_string().contains("word"), "{done}");
    }
    source.log().assert_anonymous();
    thief.log().assert(&[]);
}

#[tokio::test]
async fn nothing_leads_from_https_to_http() {
    let pki = mirror_tests::pki::Pki::new();
    let plain = ScriptedRegistry::plain();
    for way in [Way::Redirect, Way::Location, Way::Link] {
        let (source, destination) = (over_tls(&pki), over_tls(&pki));
        destination.store().untag("app", "v1");
        destination.store().remove_blobs("app");
        lead(way, &source, &destination, &format!("{}/somewhere", plain.url()));
        let mirror = mirror(&source, &destination).env("SSL_CERT_FILE", pki.ca());
        let done = mirror.sync(&["--retries", "0"]).run().await;
        done.assert_code(1);
        assert!(done.stdout.contains("it leads from https to http"), "{way:?} {done}");
    }
    plain.log().assert(&[]);
}

#[tokio::test]
async fn a_registry_behind_a_tls_proxy_may_write_its_own_location_as_http() {
    let pki = mirror_tests::pki::Pki::new();
    let (source, destination) = (registry(), over_tls(&pki));
    destination.store().untag("app", "v1");
    destination.set(|options| options.absolute_locations = true);
    let plain = Fault::none().edit(|_, answer| {
        if let Some(location) = answer.header("location") {
            let location = location.replace("https://", "http://");
            answer.set("Location", location);
        }
    });
    destination.script(Rule::any(), plain);
    let mirror = mirror(&source, &destination).env("SSL_CERT_FILE", pki.ca());
    mirror.sync(&[]).run().await.assert_code(0);
}

#[tokio::test]
async fn no_other_scheme_is_followed() {
    for way in [Way::Redirect, Way::Location, Way::Link] {
        let (source, destination) = (registry(), ScriptedRegistry::plain());
        for url in ["file:///etc/passwd", "ftp://example.com/x", "gopher://example.com/x"] {
            lead(way, &source, &destination, url);
            let done = mirror(&source, &destination).sync(&["--retries", "0"]).run().await;
            done.assert_code(1);
            assert!(done.stdout.contains("it is neither https nor http"), "{way:?} {done}");
        }
    }
}

#[tokio::test]
async fn redirects_have_an_end() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let elsewhere = format!("{}/v2/app/blobs/sha256:00", source.other_url());
    let redirects = source.script(Rule::on(Kind::BlobGet), Fault::redirect(302, &elsewhere));
    let done = mirror(&source, &destination).sync(&["--concurrency", "1"]).run().await;
    done.assert_code(1);
    assert!(done.stdout.contains("redirects more than 5 times"), "{done}");
    assert_eq!(redirects.fired(), 6, "{}", source.log());
}

#[tokio::test]
async fn the_token_client_follows_no_redirect() {
    let (source, destination) = (registry(), ScriptedRegistry::plain());
    let users = vec![User::new("robot", "hunter2")];
    source.set(|options| options.auth = Auth::Token(TokenAuth { users, ..TokenAuth::default() }));
    for status in [301, 302, 303, 307, 308] {
        let to = format!("{}/token", source.other_url());
        source.script(Rule::on(Kind::Token), Fault::redirect(status, &to));
        let robot = "username: robot, credential: {value: hunter2}";
        let mirror = mirror(&source, &destination).host(&source.host(), robot);
        mirror.sync(&["--retries", "0"]).run().await.assert_code(1);
    }
    let other = source.log().only(|entry| entry.listener == Listener::Other);
    assert_eq!(other.count(), 0, "{other}");
}
