//! TLS settings of one host: they decide for it, and for nobody else.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mirror_tests::pki::Pki;
use mirror_tests::scripted::{Fault, Rule, ScriptedOptions, ScriptedRegistry};
use mirror_transport::{
    Authorities, Budget, Host, HostOptions, Identity, Method, Options, Request, Scheme, Timing,
    Tls, TlsError, Transport, TransportError, Trust,
};

fn transport() -> Transport {
    with_checks(true)
}

fn with_checks(checks: bool) -> Transport {
    Transport::new(Options {
        insecure: !checks,
        user_agent: "test".to_owned(),
        timing: Timing::default(),
    })
}

/// Starts a server of `pki` that asks for certificates of its clients, or does not.
fn server(pki: &Pki, client_certificates: bool) -> ScriptedRegistry {
    let tls = Some(pki.clone());
    ScriptedRegistry::start(ScriptedOptions { tls, client_certificates, ..Default::default() })
}

fn ca(pki: &Pki) -> Trust {
    Trust::Authorities(Authorities::from_pem(&fs::read(pki.ca()).unwrap()).unwrap())
}

fn foreign_ca(pki: &Pki) -> Trust {
    Trust::Authorities(Authorities::from_pem(&fs::read(pki.foreign_ca()).unwrap()).unwrap())
}

fn client(pki: &Pki) -> Identity {
    let (certificate, key) = pki.client();
    Identity::from_pem(&fs::read(certificate).unwrap(), &fs::read(key).unwrap()).unwrap()
}

fn with(tls: Tls) -> HostOptions {
    HostOptions { tls: Some(tls), ..HostOptions::default() }
}

/// Asks `host` something small; returns the status of what came.
async fn ask(host: &Host) -> Result<u16, TransportError> {
    get(host, "/v2/").await
}

async fn get(host: &Host, path: &str) -> Result<u16, TransportError> {
    let budget = Budget::new(Duration::from_secs(20));
    let response = host.send(Request::new(Method::GET, path), &budget).await?;
    Ok(response.status.as_u16())
}

/// Asserts that a certificate was refused, whoever's.
#[track_caller]
fn assert_refused(asked: &Result<u16, TransportError>) {
    assert!(matches!(asked, Err(TransportError::Tls { certificate: true, .. })), "{asked:?}");
}

