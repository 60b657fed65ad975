//! TLS: whose certificates are good, and when there is none.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use mirror_tests::mirror::Mirror;
use mirror_tests::pki::Pki;
use mirror_tests::sample::image;
use mirror_tests::scripted::{ScriptedOptions, ScriptedRegistry};

use super::mirror;

/// Starts a registry that speaks TLS, with an image in it.
fn over_tls(pki: &Pki) -> ScriptedRegistry {
    let options = ScriptedOptions { tls: Some(pki.clone()), ..Default::default() };
    let registry = ScriptedRegistry::start(options);
    registry.store().push("app", "v1", &image("app"));
    registry
}

/// Mirrors from `source` into a new plain registry.
fn from(source: &ScriptedRegistry) -> (ScriptedRegistry, Mirror) {
    let destination = ScriptedRegistry::plain();
    let (from, to) = (source.host(), destination.host());
    let mirror = mirror().artifact(&format!("{from}/app"), &format!("{to}/app"));
    (destination, mirror)
}

#[tokio::test]
async fn ssl_cert_file_says_whom_to_trust() {
    let pki = Pki::new();
    let source = over_tls(&pki);
    let (destination, mirror) = from(&source);
    let mirror = mirror.env("SSL_CERT_FILE", pki.ca());
    let done = mirror.sync(&[]).run().await;
    done.assert_code(0);
    assert_eq!(done.stderr, "");
    destination.store().assert_holds("app", "v1", &image("app"));
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_refused_and_never_gone_around() {
    let pki = Pki::new();
    let source = over_tls(&pki);
    let (_destination, mirror) = from(&source);
    let mirror = mirror.env("SSL_CERT_FILE", pki.foreign_ca());
    let done = mirror.sync(&[]).run().await;
    done.assert_code(1);
    // Loopback may be plain, but not where it speaks TLS; and a certificate does not get better.
    assert!(done.stdout.contains(&format!("no TLS session with {}", source.host())), "{done}");
    source.log().assert(&[]);
}

#[tokio::test]
async fn insecure_takes_any_certificate_and_says_so() {
    let pki = Pki::new();
    let source = over_tls(&pki);
    let (destination, mirror) = from(&source);
    let mirror = mirror.env("SSL_CERT_FILE", pki.foreign_ca());
    let done = mirror.sync(&["--insecure"]).run().await;
    done.assert_code(0);
    let warning = "! --insecure: certificates are not checked, and traffic may not be encrypted\n";
    assert_eq!(done.stderr, warning);
    destination.store().assert_holds("app", "v1", &image("app"));
}

#[tokio::test]
async fn no_variable_turns_the_check_off() {
    let pki = Pki::new();
    let source = over_tls(&pki);
    let (_destination, mirror) = from(&source);
    let mut mirror = mirror.env("SSL_CERT_FILE", pki.foreign_ca());
    for name in ["SSL_NO_VERIFY", "GIT_SSL_NO_VERIFY", "FLUX_MIRROR_INSECURE", "INSECURE"] {
        mirror = mirror.env(name, "1");
    }
    mirror.sync(&[]).run().await.assert_code(1);
    source.log().assert(&[]);
}

#[tokio::test]
async fn without_any_roots_mozillas_are_used_with_a_warning() {
    let (source, destination) = (ScriptedRegistry::plain(), ScriptedRegistry::plain());
    source.store().push("app", "v1", &image("app"));
    let (from, to) = (source.host(), destination.host());
    let mirror = mirror().artifact(&format!("{from}/app"), &format!("{to}/app"));
    let empty = mirror.binary.write("empty.pem", "");
    let mirror = mirror.env("SSL_CERT_FILE", empty);
    let done = mirror.sync(&[]).run().await;
    done.assert_code(0);
    assert!(done.stderr.starts_with("! no CA certificates on this system"), "{done}");
    assert!(done.stderr.ends_with("using Mozilla's built in\n"), "{done}");
    assert_eq!(done.stderr.lines().count(), 1, "{done}");
}

/// Something that hangs up on each TLS hello, answers what comes in the clear by `answer`, and keeps
/// all that it was told.
struct HangsUp {
    host: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

#[expect(clippy::expect_used, reason = "a test may end where its own server cannot work")]
impl HangsUp {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let host = listener.local_addr().expect("a listener has an address").to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        // Ends with the test's process.
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut buffer = [0; 4096];
                let count = stream.read(&mut buffer).unwrap_or_default();
                keep.lock().expect("nobody panics in here").extend_from_slice(&buffer[..count]);
                if buffer[0] != 22 {
                    drop(stream.write_all(answer.as_bytes()));
                }
            }
        });
        Self { host, heard }
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("nobody panics in here")).into_owned()
    }
}

#[tokio::test]
async fn a_tls_server_that_hangs_up_is_told_nothing_in_the_clear() {
    // As Go's servers and nginx answer at a TLS port.
    let server = HangsUp::start("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request");
    let destination = ScriptedRegistry::plain();
    for flags in [&["--retries", "0"][..], &["--retries", "0", "--insecure"]] {
        let mirror = mirror()
            .host(&server.host, "credential: {value: s3cret}")
            .artifact(&format!("{}/app", server.host), &format!("{}/app", destination.host()));
        let done = mirror.sync(flags).run().await;
        done.assert_code(1);
        assert!(done.stdout.contains(&format!("cannot reach {}", server.host)), "{done}");
    }
    let heard = server.heard();
    assert!(!heard.contains("s3cret") && !heard.contains("/v2/app"), "{heard}");
}

#[tokio::test]
async fn a_plain_server_that_hangs_up_on_tls_is_found_out() {
    let tags = "HTTP/1.1 200 OK\r\nContent-Length: 21\r\nConnection: close\r\n\r\n{\"name\":\"app\",\"tags\":[]}";
    let server = HangsUp::start(tags);
    let destination = ScriptedRegistry::plain();
    let mirror =
        mirror().artifact(&format!("{}/app", server.host), &format!("{}/app", destination.host()));
    let done = mirror.sync(&["--retries", "0"]).run().await;
    assert!(server.heard().contains("GET /v2/app/tags/list"), "{}\n{done}", server.heard());
}