#[tokio::test]
async fn authorities_replace_those_of_the_system() {
    let pki = Pki::new();
    let (server, transport) = (server(&pki, false), transport());
    let host = transport.host_with(&server.host(), with(Tls::new(ca(&pki), None)));
    assert_eq!(ask(&host).await.unwrap(), 200);
    for trust in [foreign_ca(&pki), Trust::System] {
        let host = transport.host_with(&server.host(), with(Tls::new(trust, None)));
        assert_refused(&ask(&host).await);
    }
    let host = transport.host_with(&server.host(), with(Tls::new(Trust::Anybody, None)));
    assert_eq!(ask(&host).await.unwrap(), 200);
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_host_that_it_is_for() {
    let pki = Pki::new();
    let (server, transport) = (server(&pki, true), transport());
    let host = |identity| {
        let tls = Tls::new(ca(&pki), identity);
        transport.host_with(&server.host(), with(tls))
    };
    assert_refused(&ask(&host(None)).await);
    assert_eq!(ask(&host(Some(client(&pki)))).await.unwrap(), 200);
    let (certificate, key) = pki.other_client();
    let stranger = Identity::from_pem(&fs::read(certificate).unwrap(), &fs::read(key).unwrap());
    assert_refused(&ask(&host(Some(stranger.unwrap()))).await);
    // Whoever has none of his own does not come in over the connections of those who have.
    assert_refused(&ask(&host(None)).await);
}

#[tokio::test]
async fn settings_are_told_apart_by_who_made_them() {
    let pki = Pki::new();
    let transport = transport();
    let tls = Tls::new(ca(&pki), None);
    let host = |tls: &Tls| transport.host_with("a.example", with(tls.clone()));
    let first = host(&tls);
    assert!(Arc::ptr_eq(&first, &host(&tls)));
    assert!(!Arc::ptr_eq(&first, &host(&Tls::new(ca(&pki), None))));
    assert!(!Arc::ptr_eq(&first, &transport.host("a.example", None)));
}

#[tokio::test]
async fn what_holds_for_a_host_does_not_hold_where_it_sends_us() {
    let pki = Pki::new();
    let (server, transport) = (server(&pki, true), transport());
    let other = format!("{}/v2/", server.other_url());
    server.script(Rule::any(), Fault::redirect(307, &other));
    let tls = Tls::new(ca(&pki), Some(client(&pki)));
    let host = transport.host_with(&server.host(), with(tls));
    match ask(&host).await {
        Err(TransportError::Tls { host, certificate: true, .. }) => {
            assert_eq!(host, server.other_url());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_was_sent_away_and_back_is_nobody() {
    let pki = Pki::new();
    // Else the way would end at the other host, whom the system does not trust.
    let (home, transport) = (server(&pki, true), with_checks(false));
    let away = server(&pki, false);
    home.script(Rule::any(), Fault::redirect(307, &format!("{}/away", away.url())));
    away.script(Rule::any(), Fault::redirect(307, &format!("{}/back", home.url())));
    let tls = Tls::new(ca(&pki), Some(client(&pki)));
    let host = transport.host_with(&home.host(), with(tls));
    match ask(&host).await {
        Err(TransportError::Tls { host, certificate: true, .. }) => assert_eq!(host, home.url()),
        other => panic!("{other:?}"),
    }
    assert_eq!((home.log().count(), away.log().count()), (1, 1));
}

#[tokio::test]
async fn tls_that_is_asked_for_is_not_given_up_on_this_machine() {
    let pki = Pki::new();
    let (server, transport) = (ScriptedRegistry::plain(), transport());
    let host = transport.host_with(&server.host(), with(Tls::new(ca(&pki), None)));
    let asked = ask(&host).await;
    assert!(matches!(asked, Err(TransportError::NotTls { .. })), "{asked:?}");
    let https = HostOptions { scheme: Scheme::Https, ..HostOptions::default() };
    let asked = ask(&transport.host_with(&server.host(), https)).await;
    assert!(matches!(asked, Err(TransportError::NotTls { .. })), "{asked:?}");
    server.log().assert(&[]);
    assert_eq!(ask(&transport.host(&server.host(), None)).await.unwrap(), 200);
}

#[tokio::test]
async fn http_that_is_written_so_is_spoken_from_the_first_request_on() {
    let (server, transport) = (ScriptedRegistry::plain(), transport());
    let http = HostOptions { scheme: Scheme::Http, ..HostOptions::default() };
    let host = transport.host_with(&server.host(), http);
    assert!(host.is_plain());
    assert_eq!(ask(&host).await.unwrap(), 200);
    assert_eq!(server.log().entries()[0].connection, 1, "{}", server.log());
}

#[tokio::test]
async fn a_pair_that_changes_is_shown_from_the_next_handshake_on() {
    let pki = Pki::new();
    let (server, transport) = (server(&pki, true), transport());
    let [good, other] = [pki.client(), pki.other_client()]
        .map(|(certificate, key)| [fs::read(certificate).unwrap(), fs::read(key).unwrap()]);
    let mixed = [good[0].clone(), other[1].clone()];
    let held = Arc::new(Mutex::new(Ok(good.clone())));
    let reading = Arc::clone(&held);
    let read = move || reading.lock().unwrap().clone();
    let identity = Identity::reloading(other.clone(), read).unwrap();
    // Connections of their own, so that each asks anew.
    let ask = async || {
        let tls = Tls::new(ca(&pki), Some(identity.clone()));
        ask(&transport.host_with(&server.host(), with(tls))).await
    };
    let put = |pair: Result<[Vec<u8>; 2], &'static str>| *held.lock().unwrap() = pair;
    assert_eq!(ask().await.unwrap(), 200);
    // Between two renames, or while a mount is swapped: the pair that was good stays.
    for unusable in [Ok(mixed), Err("gone"), Ok([Vec::new(), Vec::new()])] {
        put(unusable);
        assert_eq!(ask().await.unwrap(), 200);
    }
    put(Ok(other));
    assert_refused(&ask().await);
    put(Ok(good));
    assert_eq!(ask().await.unwrap(), 200);
}

#[test]
fn pem_of_no_use_says_what_is_wrong_and_nothing_of_a_key() {
    let pki = Pki::new();
    let [ca, (certificate, key)] = [(pki.ca(), pki.ca()), pki.client()]
        .map(|(a, b)| (fs::read(a).unwrap(), fs::read(b).unwrap()));
    let other_key = fs::read(pki.other_client().1).unwrap();
    let authorities = |pem: &[u8]| Authorities::from_pem(pem).unwrap_err();
    let identity =
        |certificate: &[u8], key: &[u8]| Identity::from_pem(certificate, key).unwrap_err();
    assert!(matches!(authorities(b""), TlsError::NoCertificate));
    assert!(matches!(authorities(&key), TlsError::NoCertificate));
    assert!(matches!(authorities(b"-----BEGIN CERTIFICATE-----\n"), TlsError::NotPem));
    let broken = b"-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n";
    let second = [&ca.0[..], broken].concat();
    assert!(matches!(authorities(&second), TlsError::Authority { number: 2, .. }));
    assert!(matches!(identity(&certificate, b"hunter2"), TlsError::NoKey));
    assert!(matches!(identity(b"", &key), TlsError::NoCertificate));
    assert!(matches!(identity(&certificate, &other_key), TlsError::Key(_)));
    assert!(Identity::from_pem(&certificate, &key).is_ok());
    // As some tools write them: both in one file.
    let both = [&certificate[..], &key[..]].concat();
    assert!(Identity::from_pem(&both, &both).is_ok());
}
